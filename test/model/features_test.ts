import assert from "node:assert/strict";
import { EfficientNetLite0, FeatureDistance, FidInception, Lpips, type LpipsNet } from "../../lib/model/mod.ts";
import { type AnyModule, Module, onDevice } from "../../lib/nn/mod.ts";
import { autocast, Generator, noGrad, randn, scope, type Tensor, tensor, zeros } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";

/** A network with random weights that keep activations of a size, and heads that are positive as the published are. */
function random<T extends AnyModule>(network: T, generator: Generator): T {
  network.initialise(generator);
  noGrad(() =>
    scope(() => {
      for (const [name, tensor] of network.stateDict()) {
        if (tensor.shape.length === 4 && !name.startsWith("scaling")) {
          tensor.copy_(tensor.shape[0] === 1 ? tensor.abs() : tensor.mul(2.4));
        }
      }
    })
  );
  return network;
}

const counts: [string, () => AnyModule & { loadWeights: unknown }, number, number, string[]][] = [
  ["LPIPS on VGG16", () => new Lpips("vgg"), 2 + 26 + 5, 14_716_160, ["net.slice5.28.bias", "lin4.model.1.weight"]],
  ["LPIPS on AlexNet", () => new Lpips("alex"), 2 + 10 + 5, 2_470_848, ["net.slice3.6.weight", "lin0.model.1.weight"]],
  ["LPIPS on SqueezeNet", () => new Lpips("squeeze"), 2 + 50 + 7, 724_736, ["net.slice4.9.expand3x3.bias"]],
  ["Inception", () => new FidInception(), 6 * 94 + 2, 23_850_960, ["Mixed_7c.branch3x3dbl_3b.bn.running_var"]],
  ["EfficientNet-Lite0", () => new EfficientNetLite0(), 296, 4_652_008, [
    "_blocks.15._project_conv.weight",
    "_fc.bias",
  ]],
];

for (const [name, build, tensors, parameters, names] of counts) {
  Deno.test(
    `${name} has the original's names and numbers of tensors, and nothing to train`,
    leakFree(() =>
      onDevice("meta", () => {
        using network = build();
        const state = network.stateDict();
        assert.deepEqual([state.size, network.parameterCount], [tensors, parameters]);
        for (const name of names) assert.ok(state.has(name), name);
        assert.ok(network.parameters().every((parameter) => !parameter.requiresGrad));
      })
    ),
  );
}

/** What torchvision's file would hold. */
function torchvision(lpips: Lpips): Map<string, Tensor> {
  const trunk = [...lpips.stateDict()].filter(([name]) => name.startsWith("net."));
  const classifier: [string, Tensor] = ["classifier.0.weight", zeros([4, 4])];
  return new Map([...trunk.map(([name, x]) => [name.replace(/^net\.slice\d+/, "features"), x] as const), classifier]);
}

function headsOf(lpips: Lpips): Map<string, Tensor> {
  return new Map([...lpips.stateDict()].filter(([name]) => name.startsWith("lin")));
}

Deno.test(
  "LPIPS takes torchvision's weights with lpips' heads, or all of its own names, with the constants or without",
  leakFree(() => {
    using generator = Generator.seeded(0);
    using source = random(new Lpips("alex"), generator);
    using other = new Lpips("alex"), third = new Lpips("alex");
    scope(() => {
      other.loadWeights(torchvision(source), headsOf(source));
      third.loadWeights(source.stateDict());
      const [x, y] = [1, 2].map(() => randn([1, 3, 64, 64], { generator }));
      const wanted = source.call(x!, y!).item();
      assert.ok(wanted > 0);
      assert.deepEqual([other.call(x!, y!).item(), third.call(x!, y!).item()], [wanted, wanted]);
    });
  }),
);

const wrong: [string, () => void, RegExp][] = [
  [
    "another trunk",
    () => new Lpips("alex").loadWeights(torchvision(new Lpips("vgg")), headsOf(new Lpips("alex"))),
    /net\.slice1\.0\.weight\s+found \[64, 3, 3, 3\]\s+wanted \[64, 3, 11, 11\][^]*Give torchvision's AlexNet/,
  ],
  [
    "another net's heads",
    () => new Lpips("vgg").loadWeights(torchvision(new Lpips("vgg")), headsOf(new Lpips("squeeze"))),
    /lin3\.model\.1\.weight\s+found \[1, 384, 1, 1\][^]*lin5\.model\.1\.weight[^]*wanted nothing[^]*lpips' heads/,
  ],
  [
    "no heads",
    () => new Lpips("squeeze").loadWeights(torchvision(new Lpips("squeeze"))),
    /7 tensors are missing, 0 unexpected[^]*lin6[^]*weights\/v0\.1\/squeeze\.pth/,
  ],
  [
    "torchvision's own Inception",
    () => {
      const weights = new FidInception().stateDict();
      weights.set("fc.weight", zeros([1000, 2048])).set("fc.bias", zeros([1000])).delete(
        "Mixed_5b.branch1x1.conv.weight",
      );
      new FidInception().loadWeights(weights);
    },
    /1 tensors are missing, 0 unexpected, 2 of another shape[^]*pt_inception-2015-12-05-6726825d\.pth/,
  ],
  [
    "EfficientNet's from elsewhere",
    () => new EfficientNetLite0().loadWeights(new FidInception().stateDict()),
    /296 tensors|\d+ tensors are missing[^]*efficientnet-lite0-57934424\.pth/,
  ],
];

