import assert from "node:assert/strict";
import { join } from "@std/path";
import { LatentError } from "../../lib/base/mod.ts";
import { type AtomicOptions, disk, type FileLayer, removePartials, writeAtomic } from "../../lib/file/mod.ts";
import { Crash, MemoryDisk, type Unsynced } from "./memory_disk.ts";
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

/** A file system without hard links, as FAT is. */
const linkless: FileLayer = {
  ...disk,
  link: () => {
    throw new LatentError("file.denied", { what: "a link could not be made" });
  },
};

const partial = ".a.*.latent-partial";
const orders: [claim: string, options: AtomicOptions, last: string[]][] = [
  ["linked to its path, its temporary name removed", {}, ["link to a", `remove ${partial}`]],
  ["renamed over what may be there", { replace: true }, ["rename to a"]],
  [
    "renamed over an empty file where links can't be made",
    { layer: linkless },
    ["link to a", "create", "close", "rename to a"],
  ],
];
for (const [claim, options, last] of orders) {
  Deno.test(`a file is written, fsynced, ${claim}, and its folder fsynced, in this order`, () =>
    inFolder((folder) => {
      const log: string[] = [];
      writeAtomic(join(folder, "a"), (file) => {
        file.write(text("??? "));
        file.write(text("two "));
        file.writeAt(text("one"), 0);
        file.write(text("three"));
      }, { ...options, layer: recording(options.layer ?? disk, log) });
      const said = log.map((line) => line.replace(/\.[0-9a-f]{8}\./, ".*."));
      const first = ["create", "write", "write", "writeAt", "write", "fsync", "close"];
      assert.deepEqual(said, [...first, ...last, "fsync of the folder"]);
      assert.equal(Deno.readTextFileSync(join(folder, "a")), "one two three");
      assert.deepEqual(disk.list(folder), ["a"]);
    }));
}

for (const [name, layer] of Object.entries({ disk, linkless })) {
  Deno.test(`a file that appears while another is written for its path is not replaced (${name})`, () =>
    inFolder((folder) => {
      const path = join(folder, "a");
      const late = () =>
        writeAtomic(path, (file) => {
          file.write(text("ours"));
          Deno.writeTextFileSync(path, "theirs");
        }, { layer });
      assert.throws(late, { code: "file.exists" });
      assert.deepEqual([Deno.readTextFileSync(path), disk.list(folder)], ["theirs", ["a"]]);
    }));
}

Deno.test("after a crash at any operation a new file is whole or not there", () => {
  const write = (layer: MemoryDisk) => writeAtomic("/a", (file) => file.write(text("whole")), { layer });
  const whole = new MemoryDisk();
  write(whole);
  const found = new Set<string>();
  for (let crashAfter = 0; crashAfter <= whole.log.length; crashAfter++) {
    const layer = new MemoryDisk();
    layer.crashAfter = crashAfter;
    if (crashAfter < whole.log.length) assert.throws(() => write(layer), Crash);
    else write(layer);
    for (const unsynced of ["lost", "torn", "kept"] satisfies Unsynced[]) {
      for (const left of layer.afterCrash(unsynced)) {
        found.add(left.exists("/a") ? new TextDecoder().decode(left.bytes("/a")) : "nothing");
        if (crashAfter === whole.log.length) assert.ok(left.exists("/a"), "the folder was synced");
      }
    }
  }
  assert.deepEqual([...found].sort(), ["nothing", "whole"]);
});

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
