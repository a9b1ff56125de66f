import { basename } from "@std/path";
import * as z from "zod";
import { LatentError, type WorkEvent } from "../../base/mod.ts";
import { decodeImage, encodePng, grid, type Picture } from "../../image/mod.ts";
import {
  loadDiffusion,
  maxGrid,
  modelOfHash,
  type Recipe,
  recipeOf,
  recipeTexts,
  rememberModel,
  sample as sampleModel,
} from "../../task/mod.ts";
import { device as deviceNamed, devices, libtorchInfo, threads as threadCount } from "../../tensor/mod.ts";
import { command } from "../command.ts";
import { computeOn, computing } from "../computing.ts";
import { pathOption, userPath } from "../paths.ts";
import { writeNew } from "../write_new.ts";
import manifest from "../../../deno.json" with { type: "json" };

const options = z.strictObject({
  model: pathOption("folder", "Run folder or model file.").optional(),
  count: z.int().min(1).max(50_000).default(1).describe("How many pictures."),
  seed: z.int().min(0).default(0).describe("Of the first picture; the next has the next."),
  steps: z.int().min(1).default(50).describe("Denoising steps."),
  eta: z.number().min(0).max(10).default(0).describe("0 is deterministic, 1 as noisy as DDPM."),
  spacing: z.enum(["trailing", "leading", "linspace", "compvis"]).default("trailing").describe(
    "Which of the timesteps.",
  ),
  batchSize: z.int().min(1).max(4096).default(16).describe("Pictures made at once."),
  rng: z.enum(["philox", "torch"]).default("philox").describe(
    "Noise: ours on every machine, or PyTorch's CPU generator.",
  ),
  ...computing,
  again: pathOption("file", "A picture to make again, from the recipe it carries.").optional(),
  out: pathOption("folder", "Where the pictures go.").default(userPath("samples")),
});
type Options = z.output<typeof options>;

/** `latent sample`: pictures from a trained model, each with its recipe inside. */
export const sample = command({
  name: "sample",
  summary: "Make pictures with a trained diffusion model.",
  options,
  arguments: ["model"],
  computes: true,
  permissions: ["read", "write", "ffi", "sys"],
  run: (given, { signal }) => given.again === undefined ? fresh(given, signal) : again(given, given.again, signal),
});

/** What the options ask for, as the recipe of the whole. */
async function* fresh(given: Options, signal: AbortSignal): AsyncGenerator<WorkEvent> {
  const { model, count, again: _, out, device: name, threads, ...settings } = given;
  if (model === undefined) {
    throw new LatentError("usage.model", {
      what: "No model was named",
      wanted: "latent sample MODEL",
      mend: "Name a run folder or a model file.",
    });
  }
  const device = computeOn({ device: name, threads });
  const recipe = {
    ...settings,
    version: manifest.version,
    task: "unconditional" as const,
    sampler: "ddim" as const,
    index: 0,
    device,
    threads: threadCount(),
    libtorch: libtorchInfo().version,
  };
  const paths: string[] = [];
  for await (const made of make(model, recipe, count, signal)) {
    if ("type" in made) yield made;
    else {
      for (const { picture, recipe } of made.pictures) {
        paths.push(
          await write(out, recipe.grid === undefined ? `seed-${recipe.seed + recipe.index}` : "grid", picture, recipe),
        );
        yield { type: "file", path: paths.at(-1)!, kind: recipe.grid === undefined ? "image" : "grid" };
      }
    }
  }
  yield { type: "done", text: `${count} ${count === 1 ? "picture" : "pictures"} in ${out}`, result: { paths } };
}

/** The same picture from its own recipe. */
async function* again(given: Options, path: string, signal: AbortSignal): AsyncGenerator<WorkEvent> {
  const original = await readPicture(path);
  const recipe = recipeOf(original, path);
  const device = devices().includes(recipe.device) ? recipe.device : deviceNamed(given.device);
  threadCount(recipe.threads);
  const here = { version: manifest.version, libtorch: libtorchInfo().version, device };
  const differing = (["version", "libtorch", "device"] as const).filter((key) => here[key] !== recipe[key]);
  if (differing.length > 0) {
    const said = differing.map((key) => `${key} ${recipe[key]} (here ${here[key]})`);
    yield { type: "warning", text: `made with ${said.join(", ")}: the bytes may differ` };
  }
  const wanted = recipe.grid ?? recipe.index; // a grid comes after its pictures
  const model = given.model ?? modelOfHash(recipe.model);
  let position = 0;
  for await (const made of make(model, { ...recipe, device }, recipe.grid ?? recipe.batchSize, signal, recipe.model)) {
    if ("type" in made) yield made;
    else {
      for (const { picture } of made.pictures) {
        if (position++ === wanted) return yield* compared(given.out, path, original, picture, recipe);
      }
    }
  }
}

