import { AttnBlock } from "../../lib/model/blocks.ts";
import { AttentionBlock } from "../../lib/model/unet_blocks.ts";
import type { Module } from "../../lib/nn/mod.ts";
import { Generator, noGrad, randn, scope, type Tensor } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";
import { assertNear, toPeer } from "../peer/arrays.ts";
import { peerTest } from "../peer/peer.ts";

// Of the largest magnitude: products and softmax in another order than the fused kernel's. The gradient of the keys'
// bias is zero but for rounding, so it is compared against the largest of all gradients.
const tolerance = 1e-5;

const rows: [string, () => Module, string, Record<string, number | boolean>][] = [
  ["the U-Net's block, one head", () => new AttentionBlock(64, 1), "unet", { heads: 1, legacy: true }],
  ["the U-Net's block, 4 heads", () => new AttentionBlock(64, 4), "unet", { heads: 4, legacy: true }],
  ["the U-Net's block, new order", () => new AttentionBlock(64, 4, false), "unet", { heads: 4, legacy: false }],
  ["the autoencoder's block", () => new AttnBlock(64), "autoencoder", {}],
];

for (const [name, build, reference, options] of rows) {
  peerTest(
    `attention, ${name}: output and gradients are PyTorch's`,
    leakFree(async (peer) => {
      using block = build();
      const named: [string, Tensor][] = [...block.namedParameters()];
      const [sent, ours] = scope(() => {
        const generator = Generator.seeded(0);
        const x = randn([2, 64, 3, 5], { generator }).contiguous({ memoryFormat: "channels_last" }).requiresGrad_();
        noGrad(() => named.forEach(([, p]) => p.normal_(0, 0.2, { generator })));
        const weights = randn(x.shape, { generator });
        const output = block.call(x);
        output.backward(weights);
        const leaves: [string, Tensor][] = [["x", x], ...named];
        return [
          Object.fromEntries(
            [...leaves, ["grad_output", weights] as const].map(([key, value]) => [key, toPeer(value)]),
          ),
          Object.fromEntries([
            ["output", toPeer(output)],
            ...leaves.map(([key, p]) => [`grad.${key}`, toPeer(p.grad!)]),
          ]),
        ] as const;
      });
      const theirs = (await peer.call(`attention.${reference}`, options, sent)).arrays;
      for (const [key, array] of Object.entries(theirs)) {
        if (key !== "grad.k.bias") assertNear(ours[key], array, tolerance, key);
      }
    }),
  );
}
