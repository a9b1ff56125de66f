import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { LatentError } from "../../lib/base/mod.ts";
import { untar } from "../../lib/data/tar.ts";
import { endMark, entry, joined } from "./tars.ts";

function read(...entries: Uint8Array[]): [string, string][] {
  const archive = gzipSync(joined(...entries));
  return Array.from(untar(archive, "x.tgz"), ({ path, content }) => [path, new TextDecoder().decode(content)]);
}

Deno.test("ordinary files are read, folders, links and extensions passed over", () => {
  const files = read(
    entry("package/", "", { type: "5" }),
    entry("pax", "27 path=package/other.txt\n", { type: "x" }),
    entry("package/a.txt", "a".repeat(513)),
    entry("package/link", "", { type: "2" }),
    entry("b.txt", "b", { prefix: "package/deep", type: "\0" }),
    endMark,
  );
  assert.deepEqual(files, [["package/a.txt", "a".repeat(513)], ["package/deep/b.txt", "b"]]);
});

for (
  const [name, size] of [["longer than the archive", "00000010000"], ["no number", "x"], ["negative", "-1000"]] as const
) {
  Deno.test(`an entry whose size is ${name} is refused`, () => {
    assert.throws(
      () => read(entry("a.txt", "a", { size })),
      (error) => error instanceof LatentError && error.code === "data.archive",
    );
  });
}
