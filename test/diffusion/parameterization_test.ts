import assert from "node:assert/strict";
import { addNoise, linearSqrt, type Parameterization, predict, sampleLoss } from "../../lib/diffusion/mod.ts";
import { Generator, randn, scope, type Tensor, tensor } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";

const schedule = linearSqrt();

/** What a perfect network says of x0 and ε at ᾱ. */
const outputs: Record<Parameterization, (x0: Tensor, eps: Tensor, alphaBar: number) => Tensor> = {
  eps: (_, eps) => eps.share(),
  x0: (x0) => x0.share(),
  v: (x0, eps, alphaBar) => eps.mul(Math.sqrt(alphaBar)).sub(x0.mul(Math.sqrt(1 - alphaBar))),
};

function assertClose(got: Tensor, wanted: Tensor, tolerance: number, what: string): void {
  const error = got.sub(wanted).abs().amax().item();
  assert.ok(error <= tolerance, `${what}: ${error} > ${tolerance}`);
}

for (const [name, output] of Object.entries(outputs)) {
  Deno.test(
    `${name}: a perfect output is read as the x0 and ε that x was made of`,
    leakFree(() =>
      scope(() => {
        const generator = Generator.seeded(0);
        const [x0, eps] = [randn([4, 3, 2, 2], { generator }), randn([4, 3, 2, 2], { generator })];
        for (const t of [0, 1, 500, 998, 999]) {
          const alphaBar = schedule.alphasCumprod[t]!;
          const x = addNoise(schedule, x0, eps, [t, t, t, t]);
          const read = predict(name as Parameterization, output(x0, eps, alphaBar), x, alphaBar);
          // float32's rounding of x, of magnitude 4, through the division that each parameterization has
          assertClose(read.x0, x0, 4e-6 / (name === "eps" ? Math.sqrt(alphaBar) : 1), `x0 at ${t}`);
          assertClose(read.eps, eps, 4e-6 / (name === "x0" ? Math.sqrt(1 - alphaBar) : 1), `ε at ${t}`);
        }
      })
    ),
  );
}

Deno.test(
  "v and x0 stay finite where nothing is left of the signal",
  leakFree(() =>
    scope(() => {
      const x = tensor([1, -2]);
      for (const name of ["v", "x0"] as const) {
        const { x0, eps } = predict(name, tensor([3, 4]), x, 0);
        assert.deepEqual(x0.tolist(), name === "v" ? [-3, -4] : [3, 4]);
        assert.deepEqual(eps.tolist(), [1, -2]);
      }
    })
  ),
);

Deno.test(
  "noising keeps the variance of unit data, and mixes by √ᾱ and √(1−ᾱ) of each sample's step",
  leakFree(() =>
    scope(() => {
      const generator = Generator.seeded(0);
      const n = 65536;
      const steps = [0, 100, 500, 999];
      const [x0, eps] = [randn([4, n], { generator }).requiresGrad_(), randn([4, n], { generator })];
      const x = addNoise(schedule, x0, eps, steps);
      assert.equal(x.requiresGrad, false);
      const [ours, data, noise] = [x, x0, eps].map((tensor) => tensor.data());
      steps.forEach((t, row) => {
        const alphaBar = schedule.alphasCumprod[t]!;
        const values = Array.from(ours!.subarray(row * n, (row + 1) * n), Number);
        const variance = values.reduce((sum, value) => sum + value ** 2, 0) / n;
        assert.ok(Math.abs(variance - 1) < 5 * Math.sqrt(2 / n), `t = ${t}: variance ${variance}`);
        const wanted = Math.sqrt(alphaBar) * Number(data![row * n]) + Math.sqrt(1 - alphaBar) * Number(noise![row * n]);
        assert.ok(Math.abs(values[0]! - wanted) < 1e-6);
      });
    })
  ),
);

Deno.test(
  "the loss is the mean error of each sample, whatever its shape",
  leakFree(() =>
    scope(() => {
      const [prediction, target] = [tensor([[[1], [2]], [[3], [4]]]), tensor([[[0], [4]], [[3], [7]]])];
      assert.deepEqual(sampleLoss("l1", prediction, target).tolist(), [1.5, 1.5]);
      assert.deepEqual(sampleLoss("l2", prediction, target).tolist(), [2.5, 4.5]);
    })
  ),
);
