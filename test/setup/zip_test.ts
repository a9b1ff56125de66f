import { join } from "@std/path";
import assert from "node:assert/strict";
import { openZip } from "../../lib/setup/zip.ts";
import { type FakeEntry, inTempDir, zipOf } from "./fixture.ts";
import { isError } from "./machine.ts";

async function contentsOf(archive: Uint8Array): Promise<Record<string, string>> {
  return await inTempDir(async (dir) => {
    const path = join(dir, "a.zip");
    Deno.writeFileSync(path, archive);
    using zip = openZip(path);
    const contents: Record<string, string> = {};
    for (const entry of zip.entries.values()) {
      const pieces = await Array.fromAsync(zip.read(entry));
      contents[entry.name] = pieces.map((piece) => new TextDecoder().decode(piece)).join("");
    }
    return contents;
  });
}

Deno.test("stored and deflated files are read, folders left out", async () => {
  const big = "0123456789".repeat(50_000);
  const archive = zipOf(
    [{ name: "a/b.txt", data: big }, { name: "c", data: "plain" }, { name: "d/", data: "" }],
    "a comment",
  );
  assert.deepEqual(await contentsOf(archive), { "a/b.txt": big, c: "plain" });
  assert.deepEqual(await contentsOf(zipOf([])), {});
});

const file = (name: string, rest: Partial<FakeEntry> = {}): FakeEntry => ({ name, data: "abc", ...rest });

for (
  const [claim, archive, sentence] of [
    ["an empty file", new Uint8Array(0), /no directory at its end/],
    ["a cut archive", zipOf([file("a")]).subarray(0, 90), /no directory at its end/],
    ["an archive with something behind it", new Uint8Array([...zipOf([file("a")]), 0]), /no directory at its end/],
    ["a missing beginning", zipOf([file("a")]).subarray(20), /out of bounds|damaged/],
    ["a name that climbs out", zipOf([file("../a")]), /outside its folder/],
    ["a name that climbs out from within", zipOf([file("a/../../b")]), /outside its folder/],
    ["an absolute name", zipOf([file("/etc/a")]), /outside its folder/],
    ["a drive", zipOf([file("c:a")]), /outside its folder/],
    ["backslashes", zipOf([file("..\\a")]), /outside its folder/],
    ["an empty name", zipOf([file("")]), /outside its folder/],
    ["a zero byte in a name", zipOf([file("a\0b")]), /outside its folder/],
    ["a name listed twice", zipOf([file("a"), file("a")]), /lists a twice/],
    ["a link", zipOf([file("a", { mode: 0o120777 })]), /link or a device/],
    ["an encrypted file", zipOf([file("a", { flags: 1 })]), /encrypted/],
    ["another compression", zipOf([file("a", { method: 12 })]), /compression method 12/],
    ["ZIP64 sizes", zipOf([file("a", { size: 0xffffffff })]), /ZIP64/],
    ["an entry beyond the directory", zipOf([file("a", { offset: 1 })]), /does not lie where/],
    ["an entry out of the file", zipOf([file("a", { offset: 0xfffffff0 })]), /does not lie where/],
    ["a packed size that reaches into the directory", zipOf([file("a", { packedSize: 100 })]), /does not lie where/],
    ["entries that overlap", zipOf([file("a"), file("b", { offset: 10 })]), /runs into what follows/],
    ["more data than listed", zipOf([file("a", { size: 2 })]), /not 2 bytes long/],
    ["less data than listed", zipOf([file("a", { size: 4 })]), /not 4 bytes long/],
    ["damaged deflate data", zipOf([file("a", { data: "x" }), file("b", { method: 8 })]), /b is (damaged|not 3 bytes)/],
  ] as const
) {
  Deno.test(`a zip archive with ${claim} is refused`, async () => {
    await assert.rejects(contentsOf(archive), isError("file.zip", sentence));
  });
}

Deno.test("each cut and each flipped byte of an archive is refused or harmless, never another error", async () => {
  const archive = zipOf([file("a/b"), file("c")]);
  for (let at = 0; at < archive.length; at++) {
    const flipped = archive.slice();
    flipped[at]! ^= 0x55;
    for (const bad of [archive.subarray(0, at), flipped]) {
      await contentsOf(bad).catch((error) => assert.equal(error.code, "file.zip", `byte ${at}: ${error}`));
    }
  }
});
