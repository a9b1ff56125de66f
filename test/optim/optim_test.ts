import assert from "node:assert/strict";
import {
  Adam,
  AdamW,
  clipGradNorm,
  constant,
  cycledRate,
  Ema,
  type LearningRate,
  warmup,
  warmupCosine,
} from "../../lib/optim/mod.ts";
import { Generator, live, noGrad, randn, scope, type Tensor, tensor } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";

const near = (got: number, wanted: number, tolerance = 1e-6) =>
  assert.ok(Math.abs(got - wanted) <= tolerance, `${got}, not ${wanted}`);

/** A parameter and the gradient it has. */
function trained(values: number[], gradient: number[] | null): Tensor {
  const p = tensor(values).requiresGrad_();
  if (gradient !== null) p.grad = tensor(gradient);
  return p;
}

Deno.test(
  "the first step is the learning rate times the sign of the gradient; AdamW decays beside it",
  leakFree(() =>
    scope(() => {
      const rows = [[Adam, {}, 1], [AdamW, {}, 1 - 0.1 * 0.01], [AdamW, { weightDecay: 0.5 }, 1 - 0.1 * 0.5]] as const;
      for (const [Optimizer, options, kept] of rows) {
        const p = trained([1, 2, 3], [0.5, -40, 0]);
        using optimizer = new Optimizer(new Map([["p", p]]), { learningRate: 0.1, ...options });
        optimizer.step();
        const [a, b, c] = p.tolist() as number[];
        near(a!, kept - 0.1);
        near(b!, 2 * kept + 0.1);
        near(c!, 3 * kept);
      }
    })
  ),
);

Deno.test(
  "the rate that is given is the rate used, and parameters without gradients stay",
  leakFree(() =>
    scope(() => {
      const [p, still] = [trained([1], [1]), trained([1], null)];
      using optimizer = new Adam(new Map([["p", p], ["still", still]]), { learningRate: 9 });
      optimizer.step(0.25);
      near(p.item(), 0.75);
      assert.equal(still.item(), 1);
      const steps = [...optimizer.stateDict()].filter(([name]) => name.endsWith(".step")).map(([, x]) => x.item());
      assert.deepEqual(steps, [1, 0]);
      assert.deepEqual([...optimizer.stateDict().keys()].slice(0, 3), ["p.exp_avg", "p.exp_avg_sq", "p.step"]);
    })
  ),
);

Deno.test(
  "state that is copied over goes on bit for bit",
  leakFree(() =>
    scope(() => {
      const generator = Generator.seeded(0);
      const gradients = Array.from({ length: 6 }, () => randn([33], { generator }));
      const begin = randn([33], { generator });
      const run = (p: Tensor, optimizer: Adam, from: number, to: number) => {
        for (const g of gradients.slice(from, to)) {
          p.grad = g;
          optimizer.step();
        }
      };
      const whole = begin.clone().requiresGrad_();
      using uninterrupted = new AdamW(new Map([["p", whole]]));
      run(whole, uninterrupted, 0, 3);
      const resumed = whole.detach().clone().requiresGrad_();
      using other = new AdamW(new Map([["p", resumed]]));
      noGrad(() => other.stateDict().forEach((x, name) => x.copy_(uninterrupted.stateDict().get(name)!)));
      run(whole, uninterrupted, 3, 6);
      run(resumed, other, 3, 6);
      assert.deepEqual(resumed.bytes(), whole.bytes());
    })
  ),
);

Deno.test(
  "the average starts at the parameters and warms up: 2/11, 3/12, … to its decay",
  leakFree(() =>
    scope(() => {
      const p = tensor([0]);
      using ema = new Ema(new Map([["p", p]]), 0.5);
      const shadow = ema.stateDict().get("p")!;
      p.fill_(1);
      let wanted = 0;
      for (let n = 1; n <= 20; n++) {
        ema.update();
        const decay = Math.min(0.5, (1 + n) / (10 + n));
        wanted = decay * wanted + (1 - decay);
        near(shadow.item(), wanted);
      }
      assert.equal(ema.updates, 20);
    })
  ),
);

Deno.test(
  "clipping scales to the limit, leaves smaller gradients alone, and Infinity only measures",
  leakFree(() =>
    scope(() => {
      for (const [limit, factor] of [[1, 1 / 5], [5.1, 1], [Infinity, 1]] as const) {
        const leaves = [trained([0], [3]), trained([0], null), trained([0, 0], [0, 4])];
        near(clipGradNorm(leaves, limit).item(), 5);
        near(leaves[0]!.grad!.item(), 3 * factor);
        near((leaves[2]!.grad!.tolist() as number[])[1]!, 4 * factor);
      }
      for (const none of [[], [trained([0], null)]]) assert.equal(clipGradNorm(none, 1).item(), 0);
    })
  ),
);

const cycles = [
  { warmup: 10, length: 20, start: 0, most: 1, least: 0.5 },
  { warmup: 0, length: 100, start: 9, most: 0.4, least: 0.2 },
];

Deno.test("learning rates start, peak and end where they should", () => {
  const rows: [LearningRate, [number, number][]][] = [
    [constant, [[0, 1], [1e6, 1]]],
    [warmup(10), [[0, 1e-6], [5, 0.5000005], [10, 1], [1e9, 1]]],
    [warmup(0), [[0, 1]]],
    [warmup(4, 0.5), [[0, 0.5], [2, 0.75], [4, 1]]],
    [warmupCosine(10, 110), [[0, 0], [5, 0.5], [10, 1], [60, 0.5], [110, 0], [1e6, 0]]],
    [warmupCosine(0, 100, 0, 0.2), [[0, 1], [50, 0.6], [100, 0.2], [101, 0.2]]],
    [cycledRate({ kind: "linear", cycles }), [[0, 0], [5, 0.5], [10, 0.75], [20, 0.5], [21, 0.398], [120, 0.2], [
      1e6,
      0.2,
    ]]],
    [cycledRate({ kind: "cosine", cycles }), [[0, 0], [10, 1], [15, 0.75], [20, 0.5], [70, 0.3], [1e6, 0.2]]],
  ];
  for (const [rate, points] of rows) for (const [step, wanted] of points) near(rate(step), wanted, 1e-12);
});

Deno.test(
  "a step of optimiser, average and clipping leaves nothing alive",
  leakFree(() => {
    using p = tensor([1, 2]).requiresGrad_();
    using gradient = tensor([3, 4]);
    p.grad = gradient;
    const named = new Map([["p", p]]);
    using optimizer = new AdamW(named);
    using ema = new Ema(named);
    const before = live();
    for (let i = 0; i < 3; i++) {
      clipGradNorm([p], 1).dispose();
      optimizer.step();
      ema.update();
    }
    assert.equal(live(), before);
  }),
);
