import assert from "node:assert/strict";
import {
  type Denoiser,
  eulerAncestral,
  keepKnown,
  linearSqrt,
  makePlan,
  type Plan,
  type SamplerName,
  samplerOf,
  samplers,
  startingAt,
  withX0,
} from "../../lib/diffusion/mod.ts";
import { type Noise, noiseOf, ones, scope, tensor, zeros } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";
import { drawn, gaussianDenoiser, last, silent } from "./gaussian.ts";

const schedule = linearSqrt();

/** What is known of each: its order on smooth grids, and how often S steps to the clean image ask the denoiser. */
const known: Record<SamplerName, { order?: number; evaluations?: (S: number) => number; start?: "signal" }> = {
  "ddim": { order: 1 },
  "ddpm": {},
  "plms": { order: 2, evaluations: (S) => S === 1 ? 1 : S + 1, start: "signal" }, // not 4, for steps uneven in σ (Liu et al. 2022)
  "dpmpp-2m": { order: 2 },
  "dpmpp-2m-sde": {},
  "euler": { order: 1 },
  "euler-ancestral": {},
  "heun": { order: 2, evaluations: (S) => 2 * S - 1, start: "signal" },
  "lms": { order: 4, start: "signal" },
  "unipc": { order: 3 }, // the corrector's: one more than the predictor's (Zhao et al. 2023)
};

/** Whether a sampler draws noise when nothing is said. */
const isNoisy = (name: SamplerName) => name === "ddpm" || (samplers[name].eta ?? 0) > 0;

/** x after S smooth steps from σ = 20 to 0.05, and one more to the clean image, which is not looked at. */
function smooth(S: number): Plan {
  const root = (sigma: number) => sigma ** (1 / 7);
  const sigmas = Array.from({ length: S + 1 }, (_, i) => (root(20) + i / S * (root(0.05) - root(20))) ** 7);
  const alphaBars = [...sigmas.map((sigma) => 1 / (1 + sigma ** 2)), 1];
  return alphaBars.slice(1).map((alphaBarPrevious, index) => ({
    index,
    t: S - index,
    tPrevious: S - index - 1,
    alphaBar: alphaBars[index]!,
    alphaBarPrevious,
  }));
}

/** How far from the flow of N(0.7, 0.4²) a sampler is after S smooth steps; in float64. */
async function errorOf(name: SamplerName, S: number): Promise<number> {
  const [mean, std] = [0.7, 0.4];
  const plan = smooth(S);
  const spread = (alphaBar: number) => Math.sqrt(std ** 2 * alphaBar + 1 - alphaBar);
  const { alphaBar: from } = plan[0]!;
  using start = tensor([1.3], { dtype: "float64" });
  for await (
    const { step, x } of samplers[name].sampler(gaussianDenoiser(mean, std), start, plan, silent, { eta: 0 })
  ) {
    if (step.index < S - 1) continue;
    using end = x;
    const to = step.alphaBarPrevious;
    const wanted = Math.sqrt(to) * mean + (1.3 - Math.sqrt(from) * mean) * spread(to) / spread(from);
    return Math.abs(end.item() - wanted);
  }
  return NaN;
}

