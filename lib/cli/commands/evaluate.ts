import { join } from "@std/path";
import * as z from "zod";
import { LatentError } from "../../base/mod.ts";
import { evaluateFirstStage, evaluateImages, evaluatePairs, perceptualNames } from "../../task/mod.ts";
import { command } from "../command.ts";
import { computeOn, computing } from "../computing.ts";
import { pathOption, userPath } from "../paths.ts";

const options = z.strictObject({
  of: pathOption("folder", "A first stage (run folder, model file), or images (folder, .npz)."),
  data: z.string().min(1).describe("What a first stage reconstructs: a folder, or emoji (emoji).")
    .optional(),
  size: z.int().min(11).max(8192).describe("Their side, pixels (64).").optional(),
  split: z.enum(["validation", "train"]).describe("One of both parts of them.").optional(),
  validation: z.number().min(0).max(1).describe("Share of a folder that is the validation split (0.05).").optional(),
  sheet: pathOption("file", "A PNG of some images above their reconstructions.").optional(),
  against: pathOption("folder", "What images are compared with: a folder, .npz or .safetensors.").optional(),
  pairs: z.boolean().default(false).describe("Compare images of the same name with each other."),
  saveStatistics: pathOption("file", "Keep the statistics of the images for a later --against.").optional(),
  perceptual: z.array(z.enum([...perceptualNames])).describe("Perceptual distances; all whose weights are there.")
    .optional(),
  features: z.enum(["efficientnet-lite0", "inception"]).describe(
    "Network for Fréchet distance and the like (efficientnet-lite0).",
  ).optional(),
  weights: pathOption("folder", "Where the weights of these networks are.").optional(),
  batchSize: z.int().min(1).max(4096).default(16).describe("Images at once."),
  ...computing,
});
type Options = z.output<typeof options>;

/** `latent evaluate`: figures of a first stage's reconstructions, or of a folder of images. */
export const evaluate = command({
  name: "evaluate",
  summary: "Measure a first stage's reconstructions, or images against others: PSNR, SSIM, FID, KID, …",
  options,
  arguments: ["of"],
  computes: true,
  permissions: ["read", "write", "ffi", "sys"],
  run(given, { signal }) {
    const { of, data, split, against, pairs, saveStatistics } = given;
    const { size, validation, sheet, perceptual, features, weights, batchSize } = given;
    const common = defined({ perceptual, features, weights, batchSize, device: computeOn(given), signal });
    if (isModel(of)) {
      refuse(given, "a first stage", ["against", "pairs", "saveStatistics"]);
      const set = { data: data === undefined || data === "emoji" ? data : userPath(data), splits: split && [split] };
      return evaluateFirstStage(of, { ...common, ...defined({ ...set, size, validation, sheet }) });
    }
    refuse(given, "a folder of images", ["data", "size", "split", "validation", "sheet"]);
    if (!pairs) {
      refuse(given, "a set of images", ["perceptual"]);
      return evaluateImages(of, { ...common, ...defined({ against, saveStatistics }) });
    }
    refuse(given, "images in pairs", ["saveStatistics", "features"]);
    if (against !== undefined) return evaluatePairs(of, against, common);
    throw new LatentError("usage.pairs", {
      what: "Pairs are of two folders",
      wanted: "latent evaluate DIR --against DIR --pairs",
      mend: "Name the other folder with --against.",
    });
  },
});

/** A file, a run's folder, or nothing, which is then said to be no model; else it is a folder or an archive of images. */
function isModel(path: string): boolean {
  if (path.endsWith(".npz")) return false;
  const info = statOf(path);
  return !info?.isDirectory || statOf(join(path, "model.safetensors")) !== undefined;
}

function statOf(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch {
    return undefined;
  }
}

/** Flags that say nothing about what is evaluated. */
function refuse(given: Options, of: string, names: (keyof Options)[]): void {
  const idle = names.filter((name) => given[name] !== undefined && given[name] !== false);
  if (idle.length === 0) return;
  const flags = idle.map((name) => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);
  throw new LatentError("usage.conflict", {
    what: `${given.of} is evaluated as ${of}`,
    found: flags.join(", "),
    wanted: "flags that go with that",
    mend: "Leave them out, or name something else to evaluate.",
  });
}

/** The values that there are. */
function defined<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const there = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(there) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
