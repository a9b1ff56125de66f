import * as z from "zod";
import { check, LatentError, type Schema } from "../base/mod.ts";
import type { Spacing } from "../diffusion/mod.ts";
import { readPngText } from "../image/mod.ts";
import type { NoiseKind } from "../tensor/mod.ts";

/** The keyword under which a picture carries its recipe. */
export const recipeKey = "latent";

/** The most pictures that a grid is made of. */
export const maxGrid = 100;

/** A version or a name: what a terminal shows as it is. */
const word = z.string().regex(/^[\w.:+-]{1,50}$/);

/** How one picture was made: all that is needed to make it again. */
export interface Recipe {
  /** Of latent. */
  version: string;
  /** Which task of the model. */
  task: "unconditional";
  /** SHA-256 of the model's file. */
  model: string;
  /** Which sampler. */
  sampler: "ddim";
  /** Denoising steps. */
  steps: number;
  /** 0 is deterministic, 1 as noisy as DDPM. */
  eta: number;
  /** Which of the timesteps. */
  spacing: Spacing;
  /** Where the noise comes from. */
  rng: NoiseKind;
  /** Of the first picture of the batch; picture i of it has seed + i. */
  seed: number;
  /** Pictures of the batch, which decides how sums are rounded. */
  batchSize: number;
  /** Which picture of the batch this is. */
  index: number;
  /** For a grid of pictures: how many, from `seed` on. */
  grid?: number | undefined;
  /** Where it was computed. */
  device: string;
  /** Of one operator. */
  threads: number;
  /** Version of libtorch. */
  libtorch: string;
}

const recipeSchema: Schema<Recipe> = z.strictObject({
  version: word,
  task: z.literal("unconditional"),
  model: z.string().regex(/^[0-9a-f]{64}$/),
  sampler: z.literal("ddim"),
  steps: z.int().min(1).max(100_000),
  eta: z.number().min(0).max(10),
  spacing: z.enum(["trailing", "leading", "linspace", "compvis"]),
  rng: z.enum(["philox", "torch"]),
  seed: z.int().min(0),
  batchSize: z.int().min(1).max(4096),
  index: z.int().min(0).max(4095),
  grid: z.int().min(2).max(maxGrid).optional(),
  device: word,
  threads: z.int().min(1).max(1024),
  libtorch: word,
}).superRefine(({ index, batchSize }, context) => {
  if (index < batchSize) return;
  context.addIssue({ code: "custom", path: ["index"], message: `less than the ${batchSize} pictures of the batch` });
});

/** The texts of a picture: the recipe, and the line that other tools show. */
export function recipeTexts(recipe: Recipe): Record<string, string> {
  const { steps, eta, seed, index, sampler, model } = recipe;
  return {
    [recipeKey]: JSON.stringify(recipeSchema.parse(recipe)), // in the schema's order, whoever made it
    parameters: `Steps: ${steps}, Sampler: ${sampler.toUpperCase()}, Eta: ${eta}, Seed: ${seed + index}, Model hash: ${
      model.slice(0, 10)
    }`,
    Software: `latent ${recipe.version}`,
  };
}

/** The recipe in a PNG file. @throws LatentError `usage.recipe` where there is none, `usage.recipe_invalid` for a false one */
export function recipeOf(bytes: Uint8Array, name: string): Recipe {
  const text = readPngText(bytes, { name })[recipeKey];
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
