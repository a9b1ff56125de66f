import { join } from "@std/path";
import assert from "node:assert/strict";
import { hashSources, nativeSources } from "../../lib/setup/mod.ts";

const native = join(import.meta.dirname!, "../../native");

function filesBelow(folder: string, prefix = ""): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) =>
    isDirectory ? filesBelow(join(folder, name), `${prefix}${name}/`) : [prefix + name]
  );
}

Deno.test("the embedded native sources are the files of native/", () => {
  const names = filesBelow(native).filter((name) => /\.(h|cpp)$/.test(name)).sort();
  assert.deepEqual(Object.keys(nativeSources).sort(), names);
  for (const name of names) assert.equal(nativeSources[name], Deno.readTextFileSync(join(native, name)), name);
});

Deno.test("the hash of the sources changes with each name and text, not with their order", () => {
  const hash = hashSources({ "a.cpp": "1", "b.cpp": "2" });
  assert.equal(hashSources({ "b.cpp": "2", "a.cpp": "1" }), hash);
  for (const other of [{ "a.cpp": "1" }, { "a.cpp": "1", "b.cpp": "3" }, { "a.cpp": "1", "c.cpp": "2" }]) {
    assert.notEqual(hashSources(other), hash);
  }
});
