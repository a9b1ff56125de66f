import assert from "node:assert/strict";
import { LatentError } from "../../lib/base/mod.ts";
import {
  anisotropicKernel,
  type BlurKernel,
  chooseDegradation,
  convolve,
  degradations,
  degrade,
  interpolate,
  isotropicKernel,
  normalNoise,
  type PictureNoise,
  poissonNoise,
  shiftedKernel,
} from "../../lib/data/mod.ts";
import { full, Generator, randint, scope, type Tensor, tensor } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";

const chains = degradations.filter((one) => one !== "bicubic");

/** Random bits as the loader gives them. */
const drawOf = (i: number): number => Math.imul(i + 1, 0x9e3779b1) >>> 0;

function pictures(count: number, height = 32, width = height): Tensor {
  using generator = Generator.seeded(1);
  return scope(() => randint(0, 256, [count, 3, height, width], { generator }).to({ dtype: "uint8" }));
}

const bytes = (x: Tensor): Uint8Array => x.contiguous().bytes();

for (const degradation of degradations) {
  Deno.test(
    `${degradation}: what becomes of a picture depends on it and its draws alone`,
    leakFree(() => {
      scope(() => {
        const images = pictures(3, 32, 40);
        const draws = [1, 2, 3].map(drawOf);
        const whole = degrade(images, { degradation, draws });
        assert.deepEqual([whole.dtype, whole.shape], ["uint8", [3, 3, 8, 10]]);
        const alone = degrade(images.narrow(0, 1, 1), { degradation, draws: [draws[1]!] });
        assert.deepEqual(bytes(alone), bytes(whole.narrow(0, 1, 1)));
        if (degradation === "bicubic") return;
        const again = degrade(images.narrow(0, 1, 1), { degradation, draws: [drawOf(77)] });
        assert.notDeepEqual(bytes(again), bytes(alone));
      });
    }),
  );
}

Deno.test(
  "a degraded picture is still the picture",
  leakFree(() => {
    const colors = tensor([200, 40, 90], { shape: [1, 3, 1, 1], dtype: "uint8" });
    using images = scope(() => colors.expand([8, 3, 32, 32]).contiguous());
    colors.dispose();
    for (const degradation of chains) {
      using small = degrade(images, { degradation, draws: Array.from({ length: 8 }, (_, i) => drawOf(i)) });
      const means = scope(() => [...small.to({ dtype: "float32" }).mean([0, 2, 3]).data()]).map(Number);
      means.forEach((mean, c) => assert.ok(Math.abs(mean - [200, 40, 90][c]!) < 8, `${degradation}: ${means}`));
    }
  }),
);

for (const degradation of chains) {
  Deno.test(`${degradation}: a chain ends in the wanted size, and its steps vary`, () => {
    const chains = Array.from({ length: 400 }, (_, i) => chooseDegradation(degradation, [64, 48], 4, drawOf(i)));
    const rows = chains.map(({ steps }) => steps);
    for (const steps of rows) {
      const last = steps.findLast((step) => step.kind === "resize")!;
      assert.deepEqual(last.kind === "resize" && last.size, [16, 12]);
      if (degradation === "bsrgan_plus") continue;
      const shrinks = steps.findIndex((step) => step.kind === "decimate" || step.kind === "resize");
      assert.ok(shrinks < steps.indexOf(last), "it becomes smaller before it is fitted");
    }
    const share = (kind: string) =>
      rows.filter((steps) => steps.some((step) => step.kind === kind)).length / rows.length;
    const seldom = degradation === "bsrgan_plus";
    assert.ok(share("blur") === 1 && share("noise") === 1);
    assert.equal(share("decimate") > 0, !seldom);
    for (const kind of ["poisson", "speckle"]) {
      const wanted = seldom ? 0.19 : 0; // 1 − 0.9²
      assert.ok(Math.abs(share(kind) - wanted) < 0.07, `${kind} in ${share(kind)} of the chains`);
    }
    const qualities = chains.map(({ quality }) => quality);
    assert.deepEqual([Math.min(...qualities), Math.max(...qualities)], [degradation === "bsrgan_light" ? 80 : 30, 95]);
    assert.deepEqual(chains[5], chooseDegradation(degradation, [64, 48], 4, drawOf(5)));
  });
}

Deno.test(
  "a chain survives its smallest pictures and every draw of a kernel",
  leakFree(() => {
    scope(() => {
      const images = pictures(1, 4);
      for (let i = 0; i < 40; i++) {
        for (const degradation of chains) {
          assert.deepEqual(degrade(images, { degradation, draws: [drawOf(i)] }).shape, [1, 3, 1, 1]);
        }
      }
    });
  }),
);

Deno.test(
  "sides that the factor does not divide are refused",
  leakFree(() => {
    scope(() => {
      const images = pictures(1, 32, 30);
      const wrong = () => degrade(images, { degradation: "bicubic", draws: [1] });
      assert.throws(wrong, (error) => error instanceof LatentError && error.code === "data.size");
    });
  }),
);

