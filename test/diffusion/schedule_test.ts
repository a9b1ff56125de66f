import assert from "node:assert/strict";
import { linearSqrt, makeSchedule, predict, scheduleOf, type ScheduleOptions } from "../../lib/diffusion/mod.ts";
import { scope, tensor } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";

function near(got: number, wanted: number, tolerance: number, what: string): void {
  assert.ok(Math.abs(got - wanted) <= tolerance, `${what}: ${got}, not ${wanted}`);
}

/** Each kind, and what of β and ᾱ grows evenly in it. */
const even: Record<NonNullable<ScheduleOptions["kind"]>, (beta: number, alphaBar: number) => number> = {
  "linear-sqrt": Math.sqrt,
  linear: (beta) => beta,
  sqrt: (beta) => beta ** 2,
  cosine: (_, alphaBar) => Math.acos(Math.sqrt(alphaBar) * Math.cos(0.008 / 1.008 * Math.PI / 2)),
};

for (const [kind, of] of Object.entries(even) as [keyof typeof even, typeof even[keyof typeof even]][]) {
  Deno.test(`${kind}: its β lead to its ᾱ, and what is said to grow evenly does`, () => {
    const { betas, alphasCumprod } = makeSchedule({ kind, steps: 500 });
    let product = 1;
    betas.forEach((beta, t) => near(alphasCumprod[t]!, product *= 1 - beta, 1e-15, `ᾱ at ${t}`));
    const values = Array.from(betas, (beta, t) => of(beta, alphasCumprod[t]!)).slice(0, -1); // the cosine's last is cut
    const step = values[1]! - values[0]!;
    values.forEach((value, i) => near(value, values[0]! + i * step, 1e-9, `at ${i}`));
  });

  Deno.test(`${kind}: with zero terminal SNR nothing of the signal is left at the end, and as much as before at the start`, () => {
    const [plain, rescaled] = [false, true].map((zeroTerminalSnr) =>
      makeSchedule({ kind, steps: 300, zeroTerminalSnr })
    );
    assert.equal(rescaled!.alphasCumprod.at(-1), 0);
    assert.equal(rescaled!.betas.at(-1), 1);
    near(rescaled!.alphasCumprod[0]!, plain!.alphasCumprod[0]!, 1e-15, "ᾱ(0)");
    const root = ({ alphasCumprod }: typeof plain & object, t: number) => Math.sqrt(alphasCumprod[t]!);
    const share = (root(plain!, 0) - root(plain!, 299)) / root(plain!, 0);
    for (let t = 1; t < 300; t++) {
      const step = root(plain!, t - 1) - root(plain!, t);
      near(share * (root(rescaled!, t - 1) - root(rescaled!, t)), step, 1e-12, `step of √ᾱ at ${t}`);
    }
  });
}

Deno.test("the default is the paper's, and data that is left out has its values", () => {
  assert.deepEqual(makeSchedule(), linearSqrt());
  assert.deepEqual(makeSchedule({ steps: 10, end: 0.02 }), linearSqrt({ steps: 10, start: 0.0015, end: 0.02 }));
  assert.deepEqual(
    makeSchedule({ kind: "cosine", start: 0.5, end: 0.9 }),
    makeSchedule({ kind: "cosine", offset: 0.008 }),
  );
});

const refused: [string, () => unknown, RegExp][] = [
  ["no steps", () => makeSchedule({ steps: 0 }), /no steps/],
  ["a β of 0", () => makeSchedule({ kind: "linear", start: 0 }), /β = 0 at t = 0/],
  ["a β of 1", () => makeSchedule({ kind: "sqrt", end: 1, steps: 3, start: 1 }), /β = 1 at t = 0/],
  ["a β above 1 at the end", () => makeSchedule({ kind: "linear", end: 1.5, steps: 4 }), /at t = 2|at t = 3/],
  ["a single step without signal", () => scheduleOf(Float64Array.of(1)), /β = 1 at t = 0/],
  ["zero terminal SNR of one step", () => makeSchedule({ steps: 1, zeroTerminalSnr: true }), /β = NaN/],
];

for (const [name, make, message] of refused) {
  Deno.test(`a schedule with ${name} is refused`, () => {
    assert.throws(make, { code: "config.schedule", message });
  });
}

Deno.test(
  "at the last step of zero terminal SNR what predicts v or x0 is read without dividing by the signal",
  leakFree(() =>
    scope(() => {
      const alphaBar = makeSchedule({ zeroTerminalSnr: true }).alphasCumprod.at(-1)!;
      for (const kind of ["v", "x0"] as const) {
        const { x0, eps } = predict(kind, tensor([kind === "v" ? -3 : 3]), tensor([2]), alphaBar);
        assert.deepEqual([x0.item(), eps.item()], [3, 2]);
      }
    })
  ),
);
