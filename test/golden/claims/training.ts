/** Two steps of training a denoiser. @module */
import assert from "node:assert/strict";
import { addNoise, linearSqrt, sampleLoss } from "../../../lib/diffusion/mod.ts";
import { Unet } from "../../../lib/model/mod.ts";
import { onDevice } from "../../../lib/nn/mod.ts";
import { AdamW, constant, Ema, warmup } from "../../../lib/optim/mod.ts";
import { clearGrads, foreachNorm, grads, noGrad, scope, stack } from "../../../lib/tensor/mod.ts";
import { device } from "../../device.ts";
import { type Case, type Claim, type Golden, probe } from "../golden.ts";

const prefix = "model.diffusion_model.";

/** Whether a loss is no more than the distance of the noise, and nothing else is learned or averaged from before. */
function isPlain({ config, facts }: Case): boolean {
  if (config?.kind !== "diffusion" || facts.trained_parameters === undefined || !("in.noise2" in facts.inputs)) {
    return false;
  }
  const { condition, unetMore, schedule, predict, ema, rate, loss: { boundWeight, simpleWeight, logvar } } = config;
  return condition === undefined && unetMore === undefined && schedule.kind === "linear-sqrt" && predict === "eps" &&
    !ema &&
    (rate === undefined || rate.kind === "linear") && boundWeight === 0 && simpleWeight === 1 && !logvar.trained &&
    logvar.start === 0;
}

/** Claims about the training of denoisers. */
export const denoiserTraining: readonly Claim[] = [{
  says: "two steps of training are the original's",
  applies: isPlain,
  body: twoSteps,
}];

function twoSteps(golden: Golden): void {
  const { diffusion: { schedule: betas, loss: { distance }, rate: changes, unet: options }, facts } = golden;
  assert.ok(betas.kind === "linear-sqrt");
  const schedule = linearSqrt(betas);
  using unet = golden.fill(onDevice(device, () => new Unet(options)), "denoiser");
  const named = unet.train().namedParameters();
  const parameters = facts.trained_parameters.map((name) => named.get(name.slice(prefix.length))!);
  using optimizer = new AdamW(named, { learningRate: facts.learning_rate });
  using ema = new Ema(named);
  const rate = changes?.kind === "linear" ? warmup(changes.cycles[0]!.warmup) : constant;

  /** The loss of one step, and its gradients in the leaves. */
  const backward = (t: string, noise: string, log: string) => {
    const steps = golden.stored(t);
    const x = addNoise(schedule, golden.stored("out.z0"), golden.stored(noise), Array.from(steps.data(), Number));
    const loss = sampleLoss(distance, unet.call(x, steps), golden.stored(noise)).mean(null);
    golden.check(`${log}/loss_simple`, loss);
    golden.check(`${log}/loss`, loss);
    return loss.backward();
  };

  scope(() => {
    backward("in.t", "in.noise1", "train1.train");
    const gradients = grads(parameters).map((g) => g!);
    golden.check("grad.norms", golden.alive("train", stack(foreachNorm(gradients)).tolist() as number[]));
    golden.check("grad.probes", golden.alive("train", gradients.map(probe)));
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
    golden.check("after2.norms", golden.alive("train", norms));
    ema.update();
    for (const name of facts.chosen) golden.check(`ema2.${name}`, ema.stateDict().get(name.slice(prefix.length))!);
    golden.check("ema2.num_updates", [ema.updates]);
  });
}
