import { dirname, join } from "@std/path";
import assert from "node:assert/strict";
import { locate } from "../../ffi/mod.ts";
import { hashSources, nativeSources } from "../../lib/setup/mod.ts";

Deno.test("the shim that set-up built from these sources compiled without a warning", () => {
  const { shim } = locate({ sources: hashSources(nativeSources) });
  const [command, ...said] = Deno.readTextFileSync(join(dirname(shim.path), "build.log")).trim().split("\n");
  assert.match(command!, /-Wall -Wextra/);
  assert.deepEqual(said, []);
});
