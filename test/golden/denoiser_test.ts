import { addNoise, ddim, denoiserOf, linearSqrt, makePlan, type Schedule } from "../../lib/diffusion/mod.ts";
import { AutoencoderKL, samplePosterior, Unet } from "../../lib/model/mod.ts";
import { onDevice } from "../../lib/nn/mod.ts";
import { inferenceMode, type Noise, scope, type Tensor } from "../../lib/tensor/mod.ts";
import { device } from "../device.ts";
import { type Golden, goldenTest } from "./golden.ts";
import assert from "node:assert/strict";

const trained = ["ldm-unconditional", "ldm-kl-std"];
const all = [...trained, "ldm-pixel", "ldm-x0"];

const unetOf = (golden: Golden) =>
  golden.fill(onDevice(device, () => new Unet(golden.diffusion.unet)), "model.diffusion_model.");

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

goldenTest("the denoiser gives the original's output", all, (golden) => {
  using unet = unetOf(golden);
  inferenceMode(() => scope(() => golden.check("eps", unet.call(golden.stored("in.z_t"), golden.stored("in.t")))));
});

goldenTest("also for faint inputs, where the epsilon of the first norms decides", all, (golden) => {
  using unet = unetOf(golden);
  inferenceMode(() =>
    scope(() => golden.check("eps_faint", unet.call(golden.stored("in.z_t").mul(1e-4), golden.stored("in.t"))))
  );
});

goldenTest("latents are scaled by the first batch's deviation, and noised", ["ldm-kl-std"], (golden) => {
  const { options } = golden.firstStage("kl");
  using firstStage = golden.fill(onDevice(device, () => new AutoencoderKL(options)), "first_stage_model.");
  inferenceMode(() =>
    scope(() => {
      const posterior = firstStage.call(golden.stored("in.image").permute([0, 3, 1, 2]));
      const drawn = (name: string) => samplePosterior(posterior, golden.stored(name).select(0, 0));
      const scale = drawn("draw.posterior.rescale").std(null).reciprocal();
      golden.check("scale_factor", scale);
      golden.check("z0", drawn("draw.posterior").mul(scale));
      golden.check("image.ddim0", firstStage.decode(golden.stored("out.ddim0.latent").div(scale)));
    })
  );
});

goldenTest("noise is added by the schedule's table", trained, (golden) => {
  scope(() => {
    const [z0, noise, t] = [golden.stored("out.z0"), golden.stored("in.noise1"), golden.stored("in.t")];
    golden.check("q_sample", addNoise(scheduleOf(golden), z0, noise, Array.from(t.data(), Number)));
  });
});

goldenTest("single DDIM steps are the original's", trained, async (golden) => {
  const { eta, steps, indices } = golden.facts.single_steps.ddim;
  using unet = unetOf(golden);
  const plan = makePlan(scheduleOf(golden), steps, "compvis").toReversed();
  for (const index of indices) {
    const noise = storedNoise(golden.stored(`draw.ddim_step_noise.${index}`));
    for await (const { x, x0 } of ddim(denoiserOf(unet), golden.stored("in.z_t"), [plan[index]!], noise, { eta })) {
      golden.check(`ddim_step.${index}.x_prev`, x);
      golden.check(`ddim_step.${index}.pred_x0`, x0);
      x.dispose();
    }
  }
});

for (const eta of [0, 1]) {
  goldenTest(`DDIM with eta ${eta} ends on the original's latent`, trained, async (golden) => {
    using unet = unetOf(golden);
    const plan = makePlan(scheduleOf(golden), 10, "compvis");
    const noise = storedNoise(eta === 0 ? undefined : golden.stored("draw.ddim1_noise"));
    for await (const { step, x, x0 } of ddim(denoiserOf(unet), golden.stored("in.x_T"), plan, noise, { eta })) {
      if (step.index === 0 && eta === 0) golden.check("ddim0.first_pred_x0", x0);
      if (step.index < plan.length - 1) continue;
      golden.check(`ddim${eta}.latent`, x);
      x.dispose();
    }
    if (eta === 0) golden.check("ddim0.timesteps", plan.map(({ t }) => t).reverse());
  });
}
