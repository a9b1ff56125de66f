/** Pickles and checkpoints made by hand, to be right or to lie. @module */
import { crc32 } from "node:zlib";

/** Opcodes of a pickle. */
export type Code = Uint8Array<ArrayBuffer>;

/** Bytes of a text that has no others than Latin-1's. */
export const ascii = (value: string): Code => Uint8Array.from(value, (character) => character.charCodeAt(0));

/** Pieces of code one after the other: bytes, or ASCII. */
export function code(...parts: (Code | string | number)[]): Code {
  const pieces = parts.map((part) =>
    typeof part === "number" ? Uint8Array.of(part) : typeof part === "string" ? ascii(part) : part
  );
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  pieces.reduce((at, piece) => (whole.set(piece, at), at + piece.length), 0);
  return whole;
}

/** A whole pickle of protocol 2. */
export const pickle = (...parts: (Code | string | number)[]): Code => code(0x80, 2, ...parts, ".");

export const text = (value: string): Code => {
  const bytes = new TextEncoder().encode(value);
  return code("X", u32(bytes.length), bytes);
};
export const int = (value: number): Code => code("J", u32(value));
export const global = (module: string, name: string): Code => code("c", module, "\n", name, "\n");
export const tuple = (...items: Code[]): Code => code("(", ...items, "t");
export const list = (...items: Code[]): Code => code("](", ...items, "e");
export const dict = (...pairs: [Code, Code][]): Code => code("}(", ...pairs.flat(), "u");
export const call = (callable: Code, ...args: Code[]): Code => code(callable, tuple(...args), "R");
export const none = code("N");

/** How a tensor lies in a storage. */
export interface Layout {
  shape?: number[];
  strides?: number[];
  start?: number;
  type?: string;
  /** Elements that the storage is said to have. */
  count?: number;
}

export function storage(key: string, { type = "FloatStorage", count = 6 }: Layout = {}): Code {
  return code(tuple(text("storage"), global("torch", type), text(key), text("cpu"), int(count)), "Q");
}

export function tensor(key: string, layout: Layout = {}): Code {
  const { shape = [2, 3], strides = [3, 1], start = 0 } = layout;
  const hooks = call(global("collections", "OrderedDict"));
  const ints = (values: number[]) => tuple(...values.map(int));
  const parts = [storage(key, layout), int(start), ints(shape), ints(strides), code(0x89), hooks];
  return call(global("torch._utils", "_rebuild_tensor_v2"), ...parts);
}

/** A file for an archive, and what is to be wrong about it. */
export interface Part {
  name: string;
  data: Uint8Array;
  /** In the directory instead of the true ones. */
  size?: number;
  packedSize?: number;
  checksum?: number;
  offset?: number;
  method?: number;
  /** In its local header instead of the true one. */
  localName?: string;
}

const u16 = (value: number): Code => Uint8Array.of(value, value >> 8);
const u32 = (value: number): Code => Uint8Array.of(value, value >> 8, value >> 16, value >> 24);
const u64 = (value: number): Code => code(u32(value), u32(Math.floor(value / 2 ** 32)));

/** A zip archive of stored files, as PyTorch writes it: with a ZIP64 record, here with ZIP64 sizes too if asked for. */
export function zip(parts: Part[], zip64Sizes = false): Code {
  let body = code();
  let directory = code();
  for (const { name, data, localName = name, ...lies } of parts) {
    const { size = data.length, packedSize = data.length, checksum = crc32(data), offset = body.length } = lies;
    const head = code(u16(0), u16(0x808), u16(lies.method ?? 0), u32(0));
    const extra = zip64Sizes ? code(u16(1), u16(24), u64(size), u64(packedSize), u64(offset)) : code();
    const [low, lowPacked, lowOffset] = zip64Sizes ? [-1, -1, -1] : [size, packedSize, offset];
    const sizes = code(u32(checksum), u32(lowPacked), u32(low), u16(name.length), u16(extra.length));
    const rest = code(sizes, u16(0), u32(0), u32(0), u32(lowOffset), name, extra);
    directory = code(directory, "PK\x01\x02", u16(0), head, rest);
    const localSizes = code(u32(0), u32(0), u32(0), u16(localName.length), u16(5));
    body = code(body, "PK\x03\x04", head, localSizes, localName, u16(0x4246), u16(1), "Z", Uint8Array.from(data));
    body = code(body, "PK\x07\x08", u32(checksum), u32(packedSize), u32(size));
  }
  const count = u64(parts.length);
  const place = code(u64(directory.length), u64(body.length));
  const record = code("PK\x06\x06", u64(44), u16(0), u16(0), u32(0), u32(0), count, count, place);
  const locator = code("PK\x06\x07", u32(0), u64(body.length + directory.length), u32(1));
  const small = code(u16(parts.length), u16(parts.length), u32(directory.length), u32(body.length), u16(0));
  return code(body, directory, record, locator, "PK\x05\x06", u32(0), small);
}

/** The six float32 0 … 5. */
export const six = new Uint8Array(Float32Array.of(0, 1, 2, 3, 4, 5).buffer);

/** The files of a checkpoint. */
export function parts(saved: Code, storages: Record<string, Uint8Array> = { 0: six }): Part[] {
  return [
    { name: "model/data.pkl", data: saved },
    { name: "model/byteorder", data: ascii("little") },
    ...Object.entries(storages).map(([key, data]) => ({ name: `model/data/${key}`, data })),
    { name: "model/version", data: ascii("3\n") },
  ];
}

/** A checkpoint of `torch.save`. */
export const checkpoint = (saved: Code, storages?: Record<string, Uint8Array>): Code => zip(parts(saved, storages));

/** A checkpoint of the format before: storages with their numbers of elements after the pickles. */
export function legacy(
  saved: Code,
  storages: Record<string, [count: number, data: Uint8Array]> = { 0: [6, six] },
): Code {
  const magic = pickle(0x8a, 10, Uint8Array.of(0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19));
  const machine = pickle(dict([text("little_endian"), code(0x88)]));
  const data = Object.values(storages).flatMap(([count, bytes]) => [u64(count), Uint8Array.from(bytes)]);
  return code(magic, pickle(int(1001)), machine, saved, pickle(list(...Object.keys(storages).map(text))), ...data);
}
