import assert from "node:assert/strict";
import { LatentError } from "../../lib/base/mod.ts";
import { encodePng } from "../../lib/image/mod.ts";
import { type Recipe, recipeOf, recipeTexts } from "../../lib/task/mod.ts";

const recipe: Recipe = {
  version: "0.1.0",
  task: "unconditional",
  model: "0123456789abcdef".repeat(4),
  sampler: "ddim",
  steps: 50,
  eta: 0,
  spacing: "trailing",
  rng: "philox",
  seed: 7,
  batchSize: 4,
  index: 3,
  device: "cpu",
  threads: 2,
  libtorch: "2.13.0+cpu",
};
const picture = { width: 2, height: 2, data: new Uint8ClampedArray(16).fill(255) };

function png(texts: Record<string, string>): Promise<Uint8Array> {
  return encodePng(picture, texts);
}

async function refused(texts: Record<string, string>, code: string, message: RegExp): Promise<void> {
  const bytes = await png(texts);
  assert.throws(() => recipeOf(bytes, "a.png"), (error) => {
    assert.ok(error instanceof LatentError && error.code === code, String(error));
    assert.match(error.message, message);
    return true;
  });
}

Deno.test("a picture gives back the recipe that it was given, and the line that other programs show", async () => {
  const texts = recipeTexts(recipe);
  assert.deepEqual(recipeOf(await png(texts), "a.png"), recipe);
  assert.equal(texts["parameters"], "Steps: 50, Sampler: DDIM, Eta: 0, Seed: 10, Model hash: 0123456789");
});

const hostile: [name: string, change: Record<string, unknown>, message: RegExp][] = [
  ["huge steps", { steps: 1e9 }, /steps +found 1000000000 +wanted an integer from 1 to/],
  ["no steps", { steps: 0 }, /steps/],
  ["a text for a number", { steps: "50" }, /steps +found "50" +wanted an integer/],
  ["NaN, which JSON makes null", { eta: NaN }, /eta +found null/],
  ["a batch that fills the memory", { batchSize: 1e6 }, /batchSize +found 1000000 +wanted .* to 4096/],
  ["a picture outside of its batch", { index: 4 }, /index +found 4 +wanted less than the 4 pictures/],
  ["a grid of too many", { grid: 4000 }, /grid +found 4000 +wanted .* to 100/],
  ["threads without end", { threads: 1e6 }, /threads +found 1000000 +wanted .* to 1024/],
  ["a seed beyond 2⁵³", { seed: 2 ** 60 }, /seed/],
  ["an output path", { out: "/etc" }, /out +found an unknown key/],
  ["a library to load", { libtorchPath: "/tmp/evil.so" }, /libtorchPath +found an unknown key/],
  ["a path for the model", { model: "../../etc/passwd" }, /model +found "..\/..\/etc\/passwd"/],
  ["a path for the device", { device: "/dev/sda" }, /device +found "\/dev\/sda"/],
  ["letters that a terminal obeys", { libtorch: "2.13\u001b[2J" }, /libtorch +found "2.13\\u001b\[2J"/],
  ["another sampler", { sampler: "euler" }, /sampler +found "euler" +wanted "ddim"/],
  ["a key of the prototype", { constructor: 1 }, /constructor +found an unknown key/],
];
for (const [name, change, message] of hostile) {
  Deno.test(`a recipe with ${name} is refused`, () =>
    refused({ latent: JSON.stringify({ ...recipe, ...change }) }, "usage.recipe_invalid", message));
}

Deno.test("a recipe with __proto__ as a key is refused", () =>
  refused(
    { latent: JSON.stringify(recipe).replace("{", '{"__proto__":{"seed":1},') },
    "usage.recipe_invalid",
    /__proto__ +found an unknown key/,
  ));

for (const key of Object.keys(recipe)) {
  Deno.test(`a recipe without its ${key} is refused`, () => {
    const { [key as keyof Recipe]: _, ...rest } = recipe;
    return refused({ latent: JSON.stringify(rest) }, "usage.recipe_invalid", new RegExp(`${key} +found nothing`));
  });
}

Deno.test("texts that are no recipe are refused", async () => {
  await refused({}, "usage.recipe", /carries no recipe[^]*not saved again/);
  await refused({ latent: "{" }, "usage.recipe_invalid", /is no JSON/);
  await refused({ latent: "[]" }, "usage.recipe_invalid", /\(all\) +found \[\]/);
  await refused({ latent: "null" }, "usage.recipe_invalid", /\(all\) +found null/);
});

Deno.test("a file that is no PNG is refused", () => {
  assert.throws(
    () => recipeOf(new TextEncoder().encode("no picture"), "a.png"),
    (error) => error instanceof LatentError && error.code === "image.format" && /a\.png/.test(error.message),
  );
});
