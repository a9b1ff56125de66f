import assert from "node:assert/strict";
import { decodeImage } from "../../lib/image/mod.ts";
import { EfficientNetLite0, FidInception, Lpips, type LpipsNet } from "../../lib/model/mod.ts";
import { Generator, noGrad, rand, randint, randn, scope, type Tensor, tensor } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";
import { assertNear, fromPeer, toPeer } from "./arrays.ts";
import { peerTest } from "./peer.ts";
import type { PeerArray } from "./runner.ts";

// Dozens of convolutions in another order of summation; goldens of such gradients have a tolerance of 1e-4.
const tolerance = 1e-5;
const gradientTolerance = 1e-4;

/** The arrays whose names begin with a prefix, without it, as tensors. */
function weights(arrays: Record<string, PeerArray>, prefix: string): Map<string, Tensor> {
  const own = Object.entries(arrays).filter(([name]) => name.startsWith(prefix));
  return new Map(own.map(([name, array]) => [name.slice(prefix.length), fromPeer(array)]));
}

/** Asserts that gradients are the same but for some activations whose rounding took them over the kink of ReLU. */
function assertAligned(got: Tensor, wanted: Tensor): void {
  const error = got.sub(wanted).linalgVectorNorm().item() / wanted.linalgVectorNorm().item();
  assert.ok(error < 0.01, `${error} of the gradient's length apart`);
}

for (const net of ["vgg", "alex", "squeeze"] as LpipsNet[]) {
  peerTest(
    `LPIPS with ${net} and the package's heads has lpips' values and gradients`,
    leakFree(async (peer) => {
      using generator = Generator.seeded(0);
      using x = noGrad(() => randn([2, 3, 64, 78], { generator }).clamp_(-1, 1));
      using y = noGrad(() => randn([2, 3, 64, 78], { generator }).clamp_(-1, 1));
      const { arrays } = await peer.call("features.lpips_distance", { net }, { x: toPeer(x), y: toPeer(y) });
      using lpips = new Lpips(net);
      scope(() => {
        const trunk = weights(arrays, "features.");
        lpips.loadWeights(
          new Map([...trunk].map(([name, tensor]) => [`features.${name}`, tensor])),
          new Map([...weights(arrays, "lin")].map(([name, tensor]) => [`lin${name}`, tensor])),
        );
        const [a, b] = [x, y].map((images) => images.detach().requiresGrad_());
        const value = lpips.call(a!, b!);
        value.sum(null).backward();
        assertNear(toPeer(value), arrays.value, tolerance, "value");
        assertNear(toPeer(a!.grad!), arrays["grad.x"], gradientTolerance, "gradient of x");
        assertNear(toPeer(b!.grad!), arrays["grad.y"], gradientTolerance, "gradient of y");
      });
    }),
  );
}

peerTest(
  "the Inception network has torch-fidelity's features and logits, and pytorch-fid's resizing",
  leakFree(async (peer) => {
    using generator = Generator.seeded(0);
    using pixels = randint(0, 256, [1, 3, 299, 299], { generator, dtype: "uint8" });
    using images = rand([1, 3, 60, 80], { generator }); // no plateaus, where max pools could take either
    using weight = randn([1, 2048], { generator });
    const sent = { pixels: toPeer(pixels), images: toPeer(images), grad_output: toPeer(weight) };
    const { arrays } = await peer.call("features.inception", {}, sent);
    using network = new FidInception();
    scope(() => {
      network.loadWeights(weights(arrays, "weight."));
      const features = network.call(pixels.to({ dtype: "float32" }).sub(128).div(128));
      assertNear(toPeer(features), arrays.features, tolerance, "features");
      assertNear(toPeer(network.logits(features)), arrays.logits, tolerance, "logits");
      const leaf = images.mul(2).sub(1).requiresGrad_();
      const resized = network.call(leaf);
      resized.backward(weight);
      assertNear(toPeer(resized), arrays.resized, tolerance, "resized");
      assertAligned(leaf.grad!.mul(2), fromPeer(arrays.grad!));
    });
  }),
);

const classes: Record<string, number> = { chelsea: 285, coffee: 967, camera: 872 }; // Egyptian cat, espresso, tripod

peerTest(
  "EfficientNet-Lite0 has its reference's outputs and gradient, and knows a cat, an espresso and a tripod",
  leakFree(async (peer) => {
    using generator = Generator.seeded(0);
    using images = scope(() => randn([1, 3, 224, 224], { generator }).clamp(-1, 1));
    using normalised = images.add(1).mul_(127.5).sub_(127).div_(128);
    using weight = randn([1, 1280], { generator });
    const sent = { images: toPeer(normalised), grad_output: toPeer(weight) };
    const { arrays } = await peer.call("features.efficientnet", {}, sent);
    using network = new EfficientNetLite0();
    scope(() => {
      network.loadWeights(weights(arrays, "weight."));
      const leaf = images.detach().requiresGrad_();
      const features = network.call(leaf);
      features.backward(weight);
      assertNear(toPeer(features), arrays.features, tolerance, "features");
      assertNear(toPeer(network.logits(features)), arrays.logits, tolerance, "logits");
      assertAligned(leaf.grad!.mul(128 / 127.5), fromPeer(arrays.grad!));
      for (const [i, map] of network.stack(images).entries()) {
        assertNear(toPeer(map), arrays[`block.${[0, 2, 4, 10, 15][i]}`], tolerance, `map ${i}`);
      }
    });
    const { folder } = (await peer.call<{ folder: string }>("features.photographs")).json;
    for (const [name, wanted] of Object.entries(classes)) {
      const { data, width, height } = await decodeImage(await Deno.readFile(`${folder}/${name}.png`));
      const [best] = scope(() => {
        const side = Math.min(width, height);
        const image = tensor(data, { shape: [height, width, 4] }).narrow(2, 0, 3).permute([2, 0, 1]).unsqueeze(0);
        const square = image.narrow(2, (height - side) >> 1, side).narrow(3, (width - side) >> 1, side);
        const logits = network.logits(network.call(square.to({ dtype: "float32" }).div(127.5).sub(1)));
        return [logits.argmax().item()];
      });
      assert.equal(best, wanted, name);
    }
  }),
);
