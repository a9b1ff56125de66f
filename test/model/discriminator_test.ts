import assert from "node:assert/strict";
import { LossNetworks, PatchDiscriminator } from "../../lib/model/mod.ts";
import { Generator, noiseOf, scope } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";

// A size of s becomes ⌊s/2⌋ by each halving convolution, and one less by each of the last two.
const rows: [layers: number, size: number, patches: number][] = [[1, 32, 14], [2, 32, 6], [3, 48, 4], [4, 64, 2]];

for (const [layers, size, patches] of rows) {
  Deno.test(
    `the discriminator with ${layers} layers sees ${patches} × ${patches} patches of ${size} pixels`,
    leakFree(() =>
      scope(() => {
        using generator = Generator.seeded(0);
        using discriminator = new PatchDiscriminator({ layers, channels: 4 }).initialise(generator);
        using noise = noiseOf([1, 2]);
        const images = noise.normal([2, 3, size, size]);
        const logits = discriminator.train().call(images);
        assert.deepEqual(logits.shape, [2, 1, patches, patches]);
        const widths = [...discriminator.stateDict()].filter(([name]) =>
          name.endsWith("weight") && !/\.[369]\.|12/.test(name)
        );
        assert.deepEqual(
          widths.map(([, { shape }]) => shape[0]),
          [...Array.from({ length: layers + 1 }, (_, i) => 4 * Math.min(8, 2 ** i)), 1],
        );
      })
    ),
  );
}

Deno.test(
  "weights begin with a deviation of 0.02, norms at 1 ± 0.02 and 0",
  leakFree(() =>
    scope(() => {
      using generator = Generator.seeded(0);
      using networks = new LossNetworks({ layers: 2, channels: 32, logvar: 0.1 }).initialise(generator);
      const state = networks.stateDict();
      assert.ok(Math.abs(state.get("logvar")!.item() - 0.1) < 1e-7);
      for (const name of ["0", "2", "5", "8"]) {
        const weight = state.get(`discriminator.main.${name}.weight`)!;
        assert.ok(Math.abs(weight.std(null).item() / 0.02 - 1) < 0.1, name);
      }
      for (const name of ["3", "6"]) {
        const norm = state.get(`discriminator.main.${name}.weight`)!;
        assert.ok(Math.abs(norm.mean(null).item() - 1) < 0.01 && Math.abs(norm.std(null).item() / 0.02 - 1) < 0.3);
        assert.equal(state.get(`discriminator.main.${name}.bias`)!.abs().amax().item(), 0);
      }
      assert.equal(
        networks.parameterCount,
        1 + [...networks.discriminator.parameters()].reduce((n, p) => n + p.numel, 0),
      );
      assert.ok(!state.has("discriminator.main.2.bias") && state.has("discriminator.main.0.bias"));
    })
  ),
);

Deno.test(
  "with act norms the convolutions have biases, and the first training batch is fitted",
  leakFree(() =>
    scope(() => {
      using generator = Generator.seeded(0);
      using discriminator = new PatchDiscriminator({ layers: 1, channels: 4, actNorm: true }).initialise(generator);
      assert.deepEqual([...discriminator.stateDict().keys()], [
        ...["0.weight", "0.bias", "2.weight", "2.bias", "3.loc", "3.scale", "3.initialized", "5.weight", "5.bias"]
          .map((name) => `main.${name}`),
      ]);
      using noise = noiseOf([1, 2]);
      discriminator.train().call(noise.normal([2, 3, 16, 16]));
      assert.equal(discriminator.stateDict().get("main.3.initialized")!.item(), 1);
    })
  ),
);

Deno.test(
  "activations in place leave the images alone and the gradients right",
  leakFree(() =>
    scope(() => {
      using generator = Generator.seeded(0);
      using discriminator = new PatchDiscriminator({ layers: 1, channels: 4 }).initialise(generator);
      using noise = noiseOf([1]);
      const images = noise.normal([1, 3, 8, 8]);
      const kept = images.clone();
      const sum = () => discriminator.call(images).sum(null);
      const bias = discriminator.stateDict().get("main.0.bias")!;
      sum().backward();
      assert.ok(images.equal(kept));
      const slope = bias.grad!.select(0, 1).item();
      const moved = (by: number) => {
        bias.detach().narrow(0, 1, 1).add_(by);
        return sum().item();
      };
      const numeric = (moved(1e-3) - moved(-2e-3)) / 2e-3;
      assert.ok(Math.abs(numeric - slope) < 1e-2 * Math.abs(slope) + 1e-4, `${numeric}, not ${slope}`);
      for (const p of discriminator.parameters()) p.grad = null;
    })
  ),
);
