import { SpatialRescaler } from "../../lib/model/mod.ts";
import { SpatialTransformer } from "../../lib/model/transformer.ts";
import { Generator, noGrad, randn, scope, type Tensor } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";
import { assertNear, toPeer } from "../peer/arrays.ts";
import { peerTest } from "../peer/peer.ts";

const tolerance = 1e-5; // of the largest magnitude: another order of sums

for (const [depth, linear] of [[1, false], [2, true]] as const) {
  peerTest(
    `a spatial transformer gives diffusers' output and gradients: depth ${depth}, ${linear ? "linear" : "convolved"}`,
    leakFree(async (peer) => {
      using model = new SpatialTransformer({ channels: 64, heads: 4, depth, contextChannels: 24, linear });
      const named: [string, Tensor][] = [...model.namedParameters()];
      const [sent, ours] = scope(() => {
        using generator = Generator.seeded(0);
        const x = randn([2, 64, 3, 5], { generator }).contiguous({ memoryFormat: "channels_last" }).requiresGrad_();
        const context = randn([2, 7, 24], { generator }).requiresGrad_();
        noGrad(() => named.forEach(([, p]) => p.normal_(0, 0.2, { generator })));
        const weights = randn(x.shape, { generator });
        const output = model.call(x, context);
        output.backward(weights);
        const leaves: [string, Tensor][] = [["x", x], ["context", context], ...named];
        return [
          Object.fromEntries([...leaves, ["grad_output", weights] as const].map(([key, t]) => [key, toPeer(t)])),
          new Map([["output", toPeer(output)], ...leaves.map(([key, p]) => [`grad.${key}`, toPeer(p.grad!)] as const)]),
        ] as const;
      });
      const theirs = (await peer.call("transformer.spatial", { heads: 4, depth, linear }, sent)).arrays;
      for (const [key, array] of Object.entries(theirs)) assertNear(ours.get(key), array, tolerance, key);
    }),
  );
}

const methods = ["nearest", "bilinear", "bicubic", "area"] as const;

for (const method of methods) {
  peerTest(
    `maps are rescaled as PyTorch does it, of even and odd sizes: ${method}`,
    leakFree(async (peer) => {
      for (const [factor, stages] of [[0.5, 2], [1.5, 1], [0.3, 1]] as const) {
        using rescaler = new SpatialRescaler({ stages, method, factor, inChannels: 3, bias: false });
        const [sent, ours] = scope(() => {
          using generator = Generator.seeded(1);
          const x = randn([2, 3, 12, 19], { generator });
          return [toPeer(x), toPeer(rescaler.call(x))];
        });
        const { arrays } = await peer.call("transformer.resized", { method, factor, stages }, { x: sent });
        assertNear(ours, arrays["output"], 1e-6, `${factor}`);
      }
    }),
  );
}