/** Writes a picture that was made again. @throws LatentError `picture.differs` where it is not what it was */
async function* compared(
  out: string,
  path: string,
  original: Uint8Array,
  picture: Picture,
  recipe: Recipe,
): AsyncGenerator<WorkEvent> {
  const bytes = await encodePng(picture, recipeTexts(recipe));
  const written = writeNew(out, basename(path).replace(/\.png$/, ""), bytes);
  yield { type: "file", path: written, kind: "image" };
  const same = bytes.length === original.length && bytes.every((byte, i) => byte === original[i]);
  const found = same ? undefined : difference(picture, await decodeImage(original, { name: path }));
  if (found !== undefined) {
    throw new LatentError("picture.differs", {
      what: `${written} differs from ${path}, from whose recipe it was made`,
      found,
      wanted: "the same picture",
      mend: "Small differences come from another libtorch, device or processor, large ones from a picture that was " +
        "changed since. Both are kept.",
    });
  }
  const text = `${written} equals ${path} ${same ? "byte" : "pixel"} for ${same ? "byte" : "pixel"}`;
  yield { type: "done", text, result: { path: written, same } };
}

/** How a picture differs from what it should be, where it does. */
function difference(made: Picture, wanted: Picture): string | undefined {
  const size = ({ width, height }: Picture) => `${width} × ${height} pixels`;
  if (size(made) !== size(wanted)) return `${size(made)} in place of ${size(wanted)}`;
  const differing = new Set<number>();
  let most = 0;
  made.data.forEach((value, i) => {
    const by = Math.abs(value - wanted.data[i]!);
    if (by > 0) differing.add(i >> 2);
    most = Math.max(most, by);
  });
  if (most === 0) return undefined;
  return `${differing.size} of ${made.width * made.height} pixels are others, by up to ${most} of 255`;
}

interface Made {
  pictures: { picture: Picture; recipe: Recipe }[];
}

/** The pictures batch by batch with their recipes, then the grid of all when there are several. */
async function* make(
  path: string,
  settings: Omit<Recipe, "model">,
  count: number,
  signal: AbortSignal,
  hash?: string,
): AsyncGenerator<WorkEvent | Made> {
  using model = await loadDiffusion(path, settings.device);
  if (hash !== undefined && hash !== model.hash) {
    throw new LatentError("usage.other_model", {
      what: `${path} is not the model that made the picture`,
      found: `SHA-256 ${model.hash}`,
      wanted: hash,
      mend: "Name the file of that model before --again, or leave the name out if it was used here before.",
    });
  }
  rememberModel(model.hash, path);
  const { grid: _, ...base } = { ...settings, model: model.hash };
  const all: Picture[] = [];
  const { seed, batchSize, steps, eta, spacing, rng, device } = settings;
  for await (const event of sampleModel(model, { seed, count, batchSize, steps, eta, spacing, rng, device, signal })) {
    if (event.type !== "pictures") yield event;
    else {
      if (count <= maxGrid) all.push(...event.pictures);
      const recipe = { ...base, seed: event.seed, batchSize: event.pictures.length };
      yield { pictures: event.pictures.map((picture, index) => ({ picture, recipe: { ...recipe, index } })) };
    }
  }
  if (all.length > 1) yield { pictures: [{ picture: grid(all), recipe: { ...base, index: 0, grid: count } }] };
}

async function write(out: string, name: string, picture: Picture, recipe: Recipe): Promise<string> {
  return writeNew(out, name, await encodePng(picture, recipeTexts(recipe)));
}

async function readPicture(path: string): Promise<Uint8Array> {
  try {
    return await Deno.readFile(path);
  } catch (cause) {
    throw new LatentError("usage.picture", {
      what: `${path} cannot be read`,
      wanted: "a PNG made by latent sample",
      cause,
    });
  }
}
