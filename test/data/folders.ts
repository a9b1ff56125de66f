/** Folders of files for a test, and what refuses them. @module */
import assert from "node:assert/strict";
import { dirname, join } from "@std/path";
import { LatentError } from "../../lib/base/mod.ts";

/** The files of a folder: path → text or bytes. */
export type Files = Record<string, string | Uint8Array>;

/** Runs `use` with a folder that holds these files, and removes it. */
export async function withFolder<T>(files: Files, use: (folder: string) => T | Promise<T>): Promise<T> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, content] of Object.entries(files)) {
      await Deno.mkdir(dirname(join(folder, name)), { recursive: true });
      await Deno.writeFile(
        join(folder, name),
        typeof content === "string" ? new TextEncoder().encode(content) : content,
      );
    }
    return await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** What a promise is rejected with. */
export async function refusal(promise: Promise<unknown>): Promise<LatentError> {
  const error = await promise.then(() => assert.fail("it was accepted"), (error: unknown) => error);
  assert.ok(error instanceof LatentError, String(error));
  return error;
}

/** Copies of a file's bytes that are cut short, or of which some are others: 2 · `count` of them, always the same. */
export function* spoilt(bytes: Uint8Array, count: number): Generator<Uint8Array> {
  let state = 1;
  const random = (n: number) => (state = state * 48271 % 0x7fffffff) % n;
  for (let i = 0; i < count; i++) {
    yield bytes.slice(0, random(bytes.length));
    const changed = bytes.slice();
    for (let k = 0; k < 3; k++) changed[random(bytes.length)] = random(256);
    yield changed;
  }
}
