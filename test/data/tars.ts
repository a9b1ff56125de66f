/** Tar archives for tests. @module */

/** What an entry's header says besides its name. */
export interface Fields {
  type?: string;
  prefix?: string;
  /** As it is written; the content's unless given. */
  size?: string;
}

/** An entry of a ustar archive. */
export function entry(
  path: string,
  content: string | Uint8Array,
  { type = "0", prefix = "", size }: Fields = {},
): Uint8Array {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  const block = new Uint8Array(512 + Math.ceil(bytes.length / 512) * 512);
  const put = (text: string, at: number) => block.set(new TextEncoder().encode(text), at);
  put(path, 0);
  put(size ?? bytes.length.toString(8).padStart(11, "0"), 124);
  put(type, 156);
  put("ustar", 257);
  put(prefix, 345);
  put(" ".repeat(8), 148);
  put(block.subarray(0, 512).reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, "0") + "\0 ", 148);
  block.set(bytes, 512);
  return block;
}

/** Entries behind one another. */
export function joined(...entries: Uint8Array[]): Uint8Array {
  return new Uint8Array(entries.flatMap((bytes) => [...bytes]));
}

/** What an archive ends with. */
export const endMark = new Uint8Array(1024);
