import { equal, rejects } from "node:assert/strict";
import { sha256, sha256File } from "../../lib/base/mod.ts";

// FIPS 180-2, appendix B, and the million-a message of its B.3
const published: [name: string, text: string, hash: string][] = [
  ["the empty text", "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
  ["abc", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  ["a million a", "a".repeat(1e6), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"],
];
for (const [name, text, hash] of published) {
  Deno.test(`the SHA-256 of ${name} is the published one, as text, bytes and file`, async () => {
    const path = await Deno.makeTempFile();
    try {
      await Deno.writeTextFile(path, text);
      equal(sha256(text), hash);
      equal(sha256(new TextEncoder().encode(text)), hash);
      equal(await sha256File(path), hash);
    } finally {
      await Deno.remove(path);
    }
  });
}

Deno.test("a file that isn't there has no hash", () => rejects(sha256File("/nowhere/a"), Deno.errors.NotFound));