for (const [name, { sampler, eta }] of Object.entries(samplers) as [SamplerName, typeof samplers[SamplerName]][]) {
  const { order, evaluations = (S: number) => S, start: from } = known[name];

  Deno.test(
    `${name}: samples of a Gaussian have its mean and variance`,
    leakFree(async () => {
      const n = 4096;
      for (const options of eta === undefined ? [{}] : [{ eta: 0 }, { eta: 0.5 }, { eta: 1 }]) {
        using from = drawn([0], [n]);
        const plan = makePlan(schedule, 1000);
        using x = await last(sampler(gaussianDenoiser(0.7, 0.4), from.start, plan, from.noise, options));
        assert.ok(from.start.alive, "start stays the caller's");
        const [mean, variance] = scope(() => [x.mean(null).item(), x.std(null, { correction: 0 }).item() ** 2]);
        assert.ok(Math.abs(mean - 0.7) < 3 * 0.4 / Math.sqrt(n), `mean ${mean}`);
        assert.ok(Math.abs(variance - 0.16) < 0.012, `variance ${variance}`);
      }
    }),
  );

  if (order !== undefined) {
    Deno.test(
      `${name}: the error falls with the number of steps to the power of ${order}`,
      leakFree(async () => {
        const [coarse, fine] = [await errorOf(name, 64), await errorOf(name, 128)];
        const observed = Math.log2(coarse / fine);
        assert.ok(Math.abs(observed - order) < 0.3, `order ${observed} of errors ${coarse}, ${fine}`);
      }),
    );
  }

  for (const spacing of ["trailing", "karras", "compvis"] as const) {
    const counts = spacing === "compvis" ? [2, 10, 500] : [1, 2, 3, 4, 5, 14, 15, 64, 333, 999];
    Deno.test(
      `${name}: ${counts} steps, ${spacing}, ask as often as they should; from 5 on they end in the data's range`,
      leakFree(async () => {
        for (const S of counts) {
          using from = drawn([0], [64]);
          let asked = 0;
          const gaussian = gaussianDenoiser(0, 0.4);
          const counted: Denoiser = (x, step) => (asked++, gaussian(x, step));
          using x = await last(sampler(counted, from.start, makePlan(schedule, S, spacing), from.noise));
          const more = spacing === "compvis" && name === "heun" ? 1 : 0; // whose last step is not to the clean image
          assert.equal(asked, evaluations(S) + more, `${S}`);
          const largest = scope(() => x.abs().amax().item());
          assert.ok(largest < (S < 5 ? Infinity : 5 * 0.4), `${S} steps: ${largest}`); // those that look ahead overshoot
        }
      }),
    );
  }

  Deno.test(
    `${name}: a single step lands on the clean image that it sees, without noise`,
    leakFree(async () => {
      using from = drawn([0], [4]);
      for await (
        const { x, x0, step } of sampler(gaussianDenoiser(0.5, 0.1), from.start, makePlan(schedule, 1), silent)
      ) {
        using end = x;
        assert.deepEqual([step.t, step.tPrevious], [999, -1]);
        const apart = scope(() => end.sub(x0).abs().amax().item());
        assert.ok(apart < 1e-6, `${apart}`);
      }
    }),
  );

  Deno.test(
    isNoisy(name) ? `${name}: draws noise in all steps but the last` : `${name}: draws no noise`,
    leakFree(async () => {
      using from = drawn([0], [4]);
      let draws = 0;
      const noise: Noise = { ...silent, normal: (shape) => (draws++, from.noise.normal(shape)) };
      const run = async (options: { eta?: number }) => {
        draws = 0;
        (await last(sampler(gaussianDenoiser(0, 1), from.start, makePlan(schedule, 6), noise, options))).dispose();
        return draws;
      };
      assert.equal(await run({}), isNoisy(name) ? 5 : 0);
      if (eta !== undefined) assert.deepEqual([await run({ eta: 0 }), await run({ eta: 1 })], [0, 5]);
    }),
  );

  Deno.test(
    `${name}: an image is bit for bit the same again, and alone as in a batch, with an elementwise denoiser`,
    leakFree(async () => {
      const run = async (seeds: number[]) => {
        using from = drawn(seeds, [16]);
        using x = await last(sampler(gaussianDenoiser(0, 1), from.start, makePlan(schedule, 6), from.noise));
        return scope(() => x.select(0, seeds.indexOf(5)).bytes());
      };
      assert.deepEqual(await run([4, 5, 6]), await run([5]));
    }),
  );

  const S = 5;

  Deno.test(
    `${name}: a consumer that breaks after any step owns the x it has, and nothing else is left`,
    leakFree(async () => {
      for (let stop = 0; stop < S; stop++) {
        using from = drawn([0], [4]);
        const plan = makePlan(schedule, S);
        for await (const { x, x0, step } of sampler(gaussianDenoiser(0, 1), from.start, plan, from.noise)) {
          assert.ok(x.alive && x0.alive);
          if (step.index < stop) continue;
          x.dispose();
          break;
        }
      }
    }),
  );

  Deno.test(
    `${name}: a denoiser, a noise or a hook that fails at any time leaves nothing behind`,
    leakFree(async () => {
      const gaussian = gaussianDenoiser(0, 1);
      const plan = makePlan(schedule, S, "compvis"); // which draws noise in its last step too
      const failing = <A extends unknown[], R>(at: number, body: (...args: A) => R) => {
        let calls = 0;
        return (...args: A) => calls++ === at ? assert.fail("down") : body(...args);
      };
      for (let stop = 0; stop < S; stop++) {
        using from = drawn([0], [4]);
        const { start, noise } = from;
        const normal = failing(stop, noise.normal);
        const before = failing(stop, (x: typeof start) => x.clone());
        await assert.rejects(last(sampler(failing(stop, gaussian), start, plan, noise)), /down/);
        await assert.rejects(last(sampler(gaussian, start, plan, noise, { before })), /down/);
        if (isNoisy(name)) await assert.rejects(last(sampler(gaussian, start, plan, { ...noise, normal })), /down/);
        assert.ok(start.alive);
      }
    }),
  );

  Deno.test(
    `${name}: the hook's x is what the denoiser sees and what the step begins with`,
    leakFree(async () => {
      using from = drawn([0], [4]);
      using constant = tensor([[3, 1, 4, 1]]);
      const plan = makePlan(schedule, 4);
      const seen: unknown[] = [];
      const gaussian = gaussianDenoiser(0, 1);
      const watched: Denoiser = (x, step) => (seen.push([step.t, x.tolist()]), gaussian(x, step));
      const run = async (plan: Plan) => {
        using x = await last(sampler(watched, from.start, plan, from.noise, { before: () => constant.clone() }));
        return scope(() => x.tolist());
      };
      const after = await run(plan);
      assert.equal(seen.filter((at) => JSON.stringify(at).includes("3,1,4,1")).length, plan.length);
      if (!isNoisy(name) && ["ddim", "euler", "heun"].includes(name)) assert.deepEqual(after, await run(plan.slice(3)));
    }),
  );

  Deno.test(
    from === undefined
      ? `${name}: stays finite from where nothing is left of the signal`
      : `${name}: is refused where nothing is left of the signal`,
    leakFree(async () => {
      using from_ = drawn([0], [4]);
      const plan = makePlan(schedule, 8).map((step) => step.index === 0 ? { ...step, alphaBar: 0 } : step);
      const gaussian: Denoiser = (x, { alphaBar }) =>
        scope(() => {
          const x0 = x.mul(Math.sqrt(alphaBar) * 0.16 / (alphaBar * 0.16 + 1 - alphaBar));
          return { x0, eps: x.sub(x0, { alpha: Math.sqrt(alphaBar) }).div(Math.sqrt(1 - alphaBar)) };
        });
      const run = () => last(sampler(gaussian, from_.start, plan, from_.noise));
      if (from !== undefined) return await assert.rejects(async () => await run(), { code: "usage.sampler" });
      using x = await run();
      assert.ok(scope(() => x.abs().amax().item()) < 5 * 0.4);
    }),
  );
}

