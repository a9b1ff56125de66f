import assert from "node:assert/strict";
import { Conv2d, Embedding, gelu, GroupNorm, type Layer, LayerNorm, Linear, Module, silu } from "../../lib/nn/mod.ts";
import { Generator, live, noGrad, noiseOf, randn, scope, tensor } from "../../lib/tensor/mod.ts";
import { assertNear, toPeer } from "./arrays.ts";
import { peerTest } from "./peer.ts";
import type { Json, PeerArray } from "./runner.ts";

// Both sides call the same operators; what may differ is libtorch's version and the number of threads.
const tolerance = 2e-6;

interface Row {
  name: string;
  /** Of torch.nn.functional. */
  function: string;
  options?: Record<string, Json>;
  layer: () => Layer;
  shape: number[];
}

const rows: Row[] = [
  { name: "Linear", function: "linear", layer: () => new Linear(6, 5), shape: [2, 3, 6] },
  { name: "Linear without bias", function: "linear", layer: () => new Linear(6, 5, { bias: false }), shape: [4, 6] },
  {
    name: "Conv2d 3×3",
    function: "conv2d",
    options: { padding: 1 },
    layer: () => new Conv2d(4, 6, 3, { padding: 1 }),
    shape: [2, 4, 8, 6],
  },
  {
    name: "Conv2d of stride 2",
    function: "conv2d",
    options: { stride: 2, padding: 1 },
    layer: () => new Conv2d(4, 6, 3, { stride: 2, padding: 1 }),
    shape: [2, 4, 8, 6],
  },
  {
    name: "Conv2d 1×7 in groups",
    function: "conv2d",
    options: { padding: [0, 3], groups: 2 },
    layer: () => new Conv2d(4, 6, [1, 7], { padding: [0, 3], groups: 2 }),
    shape: [2, 4, 8, 6],
  },
  { name: "Conv2d 1×1", function: "conv2d", layer: () => new Conv2d(4, 6, 1), shape: [1, 4, 5, 5] },
  {
    name: "GroupNorm",
    function: "group_norm",
    options: { num_groups: 32, eps: 1e-6 },
    layer: () => new GroupNorm(64, { eps: 1e-6 }),
    shape: [2, 64, 4, 6],
  },
  {
    name: "LayerNorm",
    function: "layer_norm",
    options: { normalized_shape: [24] },
    layer: () => new LayerNorm(24),
    shape: [2, 5, 24],
  },
  { name: "SiLU", function: "silu", layer: () => silu, shape: [3, 7] },
  { name: "GELU", function: "gelu", layer: () => gelu, shape: [3, 7] },
  {
    name: "nearest upsampling",
    function: "interpolate",
    options: { scale_factor: 2, mode: "nearest" },
    layer: () => ({ call: (x) => x.upsampleNearest2d([6, 10]) }),
    shape: [2, 4, 3, 5],
  },
  {
    name: "average pooling",
    function: "avg_pool2d",
    options: { kernel_size: 2 },
    layer: () => ({ call: (x) => x.avgPool2d(2) }),
    shape: [2, 4, 6, 4],
  },
];

/** Random parameters and input; the layer's output and all gradients, as the peer names them. */
function forwardBackward(
  layer: Layer,
  shape: number[],
): { sent: Record<string, PeerArray>; ours: Record<string, PeerArray> } {
  return scope(() => {
    const generator = Generator.seeded(0);
    const x = randn(shape, { generator });
    const input = (shape.length === 4 ? x.contiguous({ memoryFormat: "channels_last" }) : x).requiresGrad_();
    const parameters = layer instanceof Module ? [...layer.namedParameters()] : [];
    noGrad(() => parameters.forEach(([, p]) => p.normal_(0, 1, { generator })));
    const output = layer.call(input);
    const weights = randn(output.shape, { generator });
    output.backward(weights);
    const leaves = [["input", input] as const, ...parameters];
    return {
      sent: Object.fromEntries([...leaves.map(([name, x]) => [name, toPeer(x)]), ["grad_output", toPeer(weights)]]),
      ours: Object.fromEntries([...leaves.map(([name, x]) => [`grad.${name}`, toPeer(x.grad!)]), [
        "output",
        toPeer(output),
      ]]),
    };
  });
}

for (const row of rows) {
  peerTest(`${row.name} has PyTorch's output and gradients`, async (peer) => {
    const before = live();
    const layer = row.layer();
    const { sent, ours } = forwardBackward(layer, row.shape);
    if (layer instanceof Module) layer.dispose();
    assert.equal(live(), before);
    const json = { function: row.function, options: row.options, channels_last: true };
    const theirs = (await peer.call("layers.functional", json, sent)).arrays;
    assert.deepEqual(Object.keys(theirs).sort(), Object.keys(ours).sort());
    for (const [name, array] of Object.entries(theirs)) assertNear(ours[name], array, tolerance, name);
  });
}

