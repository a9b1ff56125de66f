import { check, type Difference, LatentError, nearest, readConfig } from "../base/mod.ts";
import { latentDiffusionOf, pixelDiffusionOf, type ReleasedDiffusion } from "./compvis_diffusion.ts";
import { firstStageOf, type ReleasedFirstStage } from "./compvis_first_stage.ts";
import { compvisSchema, compvisTargets, type CompvisYaml } from "./compvis_schema.ts";

/** What a configuration of CompVis describes: a first stage, or diffusion with one. */
export type CompvisConfig = (ReleasedDiffusion | { kind: "first-stage"; firstStage: ReleasedFirstStage }) & {
  /** Learning rate for one image: the original multiplies it by the images of an optimiser step unless told not to. */
  baseLearningRate?: number;
};

/**
 * Reads a YAML file of CompVis (latent-diffusion's `configs/` and `models/`) as {@linkcode compvisConfig} does.
 *
 * @throws LatentError as that and as reading a config does
 */
export async function readCompvisConfig(path: string): Promise<CompvisConfig> {
  return compvisConfig(await readConfig(path), path);
}

/**
 * A configuration in CompVis's form, `{model: {target, params}}`, as our types; its sections `data` and `lightning` and
 * keys that change nothing (paths, logging) are passed over.
 *
 * @param source what holds it, for messages
 * @throws LatentError `config.released` for classes, keys and values that are not known or have no counterpart here,
 * all at once, each with the nearest that is
 */
export function compvisConfig(config: unknown, source = "config.yaml"): CompvisConfig {
  const written = withTargets(config);
  const unknown = unknownTargets(written, []);
  if (unknown.length > 0) {
    throw new LatentError("config.released", {
      what: `${source} names ${unknown.length === 1 ? "a class that is" : "classes that are"} not known here`,
      differences: unknown,
      mend: "Give a configuration of CompVis's latent-diffusion.",
    });
  }
  const { model } = check(compvisSchema, written, { code: "config.released", subject: source });
  const { base_learning_rate: rate } = model;
  return { ...typed(model), ...rate === undefined ? {} : { baseLearningRate: rate } };
}

function typed(model: CompvisYaml): CompvisConfig {
  switch (model.target) {
    case "ldm.models.diffusion.ddpm.LatentDiffusion":
      return latentDiffusionOf(model.params);
    case "ldm.models.diffusion.ddpm.DDPM":
      return pixelDiffusionOf(model.params);
    default:
      return { kind: "first-stage", firstStage: firstStageOf(model, 3) };
  }
}

/** A copy in which a condition that is written as a string alone has the form of the others. */
function withTargets(value: unknown): unknown {
  if (!isMapping(value)) return value;
  const pairs = Object.entries(value).map(([key, inner]) => [
    key,
    key === "cond_stage_config" && typeof inner === "string" ? { target: inner } : withTargets(inner),
  ]);
  return Object.fromEntries(pairs);
}

/** All classes that are not known where they stand. */
function unknownTargets(value: unknown, path: string[]): Difference[] {
  if (!isMapping(value)) return [];
  const known: string[] = Object.entries(compvisTargets).find(([key]) => key === path.at(-1))?.[1] ?? [];
  const { target } = value;
  const below = Object.entries(value).flatMap(([key, inner]) => unknownTargets(inner, [...path, key]));
  if (known.length === 0 || typeof target !== "string" || known.includes(target)) return below;
  const wanted = nearest(target, known) ?? `one of: ${known.join(", ")}`;
  return [{ name: [...path, "target"].join("."), found: target, wanted }, ...below];
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
