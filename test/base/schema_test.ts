import { deepEqual, equal, throws } from "node:assert/strict";
import * as z from "zod";
import { check, describeNode, describeSchema, LatentError, type SchemaNode } from "../../lib/base/mod.ts";

const schema = z.strictObject({
  batchSize: z.int().min(1).max(64).default(4),
  rate: z.number().gt(0).optional(),
  f: z.union([z.literal(4), z.literal(8), z.literal(16)]).default(4),
  kind: z.enum(["kl", "vq"]).default("kl"),
  seeds: z.array(z.int()).default([0]),
  model: z.strictObject({ ch: z.int().min(1).default(32), mult: z.array(z.int()).min(1).default([1, 2]) }).prefault({}),
  data: z.discriminatedUnion("type", [
    z.strictObject({ type: z.literal("folder"), path: z.string().min(1) }),
    z.strictObject({ type: z.literal("emoji"), size: z.int() }),
  ]).default({ type: "emoji", size: 64 }),
  heads: z.union([z.strictObject({ count: z.int().min(1) }), z.strictObject({ channels: z.int().min(1) })]).optional(),
}).refine(({ batchSize, f }) => batchSize % f === 0, { path: ["batchSize"], error: "a multiple of f" });

const options = { code: "config.invalid", subject: "config.yaml" } as const;

function complaint(value: unknown): LatentError {
  try {
    check(schema, value, options);
  } catch (error) {
    if (error instanceof LatentError) return error;
  }
  throw new Error("it was accepted");
}

Deno.test("what is not given has its default, at any depth", () => {
  deepEqual(check(schema, { model: { ch: 64 } }, options), {
    batchSize: 4,
    f: 4,
    kind: "kl",
    seeds: [0],
    model: { ch: 64, mult: [1, 2] },
    data: { type: "emoji", size: 64 },
  });
});

const wrong: [value: unknown, name: string, found: string, wanted: string][] = [
  [{ batchSize: "8" }, "batchSize", `"8"`, "an integer from 1 to 64"],
  [{ batchSize: 65 }, "batchSize", "65", "an integer from 1 to 64"],
  [{ batchSize: 2 }, "batchSize", "2", "a multiple of f"],
  [{ rate: 0 }, "rate", "0", "a number above 0"],
  [{ rate: NaN }, "rate", "NaN", "a number above 0"],
  [{ f: 5 }, "f", "5", "4 or 8 or 16"],
  [{ kind: "kk" }, "kind", `"kk"`, "one of kl, vq"],
  [{ seeds: [1, 2.5] }, "seeds.1", "2.5", "an integer"],
  [{ seeds: 3 }, "seeds", "3", "a list, each an integer"],
  [{ model: { ch: null } }, "model.ch", "null", "an integer of at least 1"],
  [{ model: { mult: [] } }, "model.mult", "[]", "a list of at least 1, each an integer"],
  [{ model: 3 }, "model", "3", "a mapping of keys to values"],
  [{ data: { type: "folder", path: "" } }, "data.path", `""`, "a text that isn't empty"],
  [{ data: { type: "folder" } }, "data.path", "nothing", "a text that isn't empty"],
  [{ data: { type: "foldr" } }, "data.type", `"foldr"`, `"folder" or "emoji"`],
  [{ heads: { channels: 0 } }, "heads.channels", "0", "an integer of at least 1"],
  [{ heads: { count: 1, width: 2 } }, "heads.width", "an unknown key", "one of: count, channels"],
  [{ heads: 8 }, "heads", "8", "a mapping of keys to values"],
  [{ batchsize: 8 }, "batchsize", "an unknown key", "batchSize"],
  [{ model: { chn: 8 } }, "model.chn", "an unknown key", "model.ch"],
  [{ model: { attention: 8 } }, "model.attention", "an unknown key", "one of: ch, mult"],
  [{ data: { type: "emoji", size: 64, pat: "x" } }, "data.pat", "an unknown key", "data.path"],
  [JSON.parse(`{ "__proto__": { "batchSize": 8 } }`), "__proto__", "an unknown key", "one of: "],
  [[], "(all)", "[]", "a mapping of keys to values"],
];
for (const [value, name, found, wanted] of wrong) {
  Deno.test(`${JSON.stringify(value)} is refused: ${name} is ${found}, wanted ${wanted}`, () => {
    const { code, fields } = complaint(value);
    equal(code, "config.invalid");
    const [difference] = fields.differences!;
    deepEqual({ ...difference, wanted: difference!.wanted.slice(0, wanted.length) }, { name, found, wanted });
  });
}

Deno.test("all problems are told at once", () => {
  const { message } = complaint({ batchSize: 0, kind: "x", model: { ch: 1.5, mul: [1] }, more: 1 });
  equal(message.split("\n")[0], "config.yaml has 5 problems");
  for (const name of ["batchSize", "kind", "model.ch", "model.mul", "more"]) {
    equal(message.includes(`  ${name} `), true);
  }
});

Deno.test("a name on the command line can stand for a path", () => {
  throws(
    () => check(schema, { kind: 1 }, { ...options, label: (path) => `--${path}` }),
    /--kind +found 1 +wanted one of/,
  );
});

Deno.test("a place in a schema is told in words", () => {
  const bounded = z.strictObject({ a: z.int(), b: z.number().min(-1).max(1), c: z.number().lt(3), d: z.boolean() });
  const words = Object.values(describeSchema(bounded).properties!).map((node) => describeNode(node as SchemaNode));
  deepEqual(words, ["an integer", "a number from -1 to 1", "a number below 3", "true or false"]);
});
