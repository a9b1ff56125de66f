import mozjpeg from "@jsquash/jpeg/codec/dec/mozjpeg_dec.js";
import wasm from "@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm" with { type: "bytes" };
import { orientationOf } from "./exif.ts";
import { damaged, type Format, hasAscii, truncated, unsupported, viewOf } from "./format.ts";
import { type CodecFactory, wasmDecoder } from "./wasm.ts";

const factory: CodecFactory = mozjpeg;
const decode = wasmDecoder(factory, wasm, false); // false: leave the orientation to us

/** JPEG (ITU T.81), decoded by libjpeg-turbo's code: baseline and progressive, grey, YCbCr and RGB, 8 bits. */
export const jpeg: Format = {
  matches: (bytes) => bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff,

  header(bytes, name) {
    const { frame, exif } = segments(bytes, name);
    const precision = frame.getUint8(0);
    const components = frame.getUint8(5);
    const mend =
      "Convert it to RGB with 8 bits a channel (in ImageMagick: -colorspace sRGB -depth 8), or leave it out.";
    if (components === 4) {
      throw unsupported(name, "a JPEG in CMYK, the colours of a printing press", "grey or RGB", mend);
    }
    if (precision !== 8) throw unsupported(name, `a JPEG with ${precision} bits a channel`, "8 bits", mend);
    return {
      width: frame.getUint16(3),
      height: frame.getUint16(1),
      orientation: exif === undefined ? 1 : orientationOf(exif),
    };
  },

  async pixels(bytes, name, header) {
    const { picture, warnings, cause } = await decode(bytes);
    if (warnings.some((line) => line.startsWith("Premature end of JPEG file"))) {
      throw truncated(name, `${bytes.length} bytes`, `the whole of ${header.width} × ${header.height} pixels`);
    }
    if (picture === null) throw damaged(name, `libjpeg says: ${warnings.join("; ") || "no reason"}`, cause);
    return picture;
  },
};

/** Walks the segments up to the first scan: the frame header (SOF) and the EXIF block. */
function segments(bytes: Uint8Array, name: string): { frame: DataView; exif?: Uint8Array } {
  let frame: DataView | undefined;
  let exif: Uint8Array | undefined;
  const view = viewOf(bytes);
  for (let at = 2;;) {
    if (at + 4 > bytes.length) throw truncated(name, `${bytes.length} bytes`, "a header and a scan of pixels");
    if (bytes[at] !== 0xff) throw damaged(name, `no JPEG marker at byte ${at}`);
    const marker = bytes[at + 1]!;
    if (marker === 0xff) { // a fill byte
      at++;
      continue;
    }
    const end = at + 2 + view.getUint16(at + 2);
    if (end > bytes.length) throw truncated(name, `${bytes.length} bytes`, `a segment of its header up to byte ${end}`);
    const segment = bytes.subarray(at + 4, Math.max(at + 4, end));
    if (isFrame(marker) && segment.length >= 6) frame ??= viewOf(segment);
    if (marker === 0xe1 && hasAscii(segment, 0, "Exif\0\0")) exif ??= segment.subarray(6);
    if (marker === 0xda || marker === 0xd9) break;
    at = end;
  }
  if (frame === undefined) throw damaged(name, "a JPEG without a frame header");
  return exif === undefined ? { frame } : { frame, exif };
}

/** SOF0 … SOF15, without the three markers of that range that mean something else. */
function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}
