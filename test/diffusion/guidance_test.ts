import assert from "node:assert/strict";
import {
  ddim,
  type Denoiser,
  denoiserOf,
  guided,
  guidedBy,
  linearSqrt,
  makePlan,
  type Parameterization,
  patchDenoiser,
  predict,
  type Prediction,
  withX0,
} from "../../lib/diffusion/mod.ts";
import { Generator, ones, randn, scope, type Tensor, tensor, zeros } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";
import { drawn, gaussianDenoiser, last, silent } from "./gaussian.ts";

const schedule = linearSqrt();
const plan = makePlan(schedule, 10);

/** Frees a prediction after a look at it. */
async function seen<T>(prediction: Prediction | Promise<Prediction>, look: (of: Prediction) => T): Promise<T> {
  const { x0, eps } = await prediction;
  using _x0 = x0;
  using _eps = eps;
  return scope(() => look({ x0, eps }));
}

const values = ({ x0, eps }: Prediction) => [...x0.data(), ...eps.data()].map(Number);

function assertClose(got: readonly number[], wanted: readonly number[], tolerance: number): void {
  got.forEach((value, i) => assert.ok(Math.abs(value - wanted[i]!) <= tolerance, `${i}: ${value}, not ${wanted[i]}`));
}

/** What asks a denoiser, with how often it was. */
function counted(denoise: Denoiser): { denoise: Denoiser; asked: () => number } {
  let calls = 0;
  return { denoise: (x, step) => (calls++, denoise(x, step)), asked: () => calls };
}

/** Of x twice: rows without the condition, then rows with it. */
const joined = (without: Denoiser, given: Denoiser): Denoiser => async (x, step) => {
  const [first, second] = x.chunk(2) as [Tensor, Tensor];
  using _first = first;
  using _second = second;
  const [a, b] = [await without(first, step), await given(second, step)];
  using _a0 = a.x0;
  using _a = a.eps;
  using _b0 = b.x0;
  using _b = b.eps;
  return scope(() => {
    const both = (key: keyof Prediction) =>
      tensor([...a[key].data(), ...b[key].data()].map(Number), { shape: x.shape });
    return { x0: both("x0"), eps: both("eps") };
  });
};

const [without, given] = [gaussianDenoiser(-0.5, 0.3), gaussianDenoiser(1, 0.2)];

Deno.test(
  "guidance leads away from the unconditional prediction, alike in two calls and in one",
  leakFree(async () => {
    using from = drawn([1, 2], [3, 4, 4]);
    const step = plan[5]!;
    const [u, c] = [await seen(without(from.start, step), values), await seen(given(from.start, step), values)];
    for (
      const branches of [{ conditional: given, unconditional: without }, {
        conditional: given,
        both: joined(without, given),
      }]
    ) {
      for (const scale of [0, 0.5, 3]) {
        const found = await seen(guided(branches, { scale })(from.start, step), values);
        assertClose(found, u.map((value, i) => value + scale * (c[i]! - value)), 2e-5);
      }
    }
  }),
);

Deno.test(
  "x0 and ε of what is guided are readings of the same x, with and without rescaling",
  leakFree(async () => {
    using from = drawn([1, 2], [3, 4, 4]);
    for (const parameterization of ["eps", "x0", "v"] as Parameterization[]) {
      for (const step of plan) {
        const denoise = guided({ conditional: given, unconditional: without }, {
          scale: 4,
          rescale: 0.7,
          parameterization,
        });
        const error = await seen(
          denoise(from.start, step),
          ({ x0, eps }) =>
            x0.mul(Math.sqrt(step.alphaBar)).add(eps, { alpha: Math.sqrt(1 - step.alphaBar) }).sub(from.start).abs()
              .amax().item(),
        );
        assert.ok(error < 1e-4, `${parameterization} at ${step.t}: ${error}`);
      }
    }
  }),
);

Deno.test(
  "at scale 1 and outside of the interval the condition alone is asked, once",
  leakFree(async () => {
    using from = drawn([1], [4]);
    const conditional = counted(given);
    const refused: Denoiser = () => assert.fail("asked");
    const rows: [scale: number, interval: [number, number]][] = [[1, [0, 999]], [3, [0, plan[5]!.t - 1]], [3, [
      plan[5]!.t + 1,
      999,
    ]]];
    for (const [scale, interval] of rows) {
      for (
        const branches of [{ conditional: conditional.denoise, unconditional: refused }, {
          conditional: conditional.denoise,
          both: refused,
        }]
      ) {
        const found = await seen(guided(branches, { scale, interval })(from.start, plan[5]!), values);
        assert.deepEqual(found, await seen(given(from.start, plan[5]!), values));
      }
    }
    assert.equal(conditional.asked(), 6);
  }),
);

