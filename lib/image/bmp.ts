import { damaged, type Format, hasAscii, truncated, unsupported, viewOf } from "./format.ts";

/** The parts of a bitmap's two headers that matter. */
interface BmpHeader {
  readonly width: number;
  readonly height: number;
  readonly orientation: 1;
  /** Whether the first stored row is the top one. */
  readonly topDown: boolean;
  readonly bits: number;
  /** Whether the fourth byte of a 32-bit pixel is alpha. */
  readonly alpha: boolean;
  /** Where the colours and where the rows begin. */
  readonly palette: number;
  readonly pixels: number;
}

/** BMP (Windows 3 and later): unpacked, 1, 4, 8, 24 or 32 bits a pixel, rows from the bottom or from the top. */
export const bmp: Format = {
  matches: (bytes) => hasAscii(bytes, 0, "BM"),

  header: readHeader,

  // deno-lint-ignore require-await
  async pixels(bytes, name) {
    const header = readHeader(bytes, name);
    const { width, height, bits } = header;
    const stride = (width * bits + 31 >> 5) * 4;
    if (header.pixels + stride * height > bytes.length) {
      throw truncated(
        name,
        `${bytes.length} bytes`,
        `${header.pixels + stride * height} for ${width} × ${height} pixels`,
      );
    }
    const data = new Uint8ClampedArray(width * height * 4);
    const read = bits <= 8 ? paletteReader(bytes, header) : colorReader(bytes, header);
    for (let y = 0, out = 0; y < height; y++) {
      const row = header.pixels + stride * (header.topDown ? y : height - 1 - y);
      for (let x = 0; x < width; x++, out += 4) read(row, x, data, out);
    }
    return { width, height, data };
  },
};

function readHeader(bytes: Uint8Array, name: string): BmpHeader {
  if (bytes.length < 54) throw truncated(name, `${bytes.length} bytes`, "a header of at least 54");
  const view = viewOf(bytes);
  const size = view.getUint32(14, true);
  const bits = view.getUint16(28, true);
  const packing = view.getUint32(30, true);
  const mend = "Save it as PNG, or leave it out.";
  if (size < 40) throw unsupported(name, `a BMP with a header of ${size} bytes (OS/2)`, "40 bytes or more", mend);
  if (![1, 4, 8, 24, 32].includes(bits)) {
    throw unsupported(name, `a BMP of ${bits} bits a pixel`, "1, 4, 8, 24 or 32", mend);
  }
  const masked = packing === 3 && bits === 32 && isBgra(view);
  if (packing !== 0 && !masked) throw unsupported(name, `a BMP with packing ${packing}`, "an unpacked one", mend);
  const height = view.getInt32(22, true);
  const pixels = view.getUint32(10, true);
  if (pixels < 14 + size) throw damaged(name, `pixels that begin at byte ${pixels}, inside the header`);
  return {
    width: view.getInt32(18, true),
    height: Math.abs(height),
    orientation: 1,
    topDown: height < 0,
    bits,
    alpha: masked && size >= 56 && view.getUint32(66, true) === 0xff000000,
    palette: 14 + size,
    pixels,
  };
}

/** Whether the colour masks behind the header are those of the usual order: blue, green, red. */
function isBgra(view: DataView): boolean {
  return view.byteLength >= 70 &&
    [0xff0000, 0xff00, 0xff].every((mask, i) => view.getUint32(54 + 4 * i, true) === mask);
}

type PixelReader = (row: number, x: number, out: Uint8ClampedArray, at: number) => void;

/** Indices of 1, 4 or 8 bits into a table of blue, green, red, 0; beyond the table all is black. */
function paletteReader(bytes: Uint8Array, { bits, palette, pixels }: BmpHeader): PixelReader {
  const perByte = 8 / bits;
  return (row, x, out, at) => {
    const shift = 8 - bits * (x % perByte + 1);
    const index = bytes[row + Math.floor(x / perByte)]! >> shift & (1 << bits) - 1;
    const color = palette + 4 * index;
    if (color + 4 <= pixels) { for (let c = 0; c < 3; c++) out[at + c] = bytes[color + 2 - c]!; }
    out[at + 3] = 255;
  };
}

function colorReader(bytes: Uint8Array, { bits, alpha }: BmpHeader): PixelReader {
  const size = bits / 8;
  return (row, x, out, at) => {
    const color = row + x * size;
    for (let c = 0; c < 3; c++) out[at + c] = bytes[color + 2 - c]!;
    out[at + 3] = alpha ? bytes[color + 3]! : 255;
  };
}
