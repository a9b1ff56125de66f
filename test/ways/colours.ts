import type { Picture } from "../../lib/image/mod.ts";

/** How many colours a picture has. */
export function colours({ data }: Picture): number {
  return new Set(new Uint32Array(data.buffer, data.byteOffset, data.length / 4)).size;
}
