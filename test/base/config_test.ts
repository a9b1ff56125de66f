import { deepEqual, equal, rejects, throws } from "node:assert/strict";
import { join } from "node:path";
import { isAssignment, override, parseValue, readConfig } from "../../lib/base/mod.ts";

async function read(text: string | Uint8Array): Promise<Record<string, unknown>> {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, "config.yaml");
    if (typeof text === "string") await Deno.writeTextFile(path, text);
    else await Deno.writeFile(path, text);
    return await readConfig(path);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("YAML and JSON give the same config", async () => {
  const config = { steps: 10, model: { ch: 32, mult: [1, 2] }, name: "a" };
  deepEqual(await read("steps: 10\nmodel:\n  ch: 32\n  mult: [1, 2]\nname: a\n"), config);
  deepEqual(await read(JSON.stringify(config, null, "\t")), config);
});

const bombs = ["a: &a [x, x, x, x, x, x, x, x, x]"];
for (let i = 0; i < 9; i++) bombs.push(`${"bcdefghij"[i]}: &${"bcdefghij"[i]} [${`*${"abcdefghi"[i]}, `.repeat(9)}]`);

const bad: [what: string, text: string | Uint8Array, code: string, message: RegExp][] = [
  ["a list", "- 1\n- 2\n", "config.mapping", /found {3}a list/],
  ["an empty file", "", "config.mapping", /found {3}nothing/],
  ["a scalar", "hello", "config.mapping", /the string "hello"/],
  ["a broken line", "a: 1\nb: [1, 2\n", "config.syntax", /line \d+, column \d+/],
  ["a key that stands twice", "a: 1\na: 2\n", "config.syntax", /line 2, column 1/],
  ["a bomb of aliases", bombs.join("\n"), "config.syntax", /alias/],
  ["a file of 2 MiB", "#".repeat(2 << 20), "config.size", /at most 1048576 bytes/],
  ["brackets without end", "[".repeat(100_000), "config.syntax", /./],
];
for (const [what, text, code, message] of bad) {
  Deno.test(`${what} is refused`, () => rejects(read(text), { code, message }));
}

Deno.test("a file that isn't there is named", async () => {
  await rejects(readConfig("/nowhere/config.yaml"), { code: "config.unreadable", message: /\/nowhere\/config.yaml/ });
});

Deno.test("a key __proto__ in a file is a key", async () => {
  const config = await read("__proto__: { polluted: true }\n");
  equal((config as { polluted?: boolean }).polluted, undefined);
  deepEqual(Object.keys(config), ["__proto__"]);
});

const values: [text: string, value: unknown][] = [
  ["64", 64],
  ["1e-4", 1e-4],
  ["-0.5", -0.5],
  ["true", true],
  ["null", null],
  ["[1, 2, 4]", [1, 2, 4]],
  [`{"a": [1]}`, { a: [1] }],
  ["cosine", "cosine"],
  [`"64"`, "64"],
  ["a: b: c", "a: b: c"],
  ["[1, 2", "[1, 2"],
  ["*a", "*a"],
];
for (const [text, value] of values) {
  Deno.test(`${text} stands for ${JSON.stringify(value)}`, () => deepEqual(parseValue(text), value));
}

Deno.test("an assignment sets one place and leaves the rest, and the original, as they are", () => {
  const config = { model: { ch: 32, mult: [1] }, steps: 1 };
  deepEqual(override(config, ["model.ch=64", "model.attention.heads=4", "steps=[1, 2]", "name=a=b"]), {
    model: { ch: 64, mult: [1], attention: { heads: 4 } },
    steps: [1, 2],
    name: "a=b",
  });
  deepEqual(config, { model: { ch: 32, mult: [1] }, steps: 1 });
});

Deno.test("an assignment through a number is refused", () => {
  throws(() => override({ steps: 3 }, ["steps.a=1"]), { code: "config.override", message: /steps is 3/ });
});

Deno.test("an assignment never reaches a prototype", () => {
  const config = override({}, ["__proto__.polluted=true", "constructor.prototype.polluted=true"]);
  equal(({} as { polluted?: boolean }).polluted, undefined);
  deepEqual(Object.keys(config), ["__proto__", "constructor"]);
});

Deno.test("assignments are told from file names", () => {
  for (const text of ["a=1", "model.ch=64", "a_b.c1=", "a==b"]) equal(isAssignment(text), true, text);
  for (const text of ["a", "./a=b", "a b=c", "=1", "a.=1", "dir/a=b", "1=2"]) equal(isAssignment(text), false, text);
});
