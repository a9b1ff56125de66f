import wasm from "imagescript/wasm/any/gif.wasm" with { type: "bytes" };
import { damaged, type Format, hasAscii, truncated, viewOf } from "./format.ts";
import { blit, checkSize, type Picture } from "./picture.ts";

/** What we call of imagescript's GIF decoder (Rust); its own JavaScript reads its files from disk, so it isn't used. */
type Exports = {
  memory: WebAssembly.Memory;
  walloc(bytes: number): number;
  /** Bytes of the buffer that was returned last. */
  wlen(): number;
  /** A decoder that takes the file's buffer over; 0 where its header can't be read. */
  decoder_new(file: number, bytes: number, limit: number): number;
  /** The next frame; 0 where it can't be decoded, 1 where there is none. */
  decoder_frame(decoder: number): number;
  decoder_frame_x(frame: number): number;
  decoder_frame_y(frame: number): number;
  decoder_frame_width(frame: number): number;
  decoder_frame_height(frame: number): number;
  decoder_frame_buffer(frame: number): number;
};

let module: Promise<WebAssembly.Module> | undefined;

/** GIF (87a and 89a): the first frame, transparent where it doesn't cover the canvas. */
export const gif: Format = {
  matches: (bytes) => hasAscii(bytes, 0, "GIF87a") || hasAscii(bytes, 0, "GIF89a"),

  header(bytes, name) {
    const frame = frameSize(bytes, name);
    checkSize(frame.width, frame.height, name);
    return { width: viewOf(bytes).getUint16(6, true), height: viewOf(bytes).getUint16(8, true), orientation: 1 };
  },

  async pixels(bytes, name, { width, height }) {
    const { left, top, picture } = firstFrame(await (module ??= WebAssembly.compile(wasm)), bytes, name);
    if (left === 0 && top === 0 && picture.width === width && picture.height === height) return picture;
    const canvas: Picture = { width, height, data: new Uint8ClampedArray(width * height * 4) };
    blit(canvas, picture, left, top);
    return canvas;
  },
};

/** The size of the first frame, found by walking the blocks before it. */
function frameSize(bytes: Uint8Array, name: string): { width: number; height: number } {
  const view = viewOf(bytes);
  const cut = truncated(name, `${bytes.length} bytes`, "a GIF with a frame");
  if (bytes.length < 13) throw cut;
  const colors = bytes[10]!;
  let at = 13 + (colors & 0x80 ? 3 << (colors & 7) + 1 : 0);
  while (bytes[at] === 0x21) { // extensions: comments, timing, the program that wrote it
    at += 2;
    while (bytes[at]! > 0) at += 1 + bytes[at]!;
    at++;
  }
  if (at + 10 > bytes.length) throw cut;
  if (bytes[at] !== 0x2c) throw damaged(name, `no GIF frame at byte ${at}`);
  return { width: view.getUint16(at + 5, true), height: view.getUint16(at + 7, true) };
}

/** Decodes in an instance of its own, which is dropped with all its memory. */
function firstFrame(
  module: WebAssembly.Module,
  bytes: Uint8Array,
  name: string,
): { left: number; top: number; picture: Picture } {
  const instance = new WebAssembly.Instance(module, { env: { push_to_stream: () => {} } });
  const wasm = instance.exports as Exports;
  try {
    const file = wasm.walloc(bytes.length);
    new Uint8Array(wasm.memory.buffer).set(bytes, file);
    const decoder = wasm.decoder_new(file, bytes.length, 0);
    const frame = decoder === 0 ? 0 : wasm.decoder_frame(decoder);
    if (frame === 0 || frame === 1) throw truncated(name, `${bytes.length} bytes`, "a GIF whose first frame is whole");
    const pixels = wasm.decoder_frame_buffer(frame);
    const picture = {
      width: wasm.decoder_frame_width(frame),
      height: wasm.decoder_frame_height(frame),
      data: new Uint8ClampedArray(wasm.memory.buffer.slice(pixels, pixels + wasm.wlen())),
    };
    return { left: wasm.decoder_frame_x(frame), top: wasm.decoder_frame_y(frame), picture };
  } catch (cause) {
    if (cause instanceof WebAssembly.RuntimeError) throw damaged(name, "a frame that can't be decoded", cause);
    throw cause;
  }
}