Deno.test("the table has each sampler once; an unknown name gets the nearest", () => {
  const labels = Object.values(samplers).map(({ label }) => label);
  assert.equal(new Set(labels).size, labels.length);
  assert.equal(samplerOf("heun"), samplers.heun);
  for (
    const [name, meant] of [["dpmpp-2n", "dpmpp-2m"], ["eular", "euler"], ["UNIPC", "unipc"], ["toString", "one of"]]
  ) {
    assert.throws(() => samplerOf(name!), { code: "usage.sampler", message: new RegExp(meant!) });
  }
});

Deno.test(
  "Euler's ancestral steps are DDIM's, with the same draws",
  leakFree(async () => {
    const run = async (sampler: typeof eulerAncestral) => {
      using from = drawn([7], [64]);
      using x = await last(
        sampler(gaussianDenoiser(0.3, 0.5), from.start, makePlan(schedule, 10), from.noise, { eta: 1 }),
      );
      return Array.from(x.data(), Number);
    };
    const [ours, theirs] = [await run(eulerAncestral), await run(samplers.ddim.sampler)];
    ours.forEach((value, i) => assert.ok(Math.abs(value - theirs[i]!) < 1e-5));
  }),
);

Deno.test(
  "temperature scales the steps' noise, and only that",
  leakFree(async () => {
    const spread = async (temperature: number) => {
      const plan = makePlan(schedule, 2).slice(0, 1);
      using flat = zeros([1, 4096]);
      using noise = noiseOf([1]);
      using x = await last(
        samplers.ddim.sampler((x) => ({ x0: x.clone(), eps: x.clone() }), flat, plan, noise, { eta: 1, temperature }),
      );
      return scope(() => x.std(null).item());
    };
    assert.ok(Math.abs(await spread(0.7) / await spread(1) - 0.7) < 1e-6);
    assert.equal(await spread(0), 0);
  }),
);