Deno.test(
  "rescaling gives each image the deviation of its conditional output, in full or in part",
  leakFree(async () => {
    using from = drawn([1, 2], [3, 8, 8]);
    const step = plan[8]!;
    const branches = { conditional: given, unconditional: without };
    const spread = (rescale: number) => seen(guided(branches, { scale: 5, rescale })(from.start, step), deviations);
    const deviations = ({ eps }: Prediction) => Array.from(eps.std([1, 2, 3]).data(), Number);
    const [plain, half, full] = [await spread(0), await spread(0.5), await spread(1)];
    const wanted = await seen(given(from.start, step), deviations);
    assertClose(full, wanted, 1e-5);
    assertClose(half, plain.map((value, i) => (value + wanted[i]!) / 2), 1e-5);
    assert.ok(plain.every((value, i) => Math.abs(value - wanted[i]!) > 0.01));
  }),
);

Deno.test(
  "a branch that fails leaves nothing behind",
  leakFree(async () => {
    using from = drawn([1], [4]);
    const down: Denoiser = () => Promise.reject(new Error("down"));
    for (
      const branches of [
        { conditional: down, unconditional: without },
        { conditional: given, unconditional: down },
        { conditional: given, both: down },
      ]
    ) {
      await assert.rejects(async () => await guided(branches, { scale: 2 })(from.start, plan[0]!), /down/);
    }
    await assert.rejects(async () => await guidedBy(down, (x0) => x0)(from.start, plan[0]!), /down/);
    await assert.rejects(async () => await guidedBy(given, () => assert.fail("down"))(from.start, plan[0]!), /down/);
  }),
);

/** A network whose ε is tanh(x·w). */
const network = { call: (x: Tensor) => x.mul(0.7).tanh() };

Deno.test(
  "the gradient of a function of x0 is that of x, through the network",
  leakFree(async () => {
    using generator = Generator.seeded(0);
    using x = randn([2, 5], { generator });
    using target = ones([5]);
    const step = plan[4]!;
    const energy = (x0: Tensor) => x0.sub(target).square().sum([1]).mul(0.5);
    const [signal, noise] = [Math.sqrt(step.alphaBar), Math.sqrt(1 - step.alphaBar)];
    const found = await seen(
      guidedBy(denoiserOf(network), energy, 0.3)(x, step),
      ({ x0, eps }) => [x0.tolist(), eps.tolist()],
    );
    // d/dx of ½·(x0−1)², x0 = (x − noise·tanh(0.7x))/signal
    const wanted = scope(() => {
      const eps = network.call(x);
      const x0 = predict("eps", eps, x, step.alphaBar).x0;
      const slope = x0.sub(target).mul(eps.square().mul(0.7 * noise).add(1 - 0.7 * noise).div(signal));
      const guided = eps.add(slope, { alpha: 0.3 * noise });
      return [predict("eps", guided, x, step.alphaBar).x0.tolist(), guided.tolist()];
    });
    assertClose(found.flat(3) as number[], wanted.flat(3) as number[], 1e-4);
  }),
);

Deno.test(
  "a gradient goes through guidance, a replaced x0 and patches",
  leakFree(async () => {
    using from = drawn([1], [2, 8, 8]);
    const energy = (x0: Tensor) => x0.sub(0.9).square().mul(0.5);
    const wanted = await seen(guidedBy(given, energy)(from.start, plan[5]!), values);
    const wrapped: [string, Denoiser][] = [
      ["guidance", guided({ conditional: given, unconditional: given }, { scale: 3, rescale: 0.5 })],
      ["guidance in one call", guided({ conditional: given, both: given }, { scale: 3 })],
      ["a replaced x0", withX0(given, (x0) => x0.mul(1))],
      ["patches", patchDenoiser(given, { size: [4, 4] })],
    ];
    for (const [name, denoise] of wrapped) {
      const found = await seen(guidedBy(denoise, energy)(from.start, plan[5]!), values);
      assert.ok(found.every((value, i) => Math.abs(value - wanted[i]!) < 1e-4), name);
    }
  }),
);

Deno.test(
  "samples of a model that knows nothing of it go where the function is least",
  leakFree(async () => {
    using from = drawn([0], [256]);
    using wanted = tensor([0.9]);
    const gaussian: Denoiser = gaussianDenoiser(0, 0.5);
    const led = guidedBy(gaussian, (x0) => x0.sub(wanted).square().mul(0.5), 8);
    const mean = async (denoise: Denoiser) => {
      using x = await last(ddim(denoise, from.start, makePlan(schedule, 50), silent));
      return scope(() => x.mean(null).item());
    };
    const [free, guided] = [await mean(gaussian), await mean(led)];
    assert.ok(Math.abs(free) < 0.1 && guided > 0.6 && guided < 1, `${free} → ${guided}`);
  }),
);

Deno.test(
  "a network gets whole steps as integers and others as they are",
  leakFree(async () => {
    using x = zeros([2, 1, 1, 1]);
    const told: [string, unknown][] = [];
    const denoise = denoiserOf({ call: (x, t) => (told.push([t.dtype, t.tolist()]), x.clone()) });
    for (const step of [plan[0]!, { ...plan[0]!, t: 12.5 }]) await seen(denoise(x, step), () => {});
    assert.deepEqual(told, [["int64", [999, 999]], ["float32", [12.5, 12.5]]]);
  }),
);
