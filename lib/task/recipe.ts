import * as z from "zod";
import { check, LatentError } from "../base/mod.ts";
import { readPngText } from "../image/mod.ts";

/** The keyword under which a picture carries its recipe. */
export const recipeKey = "latent";

/** All that is needed to make a picture again. */
export const recipeSchema = z.strictObject({
  version: z.string().max(50),
  task: z.literal("unconditional"),
  /** SHA-256 of the model's file. */
  model: z.string().regex(/^[0-9a-f]{64}$/),
  sampler: z.literal("ddim"),
  steps: z.int().min(1).max(100_000),
  eta: z.number().min(0).max(10),
  spacing: z.enum(["trailing", "leading", "linspace", "compvis"]),
  rng: z.enum(["philox", "torch"]),
  /** Of the first picture of the batch; picture i of it has seed + i. */
  seed: z.int().min(0),
  /** Pictures of the batch, which decides how sums are rounded. */
  batchSize: z.int().min(1).max(4096),
  /** Which picture of the batch this is. */
  index: z.int().min(0).max(4095),
  /** For a grid of many pictures: how many, from `seed` on. */
  grid: z.int().min(1).max(4096).optional(),
  device: z.string().max(50),
  threads: z.int().min(1).max(4096),
  libtorch: z.string().max(50),
});

/** How one picture was made. */
export type Recipe = z.output<typeof recipeSchema>;

/** The texts of a picture: the recipe, and the line that other tools show. */
export function recipeTexts(recipe: Recipe): Record<string, string> {
  const { steps, eta, seed, index, sampler, model } = recipe;
  return {
    [recipeKey]: JSON.stringify(recipe),
    parameters: `Steps: ${steps}, Sampler: ${sampler.toUpperCase()}, Eta: ${eta}, Seed: ${seed + index}, Model hash: ${
      model.slice(0, 10)
    }`,
    Software: `latent ${recipe.version}`,
  };
}

/** The recipe in a PNG file. @throws LatentError `usage.recipe` where there is none, `usage.recipe_invalid` for a false one */
export function recipeOf(bytes: Uint8Array, name: string): Recipe {
  const text = readPngText(bytes)[recipeKey];
  if (text === undefined) {
    throw new LatentError("usage.recipe", {
      what: `${name} carries no recipe`,
      wanted: `a PNG with the text "${recipeKey}", as latent sample writes it`,
      mend: "Give a picture that was not saved again by another program.",
    });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new LatentError("usage.recipe_invalid", { what: `The recipe in ${name} is no JSON`, cause });
  }
  return check(recipeSchema, value, {
    code: "usage.recipe_invalid",
    subject: `The recipe in ${name}`,
    mend: "Use a picture made by this version of latent.",
  });
}
