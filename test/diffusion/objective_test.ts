import assert from "node:assert/strict";
import {
  addNoise,
  boundWeights,
  diffusionObjective,
  makeSchedule,
  minSnrWeights,
  type ObjectiveOptions,
  type Parameterization,
} from "../../lib/diffusion/mod.ts";
import { stepPosterior } from "../../lib/diffusion/posterior.ts";
import { full, Generator, noGrad, randn, scope, type Tensor, tensor } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";

const schedule = makeSchedule({ steps: 100 });
const all: Parameterization[] = ["eps", "x0", "v"];

function near(got: number, wanted: number, tolerance: number, what: string): void {
  assert.ok(Math.abs(got - wanted) <= tolerance * Math.abs(wanted), `${what}: ${got}, not ${wanted}`);
}

/** A batch with an error of its own in the estimate of x0, and what a network of each kind would have said. */
function batch(t: readonly number[]) {
  using generator = Generator.seeded(0);
  const shape = [t.length, 3, 2, 2];
  const [x0, noise, off] = [randn(shape, { generator }), randn(shape, { generator }), randn(shape, { generator })];
  const wrong = x0.add(off, { alpha: 0.1 });
  const of = (f: (alphaBar: number) => number) =>
    tensor(t.map((step) => f(schedule.alphasCumprod[step]!)), { shape: [t.length, 1, 1, 1] });
  const [signal, sigma] = [of(Math.sqrt), of((a) => Math.sqrt(1 - a))];
  const eps = addNoise(schedule, x0, noise, t).sub(wrong.mul(signal)).div(sigma);
  const outputs: Record<Parameterization, Tensor> = { x0: wrong, eps, v: eps.mul(signal).sub(wrong.mul(sigma)) };
  return { sample: { x0, noise, t }, outputs };
}

function lossOf(predict: Parameterization, t: readonly number[], options: ObjectiveOptions): number {
  return scope(() => {
    const { sample, outputs } = batch(t);
    return diffusionObjective(schedule, { predict, ...options })(outputs[predict], sample).loss.item();
  });
}

Deno.test("with min-SNR weights the loss of one estimate is the same whatever is predicted, and steps weigh at most γ", () => {
  for (const t of [0, 20, 70, 99]) {
    const losses = all.map((predict) => lossOf(predict, [t, t], { minSnr: 5 }));
    for (const loss of losses) near(loss, losses[1]!, 1e-3, `t = ${t}`);
  }
  assert.equal(Math.max(...minSnrWeights(schedule, "x0", 5)), 5);
  assert.equal(Math.max(...minSnrWeights(schedule, "eps", 5)), 1);
  const silent = makeSchedule({ zeroTerminalSnr: true });
  for (const predict of all) assert.ok(minSnrWeights(silent, predict, 5).every(Number.isFinite), predict);
});

Deno.test("the bound's weights make of an error in ε or v the divergence of the posteriors; of x0 they are the original's", () => {
  const tables = Object.fromEntries(all.map((predict) => [predict, boundWeights(schedule, predict, 0.2)]));
  for (let t = 1; t < 100; t++) {
    const [alphaBar, alphaBarPrevious] = [schedule.alphasCumprod[t]!, schedule.alphasCumprod[t - 1]!];
    const posterior = stepPosterior({ alphaBar, alphaBarPrevious }, 0.2);
    const divergence = posterior.x0 ** 2 / (2 * posterior.variance); // of an error of 1 in x0
    near(tables["eps"]![t]!, divergence * (1 - alphaBar) / alphaBar, 1e-4, `ε at ${t}`);
    near(tables["v"]![t]!, divergence * (1 - alphaBar), 1e-4, `v at ${t}`);
    near(tables["x0"]![t]!, 0.5 * Math.sqrt(alphaBar) / (2 - alphaBar), 1e-6, `x0 at ${t}`);
  }
  for (const predict of all) assert.equal(tables[predict]![0], tables[predict]![1]);
  assert.ok(boundWeights(makeSchedule({ zeroTerminalSnr: true }), "v").every(Number.isFinite));
});

Deno.test(
  "the loss is made of its terms, each by its weight",
  leakFree(() =>
    scope(() => {
      const { sample, outputs: { eps: prediction } } = batch([3, 50, 98]);
      const plain = diffusionObjective(schedule)(prediction, sample);
      assert.deepEqual(Object.keys(plain.log), ["loss_simple", "loss_vlb", "loss"]);
      assert.equal(plain.loss.item(), plain.log["loss_simple"]!.item());
      const errors = prediction.sub(sample.noise).square().mean([1, 2, 3]).tolist() as number[];
      const bound = boundWeights(schedule, "eps", 0.5);
      const vlb = errors.reduce((sum, error, i) => sum + error * bound[sample.t[i]!]!, 0) / 3;
      const options = { simpleWeight: 0.8, boundWeight: 0.002, posteriorBeta: 0.5 };
      const { loss, log } = diffusionObjective(schedule, options)(prediction, sample);
      near(log["loss_vlb"]!.item(), vlb, 1e-6, "loss_vlb");
      near(loss.item(), 0.8 * plain.loss.item() + 0.002 * vlb, 1e-6, "loss");
      const l1 = diffusionObjective(schedule, { loss: "l1" })(prediction, sample).loss.item();
      near(l1, prediction.sub(sample.noise).abs().mean(null).item(), 1e-6, "l1");
    })
  ),
);

Deno.test(
  "log-variances divide the error and are added; learned, only the batch's steps have gradients, 0 at the log of the error",
  leakFree(() =>
    scope(() => {
      const { sample, outputs: { eps } } = batch([3, 50]);
      const prediction = eps.clone().requiresGrad_();
      const objective = diffusionObjective(schedule);
      const errors = prediction.detach().sub(sample.noise).square().mean([1, 2, 3]);
      const fixed = objective(prediction, sample, full([100], 0.7));
      near(fixed.loss.item(), errors.mean(null).item() / Math.exp(0.7) + 0.7, 1e-6, "loss");
      assert.deepEqual(Object.keys(fixed.log), ["loss_simple", "loss_vlb", "loss"]);

      const logvar = full([100], 0.7);
      noGrad(() => logvar.narrow(0, 3, 1).copy_(errors.narrow(0, 0, 1).log()));
      logvar.requiresGrad_();
      const { loss, log } = objective(prediction, sample, logvar);
      assert.deepEqual(Object.keys(log), ["loss_simple", "loss_gamma", "logvar", "loss_vlb", "loss"]);
      near(log["logvar"]!.item(), logvar.detach().mean(null).item(), 1e-6, "logvar");
      loss.backward();
      const gradient = logvar.grad!.tolist() as number[];
      assert.ok(Math.abs(gradient[3]!) < 1e-6, `${gradient[3]}`);
      near(gradient[50]!, (1 - errors.select(0, 1).item() / Math.exp(0.7)) / 2, 1e-5, "gradient");
      assert.ok(gradient.every((g, t) => t === 3 || t === 50 || g === 0));
      assert.ok(prediction.grad!.abs().sum().item() > 0);
    })
  ),
);
