/** Tensors of a part of a checkpoint: their names in the part → their names in the file. */
export type PartNames = ReadonlyMap<string, string>;

/** The parts of a checkpoint of CompVis, or of one of our own, which have the same prefixes. */
export interface CheckpointParts {
  /** `first_stage_model.…`, or bare in a checkpoint of the first stage alone; without its loss. */
  firstStage: PartNames;
  /** `model.diffusion_model.…`. */
  denoiser: PartNames;
  /** Averaged weights of the denoiser, by its names; their own have lost their dots. */
  denoiserEma: PartNames;
  /** Averaged weights of a first stage alone, by its names. */
  firstStageEma: PartNames;
  /** `cond_stage_model.…`, in part or all the first stage's again where that makes the condition. */
  conditioner: PartNames;
  /** `loss.…` of a first stage: discriminator, perceptual distance, log-variance. */
  loss: PartNames;
  /** Numbers of the model as a whole that aren't in its configuration: `scale_factor`, `logvar`, the average's state. */
  settings: PartNames;
  /** The schedule's tables, which follow from the configuration. */
  schedule: PartNames;
  /** What is none of these. */
  other: PartNames;
}

const prefixes: readonly [prefix: string, part: keyof CheckpointParts][] = [
  ["first_stage_model.loss.", "loss"],
  ["first_stage_model.", "firstStage"],
  ["model.diffusion_model.", "denoiser"],
  ["cond_stage_model.", "conditioner"],
  ["loss.", "loss"],
];

/** What a first stage begins with in a checkpoint of its own. */
const bare = /^(encoder|decoder|quant_conv|post_quant_conv|quantize)\./;

const settings = ["scale_factor", "logvar", "model_ema.decay", "model_ema.num_updates"];

const schedule = [
  "betas",
  "alphas_cumprod",
  "alphas_cumprod_prev",
  "sqrt_alphas_cumprod",
  "sqrt_one_minus_alphas_cumprod",
  "log_one_minus_alphas_cumprod",
  "sqrt_recip_alphas_cumprod",
  "sqrt_recipm1_alphas_cumprod",
  "posterior_variance",
  "posterior_log_variance_clipped",
  "posterior_mean_coef1",
  "posterior_mean_coef2",
];

/** Sorts the names of a state dict into the parts of the model. No name is in two parts, and none is left out. */
export function splitCheckpoint(names: Iterable<string>): CheckpointParts {
  const parts = {
    firstStage: new Map<string, string>(),
    denoiser: new Map<string, string>(),
    denoiserEma: new Map<string, string>(),
    firstStageEma: new Map<string, string>(),
    conditioner: new Map<string, string>(),
    loss: new Map<string, string>(),
    settings: new Map<string, string>(),
    schedule: new Map<string, string>(),
    other: new Map<string, string>(),
  } satisfies CheckpointParts;
  const averaged: string[] = [];
  for (const name of names) {
    const [part, own] = placeOf(name);
    if (part === "denoiserEma") averaged.push(name);
    else parts[parts[part].has(own) ? "other" : part].set(own, name);
  }
  const dotless = new Map<string, [part: "denoiserEma" | "firstStageEma", own: string]>();
  for (const own of parts.firstStage.keys()) dotless.set(own.replaceAll(".", ""), ["firstStageEma", own]);
  for (const own of parts.denoiser.keys()) {
    dotless.set(`diffusion_model.${own}`.replaceAll(".", ""), ["denoiserEma", own]);
  }
  for (const name of averaged) {
    const [part, own] = dotless.get(name.slice("model_ema.".length)) ?? ["other" as const, name];
    parts[part].set(own, name);
  }
  return parts;
}

function placeOf(name: string): [part: keyof CheckpointParts, own: string] {
  if (settings.includes(name)) return ["settings", name];
  if (schedule.includes(name)) return ["schedule", name];
  if (name.startsWith("model_ema.")) return ["denoiserEma", name];
  if (bare.test(name)) return ["firstStage", name];
  const found = prefixes.find(([prefix]) => name.startsWith(prefix));
  return found === undefined ? ["other", name] : [found[1], name.slice(found[0].length)];
}