for (const [name, load, message] of wrong) {
  Deno.test(`a feature network refuses ${name}, with every difference and the name of the file that it wants`, () => {
    onDevice("meta", () => scope(() => assert.throws(load, { code: "checkpoint.mismatch", message })));
  });
}

Deno.test(
  "weights without counters of batches, as old files are, are taken",
  leakFree(() => {
    using generator = Generator.seeded(0);
    using source = random(new EfficientNetLite0(), generator);
    using other = new EfficientNetLite0();
    const old = [...source.stateDict()].filter(([name]) => !name.endsWith("num_batches_tracked"));
    scope(() => {
      other.loadWeights(new Map(old));
      const x = randn([1, 3, 32, 32], { generator });
      assert.deepEqual(other.stack(x).at(-1)!.tolist(), source.stack(x).at(-1)!.tolist());
    });
  }),
);

for (const net of ["vgg", "alex", "squeeze"] as LpipsNet[]) {
  Deno.test(
    `LPIPS on ${net}: 0 for the same, the same both ways, image by image, gradients that are finite`,
    leakFree(() => {
      using generator = Generator.seeded(0);
      using lpips = random(new Lpips(net), generator);
      scope(() => {
        const [x, y] = [1, 2].map(() => randn([2, 3, 48, 64], { generator }));
        assert.deepEqual(lpips.call(x!, x!).tolist(), [[[[0]]], [[[0]]]]);
        const value = lpips.call(x!, y!);
        assert.deepEqual(value.shape, [2, 1, 1, 1]);
        assert.ok(lpips.call(y!, x!).sub(value).abs().amax().item() < 1e-6);
        const second = lpips.call(x!.narrow(0, 1, 1), y!.narrow(0, 1, 1)).item();
        assert.ok(Math.abs(second - value.select(0, 1).item()) < 1e-6);
        for (const images of [x!, zeros(x!.shape)]) { // at the same place all differences have a root of 0
          const leaf = images.detach().requiresGrad_();
          lpips.call(leaf, images).sum(null).backward();
          assert.ok(Number.isFinite(leaf.grad!.sum(null).item()));
        }
      });
    }),
  );
}

/** A network that sees the pixels themselves. */
class Pixels extends Module {
  override forward(x: Tensor): Tensor {
    return x.share();
  }

  stack(x: Tensor): Tensor[] {
    return [x.share()];
  }
}

Deno.test(
  "gradients are finite where all features are 0, which the written-out root of a sum would make NaN",
  leakFree(() =>
    scope(() => {
      const x = zeros([1, 3, 4, 4]).requiresGrad_();
      new FeatureDistance(new Pixels()).call(x, zeros([1, 3, 4, 4]).add(1)).sum(null).backward();
      assert.ok(Number.isFinite(x.grad!.sum(null).item()));
    })
  ),
);

Deno.test(
  "features are divided by their length and 1e-10, which shows where they are faint",
  leakFree(() =>
    scope(() => {
      const faint = tensor([3e-10, 4e-10, 0], { shape: [1, 3, 1, 1] }); // of length 5e-10: 3/6, 4/6, 0
      const distance = new FeatureDistance(new Pixels()).call(faint, zeros([1, 3, 1, 1])).item();
      assert.ok(Math.abs(distance - 25 / 36) < 1e-6, `${distance}`);
    })
  ),
);

Deno.test(
  "LPIPS while training drops differences at random; frozen norms stay as they are",
  leakFree(() => {
    using generator = Generator.seeded(0);
    using lpips = random(new Lpips("alex"), generator).train();
    using network = random(new EfficientNetLite0(), generator);
    scope(() => {
      const [x, y] = [1, 2].map(() => randn([2, 3, 64, 64], { generator }));
      assert.notDeepEqual(lpips.call(x!, y!).tolist(), lpips.call(x!, y!).tolist());
      const before = network.call(x!).tolist();
      assert.deepEqual(network.train().call(x!).tolist(), before);
    });
  }),
);

Deno.test(
  "the distance of any network's maps: 0 for the same, at most 4, gradients to the images alone, nearly so in bfloat16",
  leakFree(() => {
    using generator = Generator.seeded(0);
    using distance = new FeatureDistance(random(new EfficientNetLite0(), generator));
    scope(() => {
      const [x, y] = [1, 2].map(() => randn([2, 3, 64, 64], { generator }));
      const maps = distance.net.stack(x!);
      assert.deepEqual(maps.map(({ shape }) => shape), [
        [2, 16, 32, 32],
        [2, 24, 16, 16],
        [2, 40, 8, 8],
        [2, 112, 4, 4],
        [2, 320, 2, 2],
      ]);
      assert.deepEqual(distance.call(x!, x!).tolist(), [[[[0]]], [[[0]]]]);
      const leaf = x!.requiresGrad_();
      const value = distance.call(leaf, y!);
      assert.ok(value.amin().item() > 0 && value.amax().item() <= 4);
      value.sum(null).backward();
      assert.ok(leaf.grad!.abs().amax().item() > 0);
      assert.ok(distance.parameters().every(({ grad }) => grad === null));
      const half = autocast("cpu", "bfloat16", () => distance.call(x!, y!));
      assert.equal(half.dtype, "float32");
      assert.ok(half.sub(value).abs().amax().item() < 0.05 * value.amax().item());
    });
  }),
);
