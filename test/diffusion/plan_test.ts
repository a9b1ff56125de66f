import assert from "node:assert/strict";
import { linearSqrt, makePlan, scheduleOf, type Spacing, spacings } from "../../lib/diffusion/mod.ts";

const schedule = linearSqrt();
const T = 1000;

/** The largest and the smallest t of a plan of S steps, and where it ends. */
const ends: Record<Exclude<Spacing, "compvis" | "karras">, (S: number) => [number, number]> = {
  trailing: (S) => [T - 1, Math.round(T / S) - 1],
  leading: (S) => [(S - 1) * Math.floor(T / S), 0],
  linspace: (S) => [T - 1, S === 1 ? T - 1 : 0],
};

for (const [spacing, at] of Object.entries(ends)) {
  Deno.test(`${spacing}: every count from 1 to ${T} gives as many different t, descending to the clean image`, () => {
    for (let S = 1; S <= T; S++) {
      const plan = makePlan(schedule, S, spacing as Spacing);
      assert.equal(plan.length, S);
      assert.deepEqual([plan[0]!.t, plan.at(-1)!.t], at(S), `${S}`);
      plan.forEach(({ index, t, tPrevious, alphaBar, alphaBarPrevious }, i) => {
        assert.ok(index === i && Number.isInteger(t) && t > tPrevious, `${S}: ${t} at ${i}`);
        assert.equal(tPrevious, plan[i + 1]?.t ?? -1);
        assert.equal(alphaBar, schedule.alphasCumprod[t]);
        assert.equal(alphaBarPrevious, plan[i + 1]?.alphaBar ?? 1);
      });
    }
  });
}

Deno.test(`karras: every count from 1 to ${T} runs from σ(T−1) to σ(0) evenly in σ^(1/7), told as t between steps`, () => {
  const sigma = (alphaBar: number) => Math.sqrt((1 - alphaBar) / alphaBar);
  const at = (t: number) => Math.log(sigma(schedule.alphasCumprod[t]!));
  for (let S = 1; S <= T; S++) {
    const plan = makePlan(schedule, S, "karras");
    assert.equal(plan.length, S);
    assert.deepEqual([plan[0]!.t, plan.at(-1)!.alphaBarPrevious], [T - 1, 1]);
    if (S > 1) assert.equal(plan.at(-1)!.t, 0);
    const roots = plan.map(({ alphaBar }) => sigma(alphaBar) ** (1 / 7));
    plan.forEach(({ index, t, tPrevious, alphaBar, alphaBarPrevious }, i) => {
      assert.ok(index === i && t > tPrevious && alphaBar < alphaBarPrevious, `${S}: ${t} at ${i}`);
      const [below, share] = [Math.floor(t), t % 1];
      const told = share === 0 ? at(below) : at(below) + share * (at(below + 1) - at(below));
      assert.ok(Math.abs(told - Math.log(sigma(alphaBar))) < 1e-9);
      if (i > 1) assert.ok(Math.abs(roots[i]! - 2 * roots[i - 1]! + roots[i - 2]!) < 1e-9);
    });
  }
  const end = schedule.alphasCumprod.map((alphaBar, t) => t === T - 1 ? 0 : alphaBar);
  assert.throws(() => makePlan({ ...schedule, alphasCumprod: end }, 10, "karras"), { code: "usage.spacing" });
});

Deno.test("compvis: 15 of 1,000 counts are valid; the original crashes for 599 others and changes the number of 386", () => {
  const found = { valid: 0, beyond: 0, another: 0 };
  for (let S = 1; S <= T; S++) {
    const list = Array.from({ length: T }, (_, i) => i).filter((t) => t % Math.floor(T / S) === 0).map((t) => t + 1);
    const kind = list.at(-1)! >= T ? "beyond" : list.length === S ? "valid" : "another";
    found[kind]++;
    const make = () => makePlan(schedule, S, "compvis");
    if (kind !== "valid") {
      assert.throws(make, { code: "usage.steps", message: /trailing/ }, `${S}`);
      continue;
    }
    const plan = make().toReversed();
    assert.deepEqual(plan.map(({ t }) => t), list);
    assert.equal(plan[0]!.alphaBarPrevious, schedule.alphasCumprod[0]);
  }
  assert.deepEqual(found, { valid: 15, beyond: 599, another: 386 });
});

Deno.test("a count outside of 1 … T is refused with the range", () => {
  for (const S of [0, -1, 1.5, NaN, T + 1]) {
    for (const spacing of spacings) {
      assert.throws(() => makePlan(schedule, S, spacing), {
        code: "usage.steps",
        message: /whole number from 1 to 1000/,
      });
    }
  }
});

Deno.test("short schedules have plans too", () => {
  for (const steps of [1, 2, 7]) {
    for (let S = 1; S <= steps; S++) {
      assert.equal(makePlan(linearSqrt({ steps }), S).at(0)!.t, steps - 1);
    }
  }
});

Deno.test("ᾱ falls from nearly 1 and stays above 0", () => {
  const { betas, alphasCumprod } = schedule;
  alphasCumprod.forEach((value, t) => assert.ok(value > 0 && value < (alphasCumprod[t - 1] ?? 1)));
  assert.ok(Math.abs(betas[0]! - 0.0015) < 1e-15 && Math.abs(betas[T - 1]! - 0.0195) < 1e-15);
});

Deno.test("a schedule that is none is refused with the β at fault", () => {
  const rows = [[[], /no steps/], [[0.1, 0], /β = 0 at t = 1/], [[1], /β = 1 at t = 0/], [[NaN], /NaN/], [
    [-1],
    /-1/,
  ]] as const;
  for (const [betas, message] of rows) {
    assert.throws(() => scheduleOf(Float64Array.from(betas)), { code: "config.schedule", message });
  }
});
