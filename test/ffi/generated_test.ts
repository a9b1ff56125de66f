import assert from "node:assert/strict";
import { generate } from "../../ffi/generate.ts";

for (const [path, text] of Object.entries(generate())) {
  Deno.test(`${path} is what operators.txt and libtorch's schemas give`, () => {
    const found = Deno.readTextFileSync(new URL(`../../${path}`, import.meta.url));
    assert.ok(found === text, `${path} is stale: run \`deno run -A ffi/generate.ts\``);
  });
}
