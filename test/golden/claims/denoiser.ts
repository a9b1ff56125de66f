/** What a denoiser says, and where its samplers go. @module */
import assert from "node:assert/strict";
import { addNoise, ddim, denoiserOf, linearSqrt, makePlan, type Schedule } from "../../../lib/diffusion/mod.ts";
import { AutoencoderKL, samplePosterior, Unet } from "../../../lib/model/mod.ts";
import { onDevice } from "../../../lib/nn/mod.ts";
import { inferenceMode, type Noise, scope, type Tensor } from "../../../lib/tensor/mod.ts";
import { device } from "../../device.ts";
import { type Case, type Claim, gives, type Golden } from "../golden.ts";

/** Whether a denoiser can be built: nothing conditions it, and it has no parts that are not built yet. */
const builds = ({ config }: Case): boolean =>
  config?.kind === "diffusion" && config.condition === undefined && config.unetMore === undefined;

/** Whether its schedule can be, too. */
const diffuses = (of: Case): boolean =>
  builds(of) && of.config?.kind === "diffusion" && of.config.schedule.kind === "linear-sqrt";

const unetOf = (golden: Golden) => golden.fill(onDevice(device, () => new Unet(golden.diffusion.unet)), "denoiser");

function scheduleOf({ diffusion: { schedule } }: Golden): Schedule {
  assert.ok(schedule.kind === "linear-sqrt");
  return linearSqrt(schedule);
}

/** The stored draws of a sampler, [n, B, C, h, w], in order; nothing where none is to be drawn. */
function storedNoise(draws?: Tensor): Noise {
  let next = 0;
  return {
    normal: () => draws === undefined ? assert.fail("drew noise") : draws.select(0, next++),
    [Symbol.dispose]: () => {},
  };
}

/** Claims about denoisers, schedules and samplers. */
export const denoisers: readonly Claim[] = [
  {
    says: "the denoiser gives the original's output",
    applies: (of) => builds(of) && gives(of, "eps") && "in.z_t" in of.facts.inputs,
    body: (golden) => {
      using unet = unetOf(golden);
      const call = (x: Tensor) => unet.call(x, golden.stored("in.t"));
      inferenceMode(() => scope(() => golden.check("eps", call(golden.stored("in.z_t")))));
    },
  },
  {
    says: "also for faint inputs, where the epsilon of the first norms decides",
    applies: (of) => builds(of) && gives(of, "eps_faint"),
    body: (golden) => {
      using unet = unetOf(golden);
      const call = (x: Tensor) => unet.call(x, golden.stored("in.t"));
      inferenceMode(() => scope(() => golden.check("eps_faint", call(golden.stored("in.z_t").mul(1e-4)))));
    },
  },
  {
    says: "latents are scaled by the first batch's deviation, and noised",
    applies: (of) => gives(of, "scale_factor") && of.config?.firstStage.kind === "kl",
    body: (golden) => {
      const { options } = golden.firstStage("kl");
      using firstStage = golden.fill(onDevice(device, () => new AutoencoderKL(options)), "firstStage");
      inferenceMode(() => scope(() => scaled(golden, firstStage)));
    },
  },
  {
    says: "noise is added by the schedule's table",
    applies: (of) => diffuses(of) && gives(of, "q_sample"),
    body: (golden) =>
      scope(() => {
        const [z0, noise, t] = [golden.stored("out.z0"), golden.stored("in.noise1"), golden.stored("in.t")];
        golden.check("q_sample", addNoise(scheduleOf(golden), z0, noise, Array.from(t.data(), Number)));
      }),
  },
  {
    says: "single DDIM steps are the original's",
    applies: (of) =>
      diffuses(of) && of.facts.single_steps?.ddim.indices.some((i) => gives(of, `ddim_step.${i}.x_prev`)),
    body: singleSteps,
  },
  ...[0, 1].map((eta): Claim => ({
    says: `DDIM with eta ${eta} ends on the original's latent`,
    applies: (of) => diffuses(of) && gives(of, `ddim${eta}.latent`),
    body: (golden) => sampled(golden, eta),
  })),
];

function scaled(golden: Golden, firstStage: AutoencoderKL): void {
  const posterior = firstStage.call(golden.stored("in.image").permute([0, 3, 1, 2]));
  const drawn = (name: string) => samplePosterior(posterior, golden.stored(name).select(0, 0));
  const scale = drawn("draw.posterior.rescale").std(null).reciprocal();
  golden.check("scale_factor", scale);
  golden.check("z0", drawn("draw.posterior").mul(scale));
  if (gives(golden, "image.ddim0")) {
    golden.check("image.ddim0", firstStage.decode(golden.stored("out.ddim0.latent").div(scale)));
  }
}

async function singleSteps(golden: Golden): Promise<void> {
  const { eta, steps, indices } = golden.facts.single_steps.ddim;
  using unet = unetOf(golden);
  const denoiser = denoiserOf(unet, golden.diffusion.predict);
  const plan = makePlan(scheduleOf(golden), steps, "compvis").toReversed();
  for (const index of indices) {
    const noise = storedNoise(golden.stored(`draw.ddim_step_noise.${index}`));
    for await (const { x, x0 } of ddim(denoiser, golden.stored("in.z_t"), [plan[index]!], noise, { eta })) {
      golden.check(`ddim_step.${index}.x_prev`, x);
      golden.check(`ddim_step.${index}.pred_x0`, x0);
      x.dispose();
    }
  }
}

async function sampled(golden: Golden, eta: number): Promise<void> {
  using unet = unetOf(golden);
  const denoiser = denoiserOf(unet, golden.diffusion.predict);
  const plan = makePlan(scheduleOf(golden), 10, "compvis");
  const noise = storedNoise(eta === 0 ? undefined : golden.stored(`draw.ddim${eta}_noise`));
  for await (const { step, x, x0 } of ddim(denoiser, golden.stored("in.x_T"), plan, noise, { eta })) {
    if (step.index === 0) golden.check(`ddim${eta}.first_pred_x0`, x0);
    if (step.index < plan.length - 1) continue;
    golden.check(`ddim${eta}.latent`, x);
    x.dispose();
  }
  golden.check(`ddim${eta}.timesteps`, plan.map(({ t }) => t).reverse());
}
