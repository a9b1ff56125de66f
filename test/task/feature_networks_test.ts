import assert from "node:assert/strict";
import {
  hasWeights,
  loadFeatureNetwork,
  loadPerceptual,
  type PerceptualName,
  perceptualNames,
} from "../../lib/task/mod.ts";
import { Generator, randn, scope } from "../../lib/tensor/mod.ts";
import { workshopTest } from "../program/workshop.ts";
import { publish, publishedPath } from "./published.ts";

for (const name of ["lpips-squeeze", "efficientnet-lite0"] as PerceptualName[]) {
  workshopTest(`${name} is a frozen distance of images, from the files in a folder`, async ({ path }) => {
    const weights = path("weights");
    publish(weights, name);
    assert.deepEqual(perceptualNames.filter((each) => hasWeights(each, weights)), [name]);
    using distance = loadPerceptual(name, { weights });
    assert.ok(distance.parameters().every((parameter) => !parameter.requiresGrad));
    using generator = Generator.seeded(0);
    scope(() => {
      const [x, y] = [1, 2].map(() => randn([2, 3, 64, 64], { generator }).clamp(-1, 1));
      const leaf = x!.detach().requiresGrad_();
      const value = distance.train(false).call(leaf, y!);
      assert.deepEqual(value.shape, [2, 1, 1, 1]);
      assert.ok((value.tolist() as number[][][][]).flat(3).every((distance) => distance > 0));
      value.sum(null).backward();
      assert.ok(leaf.grad!.abs().sum(null).item() > 0);
      assert.equal(distance.call(y!, y!).sum(null).item(), 0);
    });
    await Promise.resolve();
  });
}

workshopTest("EfficientNet-Lite0 gives features and scores of classes", async ({ path }) => {
  publish(path("weights"), "efficientnet-lite0");
  using network = loadFeatureNetwork("efficientnet-lite0", { weights: path("weights") });
  using generator = Generator.seeded(0);
  scope(() => {
    const features = network.features(randn([2, 3, 40, 50], { generator }));
    assert.deepEqual([features.shape, network.logits(features).shape], [[2, 1280], [2, 1000]]);
  });
  await Promise.resolve();
});

type FeatureName = PerceptualName | "inception";

const load = (name: FeatureName, weights: string): Disposable =>
  name === "inception" ? loadFeatureNetwork(name, { weights }) : loadPerceptual(name, { weights });

/** What is wrong with the file of a part of a network's weights. */
const wrong: [
  what: string,
  name: FeatureName,
  make: (weights: string) => void,
  code: string,
  message: RegExp,
][] = [
  [
    "nothing",
    "lpips-vgg",
    () => {},
    "usage.weights",
    /no vgg16-397923af\.pth, no vgg\.pth in[^]*latent pull lpips-vgg/,
  ],
  [
    "only the heads",
    "lpips-squeeze",
    (weights) => {
      publish(weights, "lpips-squeeze");
      Deno.removeSync(publishedPath(weights, "lpips-squeeze"));
    },
    "usage.weights",
    /found +no squeezenet1_1-b8a52dc0\.pth in[^]*put the files there/,
  ],
  [
    "nothing",
    "inception",
    () => {},
    "usage.weights",
    /pt_inception-2015-12-05-6726825d\.pth in[^]*latent pull inception/,
  ],
  [
    "another classifier",
    "lpips-alex",
    (weights) => {
      publish(weights, "lpips-squeeze");
      for (const part of [0, 1]) {
        Deno.renameSync(publishedPath(weights, "lpips-squeeze", part), publishedPath(weights, "lpips-alex", part));
      }
    },
    "checkpoint.mismatch",
    /alexnet-owt-7be5be79\.pth with .*alex\.pth: [^]*features\.3\.squeeze\.weight +found \[16, 64, 1, 1\] +wanted nothing[^]*Give torchvision's AlexNet/,
  ],
  [
    "another network's weights",
    "inception",
    (weights) => {
      publish(weights, "lpips-squeeze");
      Deno.renameSync(publishedPath(weights, "lpips-squeeze"), publishedPath(weights, "inception"));
    },
    "checkpoint.mismatch",
    /pt_inception-2015-12-05-6726825d\.pth: [^]*Conv2d_1a_3x3[^]*which pytorch-fid publishes/,
  ],
  [
    "a web page",
    "inception",
    (weights) => {
      Deno.mkdirSync(weights);
      Deno.writeTextFileSync(publishedPath(weights, "inception"), "<!doctype html><title>Not found</title>");
    },
    "file.torch",
    /pt_inception[^]*a web page/,
  ],
];
for (const [what, name, make, code, message] of wrong) {
  workshopTest(`${name} with ${what} in its place is refused`, async ({ path }) => {
    make(path("weights"));
    assert.throws(() => load(name, path("weights")), { code, message });
    await Promise.resolve();
  });
}
