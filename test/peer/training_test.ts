import assert from "node:assert/strict";
import {
  Adam,
  AdamW,
  clipGradNorm,
  constant,
  Ema,
  type LearningRate,
  warmup,
  warmupCosine,
} from "../../lib/optim/mod.ts";
import { Generator, live, noGrad, randn, scope, stack, type Tensor } from "../../lib/tensor/mod.ts";
import { assertNear, float32, toPeer } from "./arrays.ts";
import { peerTest } from "./peer.ts";
import type { Json, PeerArray } from "./runner.ts";

const steps = 100;
const shapes = { weight: [7, 5], bias: [7] };

/** Start values and the gradients (or values) of each step, by name. */
function draws(): { start: Map<string, Tensor>; each: Map<string, Tensor> } {
  const generator = Generator.seeded(0);
  const drawn = (lead: number[]) =>
    new Map(Object.entries(shapes).map(([name, shape]) => [name, randn([...lead, ...shape], { generator })]));
  return { start: drawn([]), each: drawn([steps]) };
}

function prefixed(prefix: string, tensors: ReadonlyMap<string, Tensor>): Record<string, PeerArray> {
  return Object.fromEntries([...tensors].map(([name, x]) => [`${prefix}.${name}`, toPeer(x)]));
}

const optimizers = [
  ["Adam", {}, (named: Map<string, Tensor>) => new Adam(named)],
  ["AdamW", {}, (named: Map<string, Tensor>) => new AdamW(named)],
  [
    "AdamW",
    { betas: [0.5, 0.9], eps: 1e-6, weight_decay: 0.1 },
    (named: Map<string, Tensor>) => new AdamW(named, { betas: [0.5, 0.9], eps: 1e-6, weightDecay: 0.1 }),
  ],
] as const;

for (const [optimizer, options, build] of optimizers) {
  peerTest(`${steps} steps of ${optimizer} ${JSON.stringify(options)} are PyTorch's fused ones`, async (peer) => {
    const learningRates = Array.from({ length: steps }, (_, i) => 1e-2 * (1 - i / steps));
    const before = live();
    const [sent, ours] = scope(() => {
      const { start, each } = draws();
      const sent = { ...prefixed("param", start), ...prefixed("grad", each) };
      for (const p of start.values()) p.requiresGrad_();
      using optimizer = build(start);
      const after: Tensor[] = [];
      for (const [i, rate] of learningRates.entries()) {
        for (const [name, p] of start) p.grad = each.get(name)!.select(0, i);
        optimizer.step(rate);
        after.push(start.get("weight")!.detach().clone());
      }
      const moments = [...optimizer.stateDict()].map(([name, x]) => [name.split(".").reverse().join("."), toPeer(x)]);
      return [sent, { ...Object.fromEntries(moments), "param.weight": toPeer(stack(after)) }] as const;
    });
    assert.equal(live(), before);
    const json = { optimizer, options: { ...options, fused: true }, learning_rates: learningRates };
    const theirs = (await peer.call("training.optimize", json, sent)).arrays;
    for (const name of ["param.weight", "exp_avg.weight", "exp_avg_sq.weight", "exp_avg.bias", "exp_avg_sq.bias"]) {
      assertNear(ours[name], theirs[name], 1e-6, name);
    }
  });
}

peerTest("gradients are clipped to PyTorch's, and left alone below the limit", async (peer) => {
  for (const limit of [0.5, 1000]) {
    const [sent, norm, ours] = scope(() => {
      const { start } = draws();
      for (const p of start.values()) {
        p.grad = p.mul(2);
        p.requiresGrad_();
      }
      const gradients = () => new Map([...start].map(([name, p]) => [name, p.grad!]));
      const sent = prefixed("grad", gradients());
      const norm = toPeer(clipGradNorm([...start.values()], limit));
      return [sent, norm, prefixed("grad", gradients())] as const;
    });
    const theirs = (await peer.call("training.clip_grad_norm", { max_norm: limit }, sent)).arrays;
    assertNear(norm, theirs["norm"], 1e-6, "norm");
    for (const [name, array] of Object.entries(ours)) assertNear(array, theirs[name], 1e-6, name);
  }
});

peerTest("the moving average is the original's over 100 steps", async (peer) => {
  const [start, params, ours] = scope(() => {
    const { start, each } = draws();
    const weight = start.get("weight")!;
    const first = toPeer(weight);
    using ema = new Ema(new Map([["weight", weight]]));
    const shadows: Tensor[] = [];
    for (let i = 0; i < steps; i++) {
      noGrad(() => weight.copy_(each.get("weight")!.select(0, i)));
      ema.update();
      shadows.push(ema.stateDict().get("weight")!.clone());
    }
    return [first, toPeer(each.get("weight")!), toPeer(stack(shadows))] as const;
  });
  const { shadow } = (await peer.call("training.ema", {}, { start, params })).arrays;
  assertNear(ours, shadow, 1e-6);
});

const schedules: [LearningRate, string, Record<string, Json>][] = [
  [constant, "learning_rates", { parts: [{ name: "ConstantLR", factor: 1 }] }],
  [warmup(20), "learning_rates", { parts: [{ name: "LinearLR", start_factor: 1e-6, total_iters: 20 }] }],
  [warmupCosine(0, 50), "lambda_learning_rates", { name: "cosine", warmup: 0, total: 50 }],
  [warmupCosine(10, 50), "lambda_learning_rates", { name: "cosine", warmup: 10, total: 50 }],
];

peerTest("learning-rate schedules are PyTorch's and diffusers'", async (peer) => {
  for (const [ours, name, options] of schedules) {
    const { rates } =
      (await peer.call<{ rates: number[] }>(`training.${name}`, { base: 0.1, steps: 50, ...options })).json;
    const scaled = Array.from({ length: 50 }, (_, step) => 0.1 * ours(step));
    assertNear(float32(scaled, [50]), float32(rates, [50]), 1e-7, JSON.stringify(options));
  }
});
