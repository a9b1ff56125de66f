import assert from "node:assert/strict";
import { float32, int64, numbers, uint8 } from "./arrays.ts";
import { peerTest } from "./peer.ts";
import type { PeerArray } from "./runner.ts";

/** Asserts that values agree within a tolerance. */
function close(got: PeerArray | undefined, wanted: number[], tolerance = 1e-6): void {
  const values = numbers(got!);
  assert.equal(values.length, wanted.length);
  values.forEach((value, i) =>
    assert.ok(Math.abs(value - wanted[i]!) <= tolerance, `${i}: ${value}, not ${wanted[i]}`)
  );
}

/** A nested array as a float32 array. */
function nested(value: readonly unknown[]): PeerArray {
  const shape: number[] = [];
  for (let v: unknown = value; Array.isArray(v); v = v[0]) shape.push(v.length);
  return float32(value.flat(Infinity) as number[], shape);
}

/** Function, options, inputs, output, gradient of the sum of the output to the first input. */
const layers = [
  ["conv2d", { stride: 2, padding: 1 }, { input: [[[[1]]]], weight: [[[[0, 0, 0], [0, 5, 0], [0, 0, 0]]]] }, [5], [5]],
  ["group_norm", { num_groups: 1, eps: 0 }, { input: [[[-3, 3]]] }, [-1, 1], [0, 0]],
  ["layer_norm", { normalized_shape: [2], eps: 0 }, { input: [[-3, 3]] }, [-1, 1], [0, 0]],
  ["silu", {}, { input: [0] }, [0], [0.5]],
  ["gelu", {}, { input: [0] }, [0], [0.5]],
  ["interpolate", { scale_factor: 2, mode: "nearest" }, { input: [[[[3]]]] }, [3, 3, 3, 3], [4]],
  ["avg_pool2d", { kernel_size: 2 }, { input: [[[[1, 2], [3, 4]]]] }, [2.5], [0.25, 0.25, 0.25, 0.25]],
  ["scaled_dot_product_attention", {}, { query: [[[0]]], key: [[[1], [2]]], value: [[[2], [4]]] }, [3], [0.5]],
] as const;

for (const [name, options, inputs, output, gradient] of layers) {
  peerTest(`${name} gives what can be computed by hand`, async (peer) => {
    const arrays = Object.fromEntries(Object.entries(inputs).map(([key, value]) => [key, nested(value)]));
    const forward = await peer.call("layers.functional", { function: name, options }, arrays);
    const { shape } = forward.arrays["output"]!;
    const grad_output = float32(output.map(() => 1), shape);
    const both = await peer.call("layers.functional", { function: name, options }, { ...arrays, grad_output });
    close(forward.arrays["output"], [...output]);
    close(both.arrays[`grad.${Object.keys(inputs)[0]}`], [...gradient]);
  });
}

peerTest("an embedding's gradient counts its rows", async (peer) => {
  const { arrays } = await peer.call("layers.functional", { function: "embedding" }, {
    input: int64([1, 1, 0], [3]),
    weight: nested([[1], [2], [3]]),
    grad_output: nested([[1], [1], [1]]),
  });
  close(arrays["output"], [2, 2, 1]);
  close(arrays["grad.weight"], [1, 2, 0]);
});

peerTest("initialisations and noise are PyTorch's", async (peer) => {
  type Statistics = Record<string, { mean: number; var: number; min: number; max: number }>;
  const options = { in_features: 100, out_features: 1000 };
  const { weight } = (await peer.call<Statistics>("layers.initial_statistics", { layer: "Linear", options })).json;
  assert.ok(Math.abs(weight!.var - 0.01 / 3) < 3e-5 && weight!.max <= 0.1 && weight!.min >= -0.1);
  const { noise } = (await peer.call("layers.randn", { seed: 0, shape: [4] })).arrays;
  close(noise, [1.5410, -0.2934, -2.1788, 0.5684], 5e-5); // as PyTorch's documentation has it
});

