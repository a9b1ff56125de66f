import { join } from "@std/path";
import { LatentError } from "../base/mod.ts";
import { writeAtomic } from "../file/mod.ts";

/** Writes a PNG under the first name that is free, `name.png` or `name-2.png` and on: nothing is overwritten. */
export function writeNew(out: string, name: string, bytes: Uint8Array): string {
  Deno.mkdirSync(out, { recursive: true });
  for (let i = 1;; i++) {
    const path = join(out, `${name}${i === 1 ? "" : `-${i}`}.png`);
    try {
      writeAtomic(path, (file) => file.write(bytes));
      return path;
    } catch (error) {
      if (!(error instanceof LatentError && error.code === "file.exists")) throw error;
    }
  }
}