const kernels: [string, BlurKernel][] = [
  ["isotropic", isotropicKernel(7, 1.3)],
  ["isotropic and nearly a point, of even size", isotropicKernel(6, 0.001)],
  ["anisotropic", anisotropicKernel(9, 0.8, 3, 0.4)],
  ["anisotropic and nearly a point, of even size", anisotropicKernel(6, 0.8, 1e-9, 1e-9)],
  ["shifted", shiftedKernel(isotropicKernel(25, 2), 1.5)],
];

for (const [name, kernel] of kernels) {
  Deno.test(
    `a blur keeps a plain picture as it is, be it smaller than the kernel: ${name}`,
    leakFree(() => {
      scope(() => {
        for (const size of [1, 3, 40]) {
          const blurred = convolve(full([1, 3, size, size], 0.7), kernel);
          assert.deepEqual(blurred.shape, [1, 3, size, size]);
          for (const value of blurred.data()) assert.ok(Math.abs(Number(value) - 0.7) < 1e-6);
        }
      });
    }),
  );
}

Deno.test(
  "taking every f-th pixel after a shifted blur keeps pictures in their place",
  leakFree(() => {
    scope(() => {
      const ramp = tensor(Array.from({ length: 64 }, (_, i) => i), { shape: [1, 1, 1, 64] }).expand([1, 1, 64, 64]);
      for (const factor of [2, 3, 4]) {
        const kernel = shiftedKernel(isotropicKernel(25, 1.2), (factor - 1) / 2);
        const row = convolve(ramp.contiguous(), kernel).select(2, 32).slice(2, 0, null, factor).flatten().data();
        const middle = 32 / factor | 0; // pixel k is the middle of f of them
        assert.ok(Math.abs(Number(row[middle]) - (factor * middle + (factor - 1) / 2)) < 0.02);
      }
    });
  }),
);

/** What OpenCV 5.0.0 makes of 0, 1, 0.5, 0.25. */
const resized: ["bilinear" | "bicubic" | "area", number[]][] = [
  ["bilinear", [0, 0.5, 0.9167, 0.5833, 0.375, 0.25]],
  ["bilinear", [0.1667, 0.75, 0.2917]],
  ["bicubic", [-0.0868, 0.5469, 1.0194, 0.6108, 0.3281, 0.2283]],
  ["bicubic", [0.1522, 0.8672, 0.2772]],
  ["area", [0, 0.5, 1, 0.5, 0.375, 0.25]],
  ["area", [0, 0, 0.75, 1, 0.75, 0.5, 0.4375, 0.25, 0.25]],
  ["area", [0.25, 0.75, 0.3125]],
];

for (const [how, wanted] of resized) {
  Deno.test(
    `${how} from 4 to ${wanted.length} pixels is OpenCV's`,
    leakFree(() => {
      using row = tensor([0, 1, 0.5, 0.25], { shape: [1, 1, 1, 4] });
      using found = interpolate(row, [1, wanted.length], how);
      Array.from(found.data(), Number).forEach((value, i) => assert.ok(Math.abs(value - wanted[i]!) < 1e-4));
    }),
  );
}

const covariance = [[0.02, 0.012, 0.001], [0.012, 0.03, 0.004], [0.001, 0.004, 0.01]];

const noises: [string, PictureNoise, number[][]][] = [
  ["color", { kind: "color", level: 0.1 }, [[0.01, 0, 0], [0, 0.01, 0], [0, 0, 0.01]]],
  ["grey", { kind: "grey", level: 0.1 }, Array(3).fill([0.01, 0.01, 0.01])],
  ["correlated", { kind: "correlated", covariance }, covariance],
];

for (const [name, noise, wanted] of noises) {
  Deno.test(
    `${name} noise has its covariance`,
    leakFree(() => {
      scope(() => {
        const generator = Generator.seeded(5);
        const drawn = normalNoise(full([1, 3, 200, 200], 0), noise, generator).squeeze(0).flatten(1, 2);
        const found = Array.from(drawn.matmul(drawn.transpose(0, 1)).div(40000).flatten().data(), Number);
        generator.dispose();
        wanted.flat().forEach((value, i) => assert.ok(Math.abs(found[i]! - value) < 0.04 * 0.03, `${found}`));
      });
    }),
  );
}

for (const grey of [false, true]) {
  Deno.test(
    `Poisson noise${grey ? ", grey," : ""} has the picture as its mean and the brightness / peak as variance`,
    leakFree(() => {
      scope(() => {
        const generator = Generator.seeded(5);
        const light = 102 / 255;
        const drawn = poissonNoise(full([1, 3, 200, 200], light), { peak: 100, grey }, generator);
        const [mean, variance] = [drawn.mean(null).item(), drawn.sub(light).square().mean(null).item()];
        generator.dispose();
        assert.ok(
          Math.abs(mean - light) < 0.002 && Math.abs(variance / (light / 100) - 1) < 0.03,
          `${mean}, ${variance}`,
        );
        const spread = drawn.sub(drawn.mean([1], true)).abs().amax().item();
        assert.equal(spread < 1e-6, grey);
      });
    }),
  );
}