peerTest(
  "the first step of Adam is the learning rate times the gradient's sign, AdamW decays as well",
  async (peer) => {
    const arrays = { "param.w": float32([1, 2], [2]), "grad.w": nested([[3, -4], [0, 0]]) };
    for (const [optimizer, weight_decay, decayed] of [["Adam", 0, 1], ["AdamW", 0.1, 0.999]] as const) {
      const options = { lr: 0.01, weight_decay, fused: true };
      const { arrays: got } = await peer.call(
        "training.optimize",
        { optimizer, options, learning_rates: [0.01, 0] },
        arrays,
      );
      const after = [1 * decayed - 0.01, 2 * decayed + 0.01];
      close(got["param.w"], [...after, ...after]);
      close(got["exp_avg.w"], [0.27, -0.36]);
    }
  },
);

peerTest("clipping scales all gradients to the norm", async (peer) => {
  const { arrays } = await peer.call("training.clip_grad_norm", { max_norm: 1 }, { a: nested([3]), b: nested([4]) });
  close(arrays["norm"], [5]);
  close(arrays["a"], [0.6], 1e-5);
  close(arrays["b"], [0.8], 1e-5);
});

peerTest("the moving average warms up from 2/11 as the original's", async (peer) => {
  const arrays = { start: float32([0], [1]), params: nested([[11], [11]]) };
  const { arrays: { shadow }, json } = await peer.call<{ decays: number[] }>("training.ema", {}, arrays);
  assert.deepEqual(json.decays, [2 / 11, 3 / 12]);
  close(shadow, [9, 10.5], 1e-5);
});

const schedules = [
  ["learning_rates", { parts: [{ name: "ConstantLR", factor: 1 }] }, [1, 1, 1, 1]],
  ["learning_rates", { parts: [{ name: "CosineAnnealingLR", T_max: 2 }] }, [1, 0.5, 0, 0.5]],
  ["lambda_learning_rates", { name: "constant_with_warmup", warmup: 2 }, [0, 0.5, 1, 1]],
  ["lambda_learning_rates", { name: "cosine", warmup: 0, total: 2 }, [1, 0.5, 0, 0.5]],
] as const;

peerTest("learning rates are PyTorch's and diffusers'", async (peer) => {
  for (const [name, options, wanted] of schedules) {
    const { json } = await peer.call<{ rates: number[] }>(`training.${name}`, { base: 1, steps: 4, ...options });
    json.rates.forEach((rate, i) => assert.ok(Math.abs(rate - wanted[i]!) < 1e-12, `${name}: ${json.rates}`));
  }
});

peerTest("DDIM runs the original's plan down to the first alpha, and adds noise by the table", async (peer) => {
  const betas = float32(Array.from({ length: 1000 }, () => 0.001), [1000]);
  const alpha = (t: number) => 0.999 ** (t + 1);
  const [start, outputs] = [float32([1], [1]), float32([0, 0], [2, 1])];
  const { arrays } = await peer.call("diffusion.ddim", {}, { betas, start, outputs });
  assert.deepEqual(numbers(arrays["timesteps"]!), [501, 1]);
  const x1 = Math.sqrt(alpha(1) / alpha(501));
  close(arrays["x"], [x1, x1 * Math.sqrt(alpha(0) / alpha(1))], 1e-5);

  const noised = { sample: float32([2], [1]), noise: float32([1], [1]), timesteps: int64([9], [1]) };
  for (const scheduler of ["DDIMScheduler", "DDPMScheduler"]) {
    const { noisy } = (await peer.call("diffusion.add_noise", { scheduler }, { betas, ...noised })).arrays;
    close(noisy, [2 * Math.sqrt(alpha(9)) + Math.sqrt(1 - alpha(9))], 1e-5);
  }
});

