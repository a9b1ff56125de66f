/** What a denoiser says. @module */
import { addNoise, makeSchedule } from "../../../lib/diffusion/mod.ts";
import { type Condition, type FirstStageNetwork, firstStageOf } from "../../../lib/model/mod.ts";
import type { SpatialTransformer } from "../../../lib/model/transformer.ts";
import { type AnyModule, onDevice } from "../../../lib/nn/mod.ts";
import { inferenceMode, scope, type Tensor } from "../../../lib/tensor/mod.ts";
import { device } from "../../device.ts";
import { type Claim, gives, type Golden } from "../golden.ts";
import { ConditionedUnet } from "./condition.ts";

/** Claims about denoisers and schedules. */
export const denoisers: readonly Claim[] = [
  {
    says: "the denoiser gives the original's output",
    applies: (of) => of.config?.kind === "diffusion" && gives(of, "eps") && "in.z_t" in of.facts.inputs,
    body: (golden) => {
      using model = new ConditionedUnet(golden);
      const check = (output: string, x: Tensor, condition: Condition) =>
        golden.check(output, model.call(x, golden.stored("in.t"), condition));
      inferenceMode(() =>
        scope(() => {
          const z = golden.stored("in.z_t");
          check("eps", z, model.condition());
          if (gives(golden, "eps_uncond")) check("eps_uncond", z, model.unconditional());
          if (gives(golden, "eps_faint")) check("eps_faint", z.mul(1e-4), model.condition()); // epsilon of the first norms
        })
      );
    },
  },
  {
    says: "a transformer gives the original's output for faint inputs, where the epsilon of its norm decides",
    applies: (of) => gives(of, "transformer_faint"),
    body: (golden) => {
      using model = new ConditionedUnet(golden);
      const path = golden.facts.transformer_module.replace("model.diffusion_model.", "");
      const transformer = new Map<string, AnyModule>(model.unet.modules()).get(path) as SpatialTransformer;
      inferenceMode(() =>
        scope(() => {
          const x = golden.stored("in.transformer_x").contiguous({ memoryFormat: "channels_last" });
          golden.check("transformer_faint", transformer.call(x, model.condition().context!));
        })
      );
    },
  },
  {
    says: "latents are scaled by the first batch's deviation",
    applies: (of) => gives(of, "scale_factor"),
    body: (golden) => inferenceMode(() => scope(() => scaled(golden))),
  },
  {
    says: "noise is added by the schedule's table",
    applies: (of) => of.config?.kind === "diffusion" && gives(of, "q_sample"),
    body: (golden) =>
      scope(() => {
        const [z0, noise, t] = [golden.stored("out.z0"), golden.stored("in.noise1"), golden.stored("in.t")];
        const schedule = makeSchedule(golden.diffusion.schedule);
        golden.check("q_sample", addNoise(schedule, z0, noise, Array.from(t.data(), Number)));
      }),
  },
];

function scaled(golden: Golden): void {
  const { options } = golden.diffusion.firstStage;
  using firstStage = golden.fill<FirstStageNetwork>(onDevice(device, () => firstStageOf(options)), "firstStage");
  const encoding = firstStage.encode(golden.stored("in.image").permute([0, 3, 1, 2]));
  const latent = (draw: string) => firstStage.latent(encoding, () => golden.stored(draw).select(0, 0));
  const scale = latent("draw.posterior.rescale").std(null).reciprocal();
  golden.check("scale_factor", scale);
  golden.check("z0", latent("draw.posterior").mul(scale));
}
