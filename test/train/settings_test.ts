/** The settings as TypeScript has them, against the schemas that check them. @module */
import assert from "node:assert/strict";
import type * as z from "zod";
import { describeSchema, type Schema, type SchemaNode, type WorkEvent } from "../../lib/base/mod.ts";
import { imageFolder } from "../../lib/data/mod.ts";
import { denoiseSchema, firstStageSchema } from "../../lib/train/config.ts";
import { type AutoencoderSettings, type DiffusionSettings, trainAutoencoder } from "../../lib/train/mod.ts";
import { merged, tinyAutoencoder, workshopTest } from "../program/workshop.ts";

/** A type without what may be left out: every key of every mapping is there. */
type Whole<T> = T extends readonly unknown[] ? T
  : T extends object ? { [K in keyof T]-?: Whole<Exclude<T[K], undefined>> }
  : T;
type Plain<T> = Whole<Omit<T, "data">>;
type Same<A, B> = [Plain<A>] extends [Plain<B>] ? [Plain<B>] extends [Plain<A>] ? true : false : false;

// These lines do not compile where a key or its type is on one side alone.
const _autoencoder: Same<z.input<typeof firstStageSchema>, AutoencoderSettings> = true;
const _diffusion: Same<z.input<typeof denoiseSchema>, DiffusionSettings> = true;

/** Each key's default, by its name and in the order of the schema. */
function defaultsOf({ properties = {} }: SchemaNode): string[] {
  return Object.entries(properties as Record<string, SchemaNode>).flatMap(([key, node]) =>
    node.type === "object" ? defaultsOf(node) : "default" in node ? [`${key} ${JSON.stringify(node.default)}`] : []
  );
}

const source = Deno.readTextFileSync(new URL("../../lib/train/settings.ts", import.meta.url));
const documented = Array.from(
  source.matchAll(/@default \{(.*)\}\s+\*\/\s+(\w+)\?/g),
  ([, value, key]) => `${key} ${JSON.stringify(JSON.parse(value!.replaceAll("_", "")))}`,
);

Deno.test("the defaults in the settings' docstrings are those of the schemas", () => {
  const schemas: Schema<unknown>[] = [firstStageSchema, denoiseSchema];
  const wanted = new Set(schemas.flatMap((schema) => defaultsOf(describeSchema(schema))));
  assert.deepEqual([...new Set(documented)].sort(), [...wanted].sort());
});

workshopTest("a data set made in code is trained on; the config keeps its name", async ({ path, data }) => {
  const whole = await imageFolder(data, { validation: 0 });
  const dark = { ...whole, name: "dark ones", train: whole.train.slice(0, 10), validation: whole.train.slice(10, 12) };
  const settings = { ...merged(tinyAutoencoder(data), { steps: 1 }), data: dark };
  const events: WorkEvent[] = await Array.fromAsync(trainAutoencoder(settings, { out: path("run") }));
  const [note] = events.flatMap((event) => event.type === "note" ? [event.text] : []);
  assert.match(note!, /10 images of dark ones to train on and 2 to validate/);
  assert.match(Deno.readTextFileSync(path("run", "config.yaml")), /^data: dark ones$/m);
  const again = { ...settings, steps: 2 };
  const last = (await Array.fromAsync(trainAutoencoder(again, { out: path("run"), resume: true }))).at(-1)!;
  assert.equal(last.type, "done");
  for (const wrong of [{}, [], null, 3]) {
    const refused = Array.fromAsync(trainAutoencoder({ ...settings, data: wrong as never }, { out: path("other") }));
    await assert.rejects(refused, { code: "config.invalid", message: /data +found .* wanted a text/ });
  }
});
