import assert from "node:assert/strict";
import {
  AutoencoderKL,
  type AutoencoderOptions,
  AutoencoderVQ,
  discriminatorLoss,
  PatchDiscriminator,
  samplePosterior,
} from "../../lib/model/mod.ts";
import type { AnyModule } from "../../lib/nn/mod.ts";
import { clearGrads, Generator, grad, noGrad, randn, scope, type Tensor } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";
import { assertNear, toPeer } from "./arrays.ts";
import { peerTest } from "./peer.ts";
import type { PeerArray } from "./runner.ts";

const tolerance = 1e-4; // of the largest magnitude, issue 10

const coder: Omit<AutoencoderOptions, "doubleLatent"> = {
  channels: 64,
  multipliers: [1, 2, 2],
  residualBlocks: 2,
  attentionResolutions: [8],
  resolution: 32,
  imageChannels: 3,
  latentChannels: 4,
  embedChannels: 4,
  dropout: 0,
};

/** The same in diffusers; `attended` says which resolutions have attention, from the highest. */
function diffusersOptions(attended: boolean[], more: Record<string, number | boolean>) {
  const kind = (plain: string, attention: string) => attended.map((on) => on ? attention : plain);
  return {
    down_block_types: kind("DownEncoderBlock2D", "AttnDownEncoderBlock2D"),
    up_block_types: kind("UpDecoderBlock2D", "AttnUpDecoderBlock2D").reverse(),
    block_out_channels: coder.multipliers.map((multiplier) => multiplier * coder.channels),
    layers_per_block: coder.residualBlocks,
    latent_channels: coder.latentChannels,
    norm_num_groups: 32,
    ...more,
  };
}

/** Weights and biases that are nowhere 0 or 1. */
function filled<T extends AnyModule>(network: T, generator: Generator): T {
  network.initialise(generator);
  noGrad(() => {
    for (const [name, p] of network.namedParameters()) {
      if (/norm|bias/.test(name)) p.add_(randn(p.shape, { generator }).mul(0.1));
    }
  });
  return network;
}

const sent = (tensors: Iterable<readonly [string, Tensor]>): Record<string, PeerArray> =>
  Object.fromEntries([...tensors].map(([name, x]) => [name, toPeer(x)]));

/** The accumulated gradients by name, which are forgotten. */
function gradients(network: AnyModule): Record<string, PeerArray> {
  const named = [...network.namedParameters()].map(([name, p]) => [`grad.${name}`, p.grad!] as const);
  const arrays = sent(named);
  clearGrads(network.parameters());
  return arrays;
}

function compare(ours: Record<string, PeerArray>, theirs: Record<string, PeerArray>): void {
  assert.deepEqual(Object.keys(theirs).sort(), Object.keys(ours).sort());
  // a softmax over keys does not see what is added to all of them: this gradient is 0 but for rounding
  const seen = Object.entries(theirs).filter(([name]) => !name.endsWith(".k.bias"));
  for (const [name, array] of seen) assertNear(ours[name], array, tolerance, name);
}

peerTest("the KL autoencoder has diffusers' outputs and gradients", async (peer) => {
  await leakFree(async () => {
    const [ours, arrays] = scope(() => {
      const generator = Generator.seeded(0);
      using model = filled(new AutoencoderKL({ ...coder, doubleLatent: true }), generator);
      const drawn = (...shape: number[]) => randn(shape, { generator });
      const image = drawn(2, 3, 32, 48).requiresGrad_();
      const [noise, gradImage, gradLatent] = [drawn(2, 4, 8, 12), drawn(2, 3, 32, 48), drawn(2, 4, 8, 12)];
      const { mean, logvar } = model.call(image);
      const latent = samplePosterior({ mean, logvar }, noise);
      const reconstruction = model.decode(latent);
      reconstruction.mul(gradImage).sum(null).add(latent.mul(gradLatent).sum(null)).backward();
      const inputs: [string, Tensor][] = [["image", image], ["noise", noise], ["grad_image", gradImage], [
        "grad_latent",
        gradLatent,
      ]];
      const outputs: [string, Tensor][] = [["mean", mean], ["logvar", logvar], ["latent", latent], [
        "reconstruction",
        reconstruction,
      ]];
      return [
        { ...sent([...outputs, ["grad.image", image.grad!]]), ...gradients(model) },
        sent([...inputs, ...model.stateDict()]),
      ];
    });
    const options = diffusersOptions([false, false, true], {});
    compare(ours, (await peer.call("first_stage.kl", { options }, arrays)).arrays);
  })();
});

for (const attention of [true, false]) {
  peerTest(
    `the VQ autoencoder ${attention ? "with" : "without"} attention has diffusers' codes, outputs and gradients`,
    async (peer) => {
      await leakFree(async () => {
        const [ours, arrays] = scope(() => {
          const generator = Generator.seeded(1);
          const sizes = { ...coder, doubleLatent: false, embedChannels: 3, attention, codebook: { codes: 64 } };
          using model = filled(new AutoencoderVQ(sizes), generator);
          const image = randn([2, 3, 32, 48], { generator }).requiresGrad_();
          const gradImage = randn([2, 3, 32, 48], { generator });
          const latent = model.encode(image);
          const { z, loss, indices } = model.quantize.call(latent);
          const reconstruction = model.decodeQuantized(z);
          reconstruction.mul(gradImage).sum(null).add(loss).backward();
          assert.ok(new Set(indices.flatten().tolist() as number[]).size > 10);
          const outputs: [string, Tensor][] = [["latent", latent], ["loss", loss], ["indices", indices.flatten()], [
            "reconstruction",
            reconstruction,
          ]];
          return [
            { ...sent([...outputs, ["grad.image", image.grad!]]), ...gradients(model) },
            sent([["image", image], ["grad_image", gradImage], ...model.stateDict()]),
          ];
        });
        const options = diffusersOptions([false, false, attention], {
          num_vq_embeddings: 64,
          vq_embed_dim: 3,
          mid_block_add_attention: attention,
        });
        compare(ours, (await peer.call("first_stage.vq", { options }, arrays)).arrays);
      })();
    },
  );
}

peerTest("the discriminator has PyTorch's logits, gradients and running statistics", async (peer) => {
  await leakFree(async () => {
    const [layers, channels] = [3, 8];
    const [ours, arrays] = scope(() => {
      const generator = Generator.seeded(2);
      using network = filled(new PatchDiscriminator({ layers, channels }), generator).train();
      const images = randn([3, 3, 48, 64], { generator });
      const reconstructions = randn([3, 3, 48, 64], { generator }).requiresGrad_();
      const arrays = sent([["real", images], ["fake", reconstructions], ...network.stateDict()]);
      const fake = network.call(reconstructions);
      const byFake = grad([fake.mean(null).neg()], [reconstructions])[0]!;
      const logits: PeerArray[] = [];
      const watched = {
        call(x: Tensor) {
          const y = network.call(x);
          logits.push(toPeer(y));
          return y;
        },
      };
      const { loss } = discriminatorLoss({ images, reconstructions, step: 0 }, watched, { discStart: 0 });
      loss.backward();
      const statistics = [...network.stateDict()].filter(([name]) => /running|tracked/.test(name));
      const still = network.train(false).call(images);
      const outputs: [string, Tensor][] = [["fake", fake], ["loss", loss], ["still", still], ["grad.fake", byFake]];
      return [{ ...sent([...outputs, ...statistics]), real: logits[0]!, ...gradients(network) }, arrays];
    });
    compare(ours, (await peer.call("first_stage.discriminator", { channels, layers }, arrays)).arrays);
  })();
});
