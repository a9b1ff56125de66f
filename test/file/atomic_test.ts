import assert from "node:assert/strict";
import { join } from "@std/path";
import { disk, removePartials, writeAtomic } from "../../lib/file/mod.ts";
import { recording } from "./recording.ts";

const text = (value: string) => new TextEncoder().encode(value);

async function inFolder(body: (folder: string) => void): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a file is written, fsynced, renamed, and its folder fsynced, in this order", () =>
  inFolder((folder) => {
    const log: string[] = [];
    writeAtomic(join(folder, "a"), (file) => {
      file.write(text("??? "));
      file.write(text("two "));
      file.writeAt(text("one"), 0);
      file.write(text("three"));
    }, { layer: recording(disk, log) });
    assert.deepEqual(log, [
      ...["create", "write", "write", "writeAt", "write", "fsync", "close", "rename to a", "fsync of the folder"],
    ]);
    assert.equal(Deno.readTextFileSync(join(folder, "a")), "one two three");
    assert.deepEqual(disk.list(folder), ["a"]);
  }));

Deno.test("a file that exists is neither replaced nor touched, unless that is asked for", () =>
  inFolder((folder) => {
    const path = join(folder, "a");
    Deno.writeTextFileSync(path, "mine");
    assert.throws(() => writeAtomic(path, (file) => file.write(text("yours"))), { code: "file.exists" });
    assert.equal(Deno.readTextFileSync(path), "mine");
    writeAtomic(path, (file) => file.write(text("yours")), { replace: true });
    assert.equal(Deno.readTextFileSync(path), "yours");
  }));

Deno.test("a write that fails leaves what was there, and no temporary file", () =>
  inFolder((folder) => {
    const path = join(folder, "a");
    Deno.writeTextFileSync(path, "old");
    const failing = () =>
      writeAtomic(path, (file) => {
        file.write(text("half"));
        throw new RangeError("no more");
      }, { replace: true });
    assert.throws(failing, RangeError);
    assert.deepEqual([Deno.readTextFileSync(path), disk.list(folder)], ["old", ["a"]]);
  }));

Deno.test("files that a killed process left are removed, and nothing else", () =>
  inFolder((folder) => {
    for (const name of [".a.1234abcd.latent-partial", "a.latent-partial", ".hidden", "a"]) {
      Deno.writeTextFileSync(join(folder, name), "");
    }
    assert.deepEqual(removePartials(folder), [".a.1234abcd.latent-partial"]);
    assert.deepEqual(disk.list(folder).sort(), [".hidden", "a", "a.latent-partial"]);
  }));

Deno.test("what the system refuses is told with its code, its sentence and what to do", () =>
  inFolder((folder) => {
    Deno.writeTextFileSync(join(folder, "file"), "");
    const rows: [code: string, () => unknown][] = [
      ["file.missing", () => disk.open(join(folder, "none"))],
      ["file.missing", () => disk.open(join(folder, "file", "below"))],
      ["file.missing", () => disk.list(join(folder, "none"))],
      ["file.folder", () => disk.open(folder)],
      ["file.exists", () => disk.create(join(folder, "file"))],
      ["file.truncated", () => disk.open(join(folder, "file")).read(new Uint8Array(1), 0)],
    ];
    for (const [code, body] of rows) {
      assert.throws(body, (error: { code: string; fields: { mend?: string } }) => {
        assert.equal(error.code, code);
        assert.ok(error.fields.mend);
        return true;
      });
    }
  }));
