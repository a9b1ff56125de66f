import assert from "node:assert/strict";
import { LatentError, sha256 } from "../../lib/base/mod.ts";
import { ddim, denoiserOf, makePlan } from "../../lib/diffusion/mod.ts";
import { decoded, type LatentDiffusion, loadDiffusion, sample, type SampleOptions } from "../../lib/task/mod.ts";
import { cat, inferenceMode, live, type NoiseKind, noiseOf, scope, type Tensor } from "../../lib/tensor/mod.ts";
import { workshopTest, writeModel } from "../program/workshop.ts";

/** A test with a small model whose weights are random. */
function modelTest(name: string, body: (model: LatentDiffusion) => void | Promise<void>): void {
  workshopTest(name, async ({ path }) => {
    writeModel(path("model.safetensors"));
    using model = await loadDiffusion(path("model.safetensors"));
    await body(model);
  });
}

const seeds = [5, 6, 7, 8, 9, 10, 11, 12];

/** The seeds in batches. */
function batches(size: number): number[][] {
  return Array.from({ length: Math.ceil(seeds.length / size) }, (_, i) => seeds.slice(i * size, (i + 1) * size));
}

for (const kind of ["philox", "torch"] as NoiseKind[]) {
  workshopTest(`${kind}: the noise of an image has the same bits in batches of 1, 3 and 8, in every draw`, async () => {
    const draws = (size: number) =>
      scope(() => {
        const noises = batches(size).map((batch) => ({ noise: noiseOf(batch, kind), count: batch.length }));
        const drawn = Array.from({ length: 3 }, () => cat(noises.map((n) => n.noise.normal([n.count, 3, 5, 7]))));
        for (const { noise } of noises) noise[Symbol.dispose]();
        return drawn.map((tensor) => sha256(tensor.bytes()));
      });
    assert.deepEqual(draws(3), draws(1));
    assert.deepEqual(draws(8), draws(1));
    assert.equal(new Set(draws(8)).size, 3);
    await Promise.resolve();
  });
}

for (const eta of [0, 1]) {
  modelTest(
    `η = ${eta}: an image's latent is the same in batches of 1, 3 and 8, to 5e-5 of the largest`,
    async (model) => {
      const latents = async (size: number): Promise<Tensor> => {
        const parts: Tensor[] = [];
        for (const batch of batches(size)) parts.push(await denoised(model, batch, eta));
        const all = cat(parts);
        for (const part of parts) part.dispose();
        return all;
      };
      using alone = await latents(1);
      const largest = scope(() => alone.abs().amax().item());
      for (const size of [3, 8]) {
        using together = await latents(size);
        const difference = scope(() => together.sub(alone).abs().amax().item());
        assert.ok(difference <= 5e-5 * largest, `batches of ${size}: ${difference} of ${largest}`);
      }
    },
  );
}

/** The clean latents of a batch, as `sample` makes them. */
async function denoised({ unet, predict, noise: schedule }: LatentDiffusion, batch: number[], eta: number) {
  using noise = noiseOf(batch);
  using start = noise.normal([batch.length, 3, 8, 8]);
  let last: Tensor | undefined;
  for await (const { x } of ddim(denoiserOf(unet, predict), start, makePlan(schedule, 10), noise, { eta })) last = x;
  return last!;
}

/** The bytes of the pictures that the options give, one hash each. */
async function pictures(model: LatentDiffusion, options: SampleOptions): Promise<string[]> {
  const events = await Array.fromAsync(sample(model, { steps: 4, ...options }));
  return events.flatMap((event) => event.type === "pictures" ? event.pictures : []).map(({ data }) =>
    sha256(new Uint8Array(data.buffer))
  );
}

modelTest("the same seed gives the same bytes twice, the next seed others", async (model) => {
  const [a, b] = [
    await pictures(model, { seed: 3, count: 5, batchSize: 2 }),
    await pictures(model, { seed: 3, count: 5, batchSize: 2 }),
  ];
  assert.deepEqual(a, b);
  assert.equal(new Set(a).size, 5);
  assert.deepEqual(await pictures(model, { seed: 5, count: 2, batchSize: 2 }), a.slice(2, 4)); // picture k has seed + k
});

modelTest("what sample gives is what the sampler and the decoder give", async (model) => {
  using latents = await denoised(model, [4, 5], 0);
  const [first] = inferenceMode(() => decoded(model, latents));
  const [hash] = await pictures(model, { seed: 4, count: 2, batchSize: 2, steps: 10 });
  assert.equal(sha256(new Uint8Array(first!.data.buffer)), hash);
});

modelTest("every step is told, each batch when it is done", async (model) => {
  const events = await Array.fromAsync(sample(model, { count: 5, batchSize: 2, steps: 3 }));
  assert.deepEqual(events.flatMap((event) => event.type === "progress" ? [event.done] : []), [
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
  ]);
  assert.deepEqual(events.flatMap((event) => event.type === "pictures" ? [[event.seed, event.pictures.length]] : []), [
    [0, 2],
    [2, 2],
    [4, 1],
  ]);
});

modelTest("an abort ends the work at the next step with its reason; whoever leaves leaves no tensor", async (model) => {
  const before = live();
  const controller = new AbortController();
  let steps = 0;
  await assert.rejects(async () => {
    for await (const event of sample(model, { count: 4, batchSize: 2, steps: 5, signal: controller.signal })) {
      if (event.type === "progress" && event.done === 7) controller.abort(new Error("enough"));
      steps++;
    }
  }, /enough/);
  assert.equal(steps, 9); // the first event, seven steps and a batch
  assert.equal(live(), before);
  for (let count = 1; count <= 13; count++) {
    let seen = 0;
    for await (const _ of sample(model, { count: 4, batchSize: 2, steps: 5 })) if (++seen === count) break;
    assert.equal(live(), before, `after event ${count}`);
  }
});

const impossible: [name: string, options: SampleOptions, code: string][] = [
  ["no step", { steps: 0 }, "usage.steps"],
  ["more steps than there are", { steps: 1001 }, "usage.steps"],
  ["half a step", { steps: 1.5 }, "usage.steps"],
  ["a step count that the original's list can't have", { steps: 999, spacing: "compvis" }, "usage.steps"],
  ["a negative seed", { seed: -1 }, "usage.seed"],
  ["a seed that isn't whole", { seed: 0.5 }, "usage.seed"],
  ["seeds beyond 2⁵³", { seed: 2 ** 53 - 2, count: 3 }, "usage.seed"],
];
for (const [name, options, code] of impossible) {
  modelTest(`${name} is refused`, async (model) => {
    await assert.rejects(
      pictures(model, { steps: 4, ...options }),
      (error) => error instanceof LatentError && error.code === code,
    );
  });
}

modelTest("the last seed of all can be sampled", async (model) => {
  assert.equal((await pictures(model, { seed: 2 ** 53 - 2, count: 2, steps: 1 })).length, 2);
});