peerTest("DDIM with eta 1 adds the given noise", async (peer) => {
  const betas = float32(Array.from({ length: 10 }, () => 0.1), [10]);
  const arrays = {
    betas,
    start: float32([0], [1]),
    outputs: float32([0], [1, 1]),
    variance_noise: float32([1], [1, 1]),
  };
  const { x } = (await peer.call("diffusion.ddim", { eta: 1 }, arrays)).arrays;
  const [now, before] = [0.9 ** 2, 0.9]; // one step lands on t = 1, then on t = 0
  close(x, [Math.sqrt((1 - before) / (1 - now) * (1 - now / before))], 1e-5);
});

peerTest("Pillow encodes, decodes, turns by EXIF and resizes", async (peer) => {
  const pixels = uint8(Uint8Array.from({ length: 18 }, (_, i) => i * 10), [2, 3, 3]);
  const { data } = (await peer.call("pictures.encode", { format: "PNG", orientation: 6 }, { pixels })).arrays;
  const decode = async (json: { transpose: boolean }) =>
    (await peer.call("pictures.decode", { mode: "RGB", ...json }, { data: data! })).arrays["pixels"]!;
  assert.deepEqual(await decode({ transpose: false }), pixels);
  assert.deepEqual((await decode({ transpose: true })).shape, [3, 2, 3]);
  const grey = uint8(new Uint8Array([0, 0, 255, 255]), [1, 4, 1]);
  for (const [filter, wanted] of [["bilinear", [36, 219]], ["bicubic", [21, 234]]] as const) {
    const json = { width: 2, height: 1, filter };
    const { pixels } = (await peer.call("pictures.resize", json, { pixels: grey })).arrays;
    assert.deepEqual(pixels, uint8(new Uint8Array(wanted), [1, 2, 1]), filter);
  }
});

peerTest("arrays of any dtype and shape come back as they went", async (peer) => {
  const dir = await Deno.makeTempDir();
  const dtypes = ["float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "int64", "int32"];
  for (const [i, dtype] of [...dtypes, "int16", "int8", "uint8", "bool"].entries()) {
    const item = [8, 4, 2, 2, 1, 1, 8, 4, 2, 1, 1, 1][i]!;
    for (const shape of [[2, 3], [], [0, 4]]) {
      const size = item * shape.reduce((a, b) => a * b, 1);
      const array = { dtype, shape, bytes: Uint8Array.from({ length: size }, (_, j) => (j * 7) % 2) };
      const path = `${dir}/x.safetensors`;
      await peer.call("files.write", { path }, { array });
      assert.deepEqual((await peer.call("files.read", { path })).arrays, { array });
    }
  }
  await Deno.remove(dir, { recursive: true });
});

peerTest("an exception in Python is an error with its traceback, and the next call works", async (peer) => {
  const failing = peer.call("layers.functional", { function: "linear" }, { input: float32([1, 2], [2]) });
  await assert.rejects(failing, { code: "peer.call", message: /layers\.functional failed[^]*TypeError/ });
  await assert.rejects(peer.call("no.such"), { code: "peer.call", message: /ModuleNotFoundError/ });
  const { json } = await peer.call<{ peak_rss: number }>("process.memory");
  assert.ok(json.peak_rss > 50e6 && json.peak_rss < 4e9);
});

peerTest("layers give the output and the gradients of every input", async (peer) => {
  const { arrays } = await peer.call("layers.functional", { function: "linear" }, {
    input: float32([1, 2], [1, 2]),
    weight: float32([3, 4, 5, 6, 7, 8], [3, 2]),
    bias: float32([0, 0, 1], [3]),
    grad_output: float32([1, 0, 2], [1, 3]),
  });
  assert.deepEqual(numbers(arrays["output"]!), [11, 17, 24]);
  assert.deepEqual(numbers(arrays["grad.input"]!), [17, 20]);
  assert.deepEqual(numbers(arrays["grad.weight"]!), [1, 2, 0, 0, 2, 4]);
  assert.deepEqual(numbers(arrays["grad.bias"]!), [1, 0, 2]);
});
