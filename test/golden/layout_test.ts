import assert from "node:assert/strict";
import { basename } from "@std/path";
import { tableClaims } from "./claims/mod.ts";
import { compareTables, tableFiles } from "./tables.ts";

for (const [i, path] of tableFiles().filter((path) => basename(path).startsWith("layout")).entries()) {
  Deno.test(`${basename(path)} ${i}: layouts are the original's tokens, and back`, async () => {
    const { tables, beyond, left } = await compareTables(path, tableClaims);
    assert.deepEqual([...tables.keys()], ["coordinate", "tokens", "inverse"]);
    assert.deepEqual([beyond, left], [[], []]);
  });
}
