import { addNoise, linearSqrt, sampleLoss } from "../../lib/diffusion/mod.ts";
import { Unet } from "../../lib/model/mod.ts";
import { onDevice } from "../../lib/nn/mod.ts";
import { AdamW, constant, Ema, warmup } from "../../lib/optim/mod.ts";
import { clearGrads, foreachNorm, grads, noGrad, scope, stack, type Tensor } from "../../lib/tensor/mod.ts";
import { device } from "../device.ts";
import { unetOptions } from "./config.ts";
import { type Golden, goldenTest } from "./golden.ts";

const prefix = "model.diffusion_model.";

/** Σ gᵢ·cos(0.7·i + 0.3) over the flattened gradient, in float64: it notices permuted and transposed tensors. */
function probe(gradient: Tensor): number {
  return Array.from(gradient.data(), Number).reduce((sum, g, i) => sum + g * Math.cos(0.7 * i + 0.3), 0);
}

/** Numbers for the parameters that are to be compared, 0 for the others. */
function alive(golden: Golden, values: readonly number[]): number[] {
  return Array.from(golden.stored("in.train.alive").data(), Number).map((on, i) => on * values[i]!);
}

goldenTest("two steps of training are the original's", ["ldm-unconditional", "ldm-kl-std"], (golden) => {
  const { config: { params }, facts } = golden;
  const schedule = linearSqrt({ steps: params.timesteps, start: params.linear_start, end: params.linear_end });
  using unet = golden.fill(onDevice(device, () => new Unet(unetOptions(golden.config))), prefix);
  const named = unet.train().namedParameters();
  const parameters = facts.trained_parameters.map((name) => named.get(name.slice(prefix.length))!);
  using optimizer = new AdamW(named, { learningRate: facts.learning_rate });
  using ema = new Ema(named);
  const [warm] = params.scheduler_config?.params.warm_up_steps ?? [];
  const rate = warm === undefined ? constant : warmup(warm);

  /** The loss of one step, and its gradients in the leaves. */
  const backward = (t: string, noise: string, log: string) => {
    const steps = golden.stored(t);
    const x = addNoise(schedule, golden.stored("out.z0"), golden.stored(noise), Array.from(steps.data(), Number));
    const loss = sampleLoss(params.loss_type ?? "l2", unet.call(x, steps), golden.stored(noise)).mean(null);
    golden.check(`${log}/loss_simple`, loss);
    golden.check(`${log}/loss`, loss);
    return loss.backward();
  };

  scope(() => {
    backward("in.t", "in.noise1", "train1.train");
    const gradients = grads(parameters).map((g) => g!);
    golden.check("grad.norms", alive(golden, stack(foreachNorm(gradients)).tolist() as number[]));
    golden.check("grad.probes", alive(golden, gradients.map(probe)));
    for (const name of facts.chosen) golden.check(`grad.${name}`, named.get(name.slice(prefix.length))!.grad!);
    optimizer.step(facts.learning_rate * rate(0));
    for (const name of facts.chosen) golden.check(`after1.${name}`, named.get(name.slice(prefix.length))!);
    ema.update();
    clearGrads(parameters);
  });
  scope(() => {
    backward("in.t2", "in.noise2", "train2.train");
    optimizer.step(facts.learning_rate * rate(1));
    const norms = noGrad(() => stack(foreachNorm(parameters)).tolist()) as number[];
    golden.check("after2.norms", alive(golden, norms));
    ema.update();
    for (const name of facts.chosen) golden.check(`ema2.${name}`, ema.stateDict().get(name.slice(prefix.length))!);
    golden.check("ema2.num_updates", [ema.updates]);
  });
});