Deno.test(
  "a replaced x0 is bounded at the end, and ε is the denoiser's still",
  leakFree(async () => {
    using from = drawn([0], [64]);
    const clamped = withX0(gaussianDenoiser(0, 4), (x0) => x0.clamp(-1, 1));
    using x = await last(samplers.ddpm.sampler(clamped, from.start, makePlan(schedule, 20), from.noise));
    assert.ok(scope(() => x.abs().amax().item()) <= 1);
    const step = makePlan(schedule, 20)[4]!;
    const [plain, bounded] = [await gaussianDenoiser(0, 4)(from.start, step), await clamped(from.start, step)];
    assert.deepEqual(plain.eps.bytes(), bounded.eps.bytes());
    for (const tensor of [plain.x0, plain.eps, bounded.x0, bounded.eps]) tensor.dispose();
    const failing = withX0(gaussianDenoiser(0, 4), () => assert.fail("down"));
    await assert.rejects(async () => await failing(from.start, step), /down/);
  }),
);

Deno.test(
  "what is known is kept at the noise of each step, what isn't is left as it was",
  leakFree(async () => {
    using from = drawn([0], [2, 32, 32]);
    using z0 = scope(() => ones([1, 2, 32, 32]).mul(5));
    using mask = scope(() => {
      const mask = zeros([1, 1, 32, 32]);
      mask.narrow(3, 0, 16).fill_(1);
      return mask;
    });
    const before = keepKnown(z0, mask);
    for (const step of makePlan(schedule, 4)) {
      using x = before(from.start, step, from.noise);
      scope(() => {
        const [known, free] = x.chunk(2, 3) as [typeof x, typeof x];
        assert.ok(Math.abs(known.mean(null).item() - 5 * Math.sqrt(step.alphaBar)) < 0.15);
        assert.ok(Math.abs(known.std(null).item() - Math.sqrt(1 - step.alphaBar)) < 0.1);
        assert.deepEqual(free.bytes(), from.start.chunk(2, 3)[1]!.bytes());
      });
    }
    using x = await last(
      samplers.unipc.sampler(gaussianDenoiser(0, 1), from.start, makePlan(schedule, 30), from.noise, { before }),
    );
    assert.ok(Math.abs(scope(() => x.chunk(2, 3)[0]!.mean(null).item()) - 5) < 0.3);
  }),
);

Deno.test("a plan can begin later: its steps are numbered anew and lead to the same end", () => {
  const plan = makePlan(schedule, 1000);
  const late = startingAt(plan, 6);
  assert.deepEqual(late.map(({ t, index }) => [t, index]), [[6, 0], [5, 1], [4, 2], [3, 3], [2, 4], [1, 5], [0, 6]]);
  assert.equal(late.at(-1)!.tPrevious, -1);
  assert.deepEqual(startingAt(plan, -1), []);
});
