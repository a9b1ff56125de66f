import { createHash } from "node:crypto";

/** The SHA-256 of bytes, or of a text's UTF-8, in lower-case hex. */
export function sha256(data: Uint8Array | string): string {
  return createHash("sha256").update(data).digest("hex");
}

/** The SHA-256 of a file in lower-case hex, read in pieces, so that gigabytes need no memory. Throws what `Deno.open` throws. */
export async function sha256File(path: string): Promise<string> {
  const hash = createHash("sha256");
  using file = await Deno.open(path);
  for await (const piece of file.readable) hash.update(piece);
  return hash.digest("hex");
}
