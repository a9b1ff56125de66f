import assert from "node:assert/strict";
import { linearSqrt, makePlan } from "../../lib/diffusion/mod.ts";
import { type LearningRate, warmup, warmupCosine } from "../../lib/optim/mod.ts";

/** The tables of schedules, plans and learning rates: rows of numbers under each heading. */
const tables = JSON.parse(Deno.readTextFileSync(new URL("cases/schedules.json", import.meta.url)));

/** Asserts that numbers agree to a share of each. */
function near(got: readonly number[], wanted: readonly number[], tolerance: number, what: string): void {
  assert.equal(got.length, wanted.length, what);
  wanted.forEach((value, i) => {
    assert.ok(Math.abs(got[i]! - value) <= tolerance * Math.abs(value), `${what} ${i}: ${got[i]}, not ${value}`);
  });
}

Deno.test("schedules are the original's in float64", () => {
  for (const { timesteps: steps, linear_start: start, linear_end: end, index, betas, alphas_cumprod } of tables.betas) {
    const schedule = linearSqrt({ steps, start, end });
    const picked = (table: Float64Array) => index === "all" ? [...table] : index.map((i: number) => table[i]!);
    near(picked(schedule.betas), betas, 1e-14, "β");
    near(picked(schedule.alphasCumprod), alphas_cumprod, 1e-12, "ᾱ"); // a product of up to 1,000 factors
  }
});

Deno.test("the plan compvis is the original's list, refused where that is another number of steps or out of range", () => {
  for (const { ddpm_timesteps, requested, steps, timesteps, largest_is_out_of_range } of tables.ddim_timesteps) {
    const make = () =>
      makePlan(linearSqrt({ steps: ddpm_timesteps }), requested, "compvis").map(({ t }) => t).reverse();
    if (largest_is_out_of_range || steps !== requested) assert.throws(make, { code: "usage.steps" }, `${requested}`);
    else if (Array.isArray(timesteps)) assert.deepEqual(make(), timesteps);
    else assert.equal(make().reduce((sum, t) => sum + t, 0), timesteps.sum);
  }
});

Deno.test("a plan's ᾱ are the original's, which come from a float32 table", () => {
  for (
    const { linear_start: start, linear_end: end, requested, timesteps, alphas, alphas_prev } of tables.ddim_parameters
  ) {
    const plan = makePlan(linearSqrt({ start, end }), requested, "compvis").toReversed();
    assert.deepEqual(plan.map(({ t }) => t), timesteps);
    near(plan.map(({ alphaBar }) => Math.fround(alphaBar)), alphas, 1e-7, "ᾱ");
    near(plan.map(({ alphaBarPrevious }) => Math.fround(alphaBarPrevious)), alphas_prev, 1e-7, "previous ᾱ");
  }
});

Deno.test("warm-ups are the original's", () => {
  const [cosine, linear] = tables.learning_rate;
  const { warm_up_steps, lr_start, lr_max, lr_min, max_decay_steps } = cosine.params;
  const rows: [LearningRate, typeof cosine, number][] = [
    [warmupCosine(warm_up_steps, max_decay_steps, lr_start / lr_max, lr_min / lr_max), cosine, lr_max],
    [warmup(linear.params.warm_up_steps[0], linear.params.f_start[0]), linear, 1],
  ];
  for (const [rate, { n, multiplier }, largest] of rows) {
    near(n.map((step: number) => largest * rate(step)), multiplier, 1e-9, "rate");
  }
});
