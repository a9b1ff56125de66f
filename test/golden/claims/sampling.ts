/** Where samplers go: single steps, last latents, decoded images; what patches make of a large latent. @module */
import {
  ddim,
  ddpm,
  type Denoiser,
  denoiserOf,
  guided,
  keepKnown,
  makePlan,
  makeSchedule,
  type Plan,
  plms,
  type Sampler,
  startingAt,
  type Steps,
  withX0,
} from "../../../lib/diffusion/mod.ts";
import { stepPosterior } from "../../../lib/diffusion/posterior.ts";
import { AutoencoderVQ, type Condition, type FirstStageNetwork, firstStageOf } from "../../../lib/model/mod.ts";
import { onDevice } from "../../../lib/nn/mod.ts";
import { cat, full, inferenceMode, type Noise, ones, scope, type Tensor, zeros } from "../../../lib/tensor/mod.ts";
import { device } from "../../device.ts";
import { type Case, type Claim, gives, type Golden } from "../golden.ts";
import { ConditionedUnet } from "./condition.ts";

/** The stored draws of a sampler, each [n, B, C, h, w] and taken in turn; nothing where none is to be drawn. */
export function storedNoise(...draws: Tensor[]): Noise {
  let next = 0;
  return {
    normal: () => draws[next % draws.length]!.select(0, Math.floor(next++ / draws.length)),
    [Symbol.dispose]: () => {},
  };
}

/** What a case is sampled with: its denoiser under its condition, guided where it says so, and its plans. */
class Sampling implements Disposable {
  readonly model: ConditionedUnet;
  /** Guided where the case is. */
  readonly denoise: Denoiser;
  /** Under the condition alone. */
  readonly conditional: Denoiser;
  readonly #conditions: Condition[] = [];

  constructor(private readonly golden: Golden, weights: "denoiser" | "denoiserEma" = "denoiser") {
    const { predict, clamped } = golden.diffusion;
    const { scale } = golden.facts.arguments;
    const model = this.model = new ConditionedUnet(golden);
    if (weights !== "denoiser") golden.fill(model.unet, weights);
    const under = (condition: Condition): Denoiser => {
      const denoise = denoiserOf({ call: (x, t) => model.call(x, t, condition) }, predict);
      return clamped ? withX0(denoise, (x0) => x0.clamp(-1, 1)) : denoise;
    };
    const given = this.#made(() => model.condition());
    this.conditional = under(given);
    this.denoise = scale === undefined ? this.conditional : guided({
      conditional: this.conditional,
      both: under(this.#made(() => ({ context: cat([model.unconditional().context!, given.context!]) }))),
    }, { scale });
  }

  #made(body: () => Condition): Condition {
    const condition = inferenceMode(() => scope(body));
    this.#conditions.push(condition);
    return condition;
  }

  /** The original's list of 10 steps, as in all cases. */
  get plan(): Plan {
    return makePlan(makeSchedule(this.golden.diffusion.schedule), 10, "compvis");
  }

  /** Every step of the schedule, or of the same with other steps. */
  every(steps = this.golden.diffusion.schedule.steps): Plan {
    return makePlan(makeSchedule({ ...this.golden.diffusion.schedule, steps }), steps);
  }

  get ancestral(): { posteriorBeta: number } {
    return { posteriorBeta: this.golden.diffusion.loss.posteriorBeta };
  }