peerTest("Embedding has PyTorch's output and gradient", async (peer) => {
  using layer = new Embedding(5, 3);
  const [sent, ours] = scope(() => {
    const generator = Generator.seeded(0);
    layer.initialise(generator);
    const indices = tensor([[1, 4, 1], [0, 1, 3]], { dtype: "int64" });
    const output = layer.call(indices);
    const weights = randn(output.shape, { generator });
    output.backward(weights);
    return [
      { input: toPeer(indices), weight: toPeer(layer.weight), grad_output: toPeer(weights) },
      { output: toPeer(output), "grad.weight": toPeer(layer.weight.grad!) },
    ];
  });
  const theirs = (await peer.call("layers.functional", { function: "embedding" }, sent!)).arrays;
  for (const name of ["output", "grad.weight"] as const) assertNear(ours![name], theirs[name], tolerance, name);
});

peerTest("attention has PyTorch's output and gradients", async (peer) => {
  const names = ["query", "key", "value"];
  const [sent, ours] = scope(() => {
    const generator = Generator.seeded(0);
    const [q, k, v] = [[2, 3, 7, 8], [2, 3, 5, 8], [2, 3, 5, 8]].map((s) => randn(s, { generator }).requiresGrad_());
    const output = q!.scaledDotProductAttention(k!, v!);
    const weights = randn(output.shape, { generator });
    output.backward(weights);
    const leaves = [q!, k!, v!];
    return [
      Object.fromEntries([...leaves.map((x, i) => [names[i], toPeer(x)]), ["grad_output", toPeer(weights)]]),
      Object.fromEntries([...leaves.map((x, i) => [`grad.${names[i]}`, toPeer(x.grad!)]), ["output", toPeer(output)]]),
    ];
  });
  const theirs = (await peer.call("layers.functional", { function: "scaled_dot_product_attention" }, sent)).arrays;
  assert.equal(Object.keys(theirs).length, 4);
  for (const [name, array] of Object.entries(theirs)) assertNear(ours![name], array, tolerance, name);
});

const fresh = [
  ["Linear", { in_features: 100, out_features: 2000 }, () => new Linear(100, 2000)],
  ["Conv2d", { in_channels: 64, out_channels: 500, kernel_size: 3 }, () => new Conv2d(64, 500, 3)],
  ["Embedding", { num_embeddings: 1000, embedding_dim: 200 }, () => new Embedding(1000, 200)],
] as const;

type Statistics = Record<string, { mean: number; var: number; min: number; max: number }>;

for (const [layer, options, build] of fresh) {
  peerTest(`a fresh ${layer} is distributed as PyTorch's`, async (peer) => {
    const theirs = (await peer.call<Statistics>("layers.initial_statistics", { layer, options })).json;
    using module = build();
    const ours = scope(() =>
      [...module.initialise(Generator.seeded(1)).namedParameters()].map(([name, p]) =>
        [name, [...p.data()].map(Number)] as const
      )
    );
    for (const [name, values] of ours) {
      const { mean, var: variance, min, max } = theirs[name]!;
      const n = values.length;
      const ourMean = values.reduce((a, b) => a + b, 0) / n;
      const ourVariance = values.reduce((a, b) => a + (b - ourMean) ** 2, 0) / n;
      assert.ok(Math.abs(ourMean - mean) < 6 * Math.sqrt(variance / n), `${name}: mean`); // of two samples, 4 sigma
      assert.ok(Math.abs(ourVariance / variance - 1) < 9 / Math.sqrt(n), `${name}: variance ${ourVariance}`);
      if (layer === "Embedding") continue; // a normal has no bounds
      const range = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / Math.max(max, -min);
      assert.ok(Math.abs(range - 1) < 10 / n, `${name}: range`);
    }
  });
}

peerTest("noise of kind torch is PyTorch's torch.randn, bit for bit, image by image", async (peer) => {
  const seeds = [0, 42, 2 ** 40 + 1];
  for (const shape of [[1, 1, 1, 3], [1, 4, 2, 2], [1, 4, 16, 16], [1, 3, 5, 7]]) {
    const ours = scope(() => {
      using noise = noiseOf(seeds, "torch");
      return noise.normal([seeds.length, ...shape.slice(1)]).split(1).map(toPeer);
    });
    for (const [i, seed] of seeds.entries()) {
      const { noise } = (await peer.call("layers.randn", { seed, shape })).arrays;
      assert.deepEqual(ours[i], noise);
    }
  }
});
