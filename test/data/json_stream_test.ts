import assert from "node:assert/strict";
import { join } from "@std/path";
import { LatentError } from "../../lib/base/mod.ts";
import { jsonElements } from "../../lib/data/json_stream.ts";
import { refusal, spoilt, withFolder } from "./folders.ts";

function elements(text: string | Uint8Array, keys = ["a", "b"]): Promise<[string, unknown][]> {
  return withFolder({ "x.json": text }, (folder) => Array.fromAsync(jsonElements(join(folder, "x.json"), keys)));
}

/** Everything that could mislead a reader of brackets and commas. */
const tricky = {
  info: { a: [1, 2], text: ']}[{,"\\' },
  a: [{ x: [1, [2, { y: "},{" }]] }, "a,]", 7, null, [], {}],
  skipped: [[{ a: [1] }], "b"],
  empty: [],
  "b": [{ 'é"\\': "ü😀", __proto__: null }, -1.5e3, true],
  after: "a",
};

for (
  const [name, text] of [["compact", JSON.stringify(tricky)], ["indented", JSON.stringify(tricky, null, "\t\r\n ")]]
) {
  Deno.test(`the elements of the arrays asked for are read from ${name} JSON`, async () => {
    const wanted = (["a", "b"] as const).flatMap((key) => JSON.parse(text!)[key].map((one: unknown) => [key, one]));
    assert.deepEqual(await elements(text!), wanted);
  });
}

Deno.test("elements over the ends of what is read at once are whole", async () => {
  const a = Array.from({ length: 3000 }, (_, i) => ({ i, text: 'é"'.repeat(i % 1000) }));
  const text = JSON.stringify({ ["k".repeat(2 ** 20 - 3)]: [1], a, b: ["x".repeat(3 * 2 ** 20)] });
  assert.ok(text.length > 4 * 2 ** 20);
  const found = await elements(text);
  assert.deepEqual(found.slice(0, -1).map(([, value]) => value), a);
  assert.equal(found.at(-1)![1], "x".repeat(3 * 2 ** 20));
});

Deno.test("__proto__ is a key like others", async () => {
  const [[, value]] = await elements('{"a": [{"__proto__": {"evil": 1}}]}') as [[string, object]];
  assert.ok(Object.hasOwn(value, "__proto__"));
  assert.equal(({} as { evil?: number }).evil, undefined);
});

const broken: [string, string, RegExp][] = [
  ["nothing", "", /no object/],
  ["a list", "[1]", /one object/],
  ["an end in an array", '{"a": [{"x": 1}, {"x"', /the end of the file/],
  ["an end in a text", '{"a": ["x', /the end of the file/],
  ["an element that is none", '{"a": [{"x": }]}', /no JSON in a: .*x/],
  ["a bracket too many", '{"a": []}}', /bracket too many/],
  ["a second object", '{"a": []}{}', /one object/],
];

for (const [name, text, found] of broken) {
  Deno.test(`a JSON file with ${name} is refused`, async () => {
    const error = await refusal(elements(text));
    assert.equal(error.code, "data.metadata");
    assert.match(error.message, found);
  });
}

Deno.test("spoilt JSON gives elements or an error, never anything else", async () => {
  for (const bytes of spoilt(new TextEncoder().encode(JSON.stringify(tricky)), 60)) {
    await elements(bytes).catch((error) => assert.ok(error instanceof LatentError, String(error)));
  }
});