  [Symbol.dispose](): void {
    this.model[Symbol.dispose]();
    for (const condition of this.#conditions) Object.values(condition).forEach((tensor) => tensor.dispose());
  }
}

/** Compares the last latent, the first x0, and the image. */
async function ends(golden: Golden, name: string, steps: Steps): Promise<void> {
  let end: Tensor | undefined;
  for await (const { step, x, x0 } of steps) {
    if (step.index === 0) golden.check(`${name}.first_pred_x0`, x0);
    end = x;
  }
  using x = end!;
  golden.check(gives(golden, name) ? name : `${name}.latent`, x);
  decoded(golden, name);
}

/** Compares what the first stage makes of the original's latents, where it is in the case. */
function decoded(golden: Golden, name: string): void {
  if (!gives(golden, `image.${name}`) || golden.part("firstStage").size === 0) return;
  using firstStage = filledFirstStage(golden);
  const { latentScale } = golden.diffusion;
  inferenceMode(() =>
    scope(() => {
      const scale = latentScale === "first-batch" ? golden.stored("out.scale_factor").item() : latentScale;
      const z = golden.stored(`out.${name}.latent`).div(scale);
      const image = firstStage.decode(z);
      golden.check(`image.${name}`, image);
      if (firstStage instanceof AutoencoderVQ) {
        golden.check(`indices.${name}`, firstStage.quantize.call(z).indices.flatten());
      }
      if (gives(golden, "inpainted")) golden.check("inpainted", inpainted(golden, image));
    })
  );
}

/** Compares the latents of the batch, as they are before noise; codes are not taken yet. */
function encoded(golden: Golden): void {
  using firstStage = filledFirstStage(golden);
  inferenceMode(() =>
    scope(() => {
      const encoding = firstStage.encode(golden.stored("in.image").permute([0, 3, 1, 2]));
      const z = firstStage.latent(encoding, () => golden.stored("draw.posterior").select(0, 0));
      golden.check("z0", z.mul(Number(golden.diffusion.latentScale)));
    })
  );
}

/** In [0, 1]: the image, and in the mask what was sampled (scripts/inpaint.py). */
function inpainted(golden: Golden, sampled: Tensor): Tensor {
  const positive = (image: Tensor) => image.add(1).div(2).clamp(0, 1);
  const mask = golden.stored("in.mask01");
  const image = positive(golden.stored("in.image").permute([0, 3, 1, 2]));
  return image.mul(mask.rsub(1)).add(positive(sampled).mul(mask));
}

function filledFirstStage(golden: Golden): FirstStageNetwork {
  const { options } = golden.diffusion.firstStage;
  return golden.fill(onDevice(device, () => firstStageOf({ ...options, ...golden.remap })), "firstStage");
}

/** A claim about a sampler that ends on an output. */
function sampled(
  says: string,
  output: string,
  body: (golden: Golden, s: Sampling) => Promise<void>,
  more: Partial<Pick<Claim, "applies">> & { weights?: "denoiserEma" } = {},
): Claim {
  return {
    says,
    applies: (of) => of.config?.kind === "diffusion" && gives(of, output) && (more.applies?.(of) ?? true),
    body: async (golden) => {
      using s = new Sampling(golden, more.weights);
      await body(golden, s);
    },
  };
}

const start = (golden: Golden): Tensor => golden.stored("in.x_T");

/** Claims about samplers. */
export const sampling: readonly Claim[] = [
  {
    says: "the batch's latents are the original's",
    applies: (of) => gives(of, "z0") && !gives(of, "scale_factor") && hasFirstStage(of),
    body: encoded,
  },
  sampled("single DDIM steps are the original's", "ddim_step.0.x_prev", async (golden, s) => {
    const { eta, indices } = golden.facts.single_steps.ddim;
    for (const index of indices) {
      const noise = storedNoise(golden.stored(`draw.ddim_step_noise.${index}`));
      await single(golden, `ddim_step.${index}`, ddim, s.denoise, [s.plan.at(-1 - index)!], noise, { eta });
    }
  }),
  sampled(
    "single PLMS steps are the original's, whatever came before",
    "plms_step.history0.x_prev",
    async (golden, s) => {
      const at = s.plan.length - 1 - golden.facts.single_steps.plms.index;
      for (const history of [0, 1, 2, 3]) {
        const told: Denoiser = (x, step) => {
          if (step.index >= at) return s.denoise(x, step);
          const eps = golden.stored(`in.old_eps.${3 - (at - step.index)}`);
          return { x0: x.clone(), eps: eps.clone() };
        };
        const plan = s.plan.slice(at - history, at + 1);
        await single(golden, `plms_step.history${history}`, plms, told, plan, storedNoise());
      }
    },
  ),
  sampled("single ancestral steps are the original's", "p_sample.0.x_prev", async (golden, s) => {
    for (const t of golden.facts.single_steps.p_sample.timesteps) {
      const noise = storedNoise(golden.stored(`draw.p_sample_noise.${t}`));
      await single(golden, `p_sample.${t}`, ddpm, s.conditional, [s.every().at(-1 - t)!], noise, s.ancestral);
    }
  }),
  sampled("DDIM with eta 0 ends on the original's latent", "ddim0.latent", async (golden, s) => {
    await ends(golden, "ddim0", ddim(s.denoise, start(golden), s.plan, storedNoise()));
    golden.check("ddim0.timesteps", s.plan.map(({ t }) => t).reverse());
  }),
  sampled("DDIM with eta 1 ends on the original's latent", "ddim1.latent", async (golden, s) => {
    const options = { eta: 1 };
    await ends(
      golden,
      "ddim1",
      ddim(s.denoise, start(golden), s.plan, storedNoise(golden.stored("draw.ddim1_noise")), options),
    );
    golden.check("ddim1.sigmas", (await deviations(s.plan, options)).reverse());
  }),
  sampled(
    "PLMS ends on the original's latent",
    "plms.latent",
    (golden, s) => ends(golden, "plms", plms(s.denoise, start(golden), s.plan, storedNoise())),
  ),
  sampled("ancestral sampling ends on the original's latent", "ddpm20.latent", (golden, s) => {
    const noise = storedNoise(golden.stored("draw.ddpm_noise"));
    return ends(golden, "ddpm20", ddpm(s.conditional, start(golden), s.every(20), noise, s.ancestral));
  }),
  sampled(
    "ancestral sampling that begins late ends on the original's latent",
    "ddpm_truncated7.latent",
    (golden, s) => {
      const noise = storedNoise(golden.stored("draw.ddpm_truncated_noise"));
      const plan = startingAt(s.every(), 6);
      return ends(golden, "ddpm_truncated7", ddpm(s.conditional, start(golden), plan, noise, s.ancestral));
    },
  ),
  sampled("what a mask keeps is noised anew ahead of each step", "ddim1_mask.latent", (golden, s) => {
    const before = keepKnown(golden.stored("out.z0"), golden.stored("in.mask_latent"));
    const noise = storedNoise(golden.stored("draw.ddim_mask_q_noise"), golden.stored("draw.ddim_mask_step_noise"));
    return ends(golden, "ddim1_mask", ddim(s.denoise, start(golden), s.plan, noise, { eta: 1, before }));
  }),
  sampled("temperature scales the noise", "ddim05_temperature07.latent", async (golden, s) => {
    const noise = storedNoise(golden.stored("draw.ddim_temp_noise"));
    const options = { eta: 0.5, temperature: 0.7 };
    await ends(golden, "ddim05_temperature07", ddim(s.denoise, start(golden), s.plan, noise, options));
  }),
  sampled("x0 can be quantised in every step", "ddim0_quantized.latent", async (golden, s) => {
    using firstStage = filledFirstStage(golden) as AutoencoderVQ;
    const quantized = withX0(s.denoise, (x0) => firstStage.quantize.call(x0).z);
    await ends(golden, "ddim0_quantized", ddim(quantized, start(golden), s.plan, storedNoise()));
  }, { applies: hasFirstStage }),
  sampled("the averaged weights end on the original's latent", "ddim0_ema.latent", async (golden, s) => {
    await ends(golden, "ddim0_ema", ddim(s.denoise, start(golden), s.plan, storedNoise()));
    inferenceMode(() =>
      scope(() => golden.check("eps_ema", s.model.call(golden.stored("in.z_t"), golden.stored("in.t"))))
    );
  }, { weights: "denoiserEma" }),
  sampled("on pixels, ancestral sampling clamps x0 and ends on the original's image", "ddpm20", async (golden, s) => {
    const draws = golden.stored("draw.start_then_step_noise");
    using first = draws.select(0, 0);
    using rest = draws.narrow(0, 1, draws.shape[0]! - 1);
    await ends(golden, "ddpm20", ddpm(s.denoise, first, s.every(20), storedNoise(rest), s.ancestral));
    for (const step of s.every(20).filter(({ t }) => gives(golden, `p_mean.t${t}`))) {
      const shape = golden.stored(`out.p_log_variance.t${step.t}`).shape;
      const { variance } = stepPosterior(step, s.ancestral.posteriorBeta);
      const silent: Noise = { normal: (shape) => zeros(shape, { device }), [Symbol.dispose]: () => {} };
      for await (const { x } of ddpm(s.denoise, golden.stored("in.x"), [step], silent, s.ancestral)) {
        using mean = x;
        golden.check(`p_mean.t${step.t}`, mean);
      }
      using logarithm = full(shape, Math.log(Math.max(variance, 1e-20)), { device });
      golden.check(`p_log_variance.t${step.t}`, logarithm);
    }
  }),
];

/** Whether the first stage's weights are in a case: of a case that ships here they may not be. */
function hasFirstStage({ folder }: Case): boolean {
  try {
    return Deno.statSync(`${folder}/model.ckpt`).isFile;
  } catch {
    return false;
  }
}

/** Compares a sampler's last step, from z_t at that step. */
async function single<Options>(
  golden: Golden,
  name: string,
  sampler: Sampler<Options>,
  denoise: Denoiser,
  plan: Plan,
  noise: Noise,
  options?: Options,
): Promise<void> {
  const z = golden.stored("in.z_t");
  for await (const { step, x, x0 } of sampler(denoise, z, plan, noise, { ...options!, before: () => z.clone() })) {
    if (step !== plan.at(-1)) continue;
    golden.check(`${name}.x_prev`, x);
    golden.check(`${name}.pred_x0`, x0);
    x.dispose();
  }
}

/** How much noise each step of DDIM adds. */
async function deviations(plan: Plan, options: { eta: number }): Promise<number[]> {
  using nothing = zeros([1]);
  const blind: Denoiser = () => ({ x0: zeros([1]), eps: zeros([1]) });
  const one: Noise = { normal: () => ones([1]), [Symbol.dispose]: () => {} };
  const found: number[] = [];
  for await (const { x } of ddim(blind, nothing, plan, one, options)) {
    found.push(x.item());
    if (found.length === plan.length) x.dispose();
  }
  return found;
}
