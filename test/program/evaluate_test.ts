import assert from "node:assert/strict";
import { publishedFiles } from "../../lib/base/mod.ts";
import { tensorSources, writeSafetensors } from "../../lib/file/mod.ts";
import { statisticsFile } from "../../lib/metric/mod.ts";
import { eye, zeros } from "../../lib/tensor/mod.ts";
import { zipOf } from "../setup/fixture.ts";
import { publish, publishedPath } from "../task/published.ts";
import { type Ended, latent } from "./latent.ts";
import { type Workshop, workshopTest, writeFirstStage } from "./workshop.ts";

function evaluate({ path }: Workshop, ...args: string[]): Promise<Ended> {
  return latent(["evaluate", "--threads", "1", ...args], path());
}

/** A model, pictures, and weights: those of LPIPS on SqueezeNet stand in the place of Inception's and AlexNet's too. */
function prepare({ path }: Workshop): void {
  writeFirstStage(path("model.safetensors"));
  publish(path("weights"), "lpips-squeeze");
  publish(path("weights"), "efficientnet-lite0");
  const squeeze = publishedPath(path("weights"), "lpips-squeeze");
  for (const name of ["inception", "lpips-alex"] as const) {
    Deno.copyFileSync(squeeze, publishedPath(path("weights"), name));
  }
  Deno.copyFileSync(
    publishedPath(path("weights"), "lpips-squeeze", 1),
    publishedPath(path("weights"), "lpips-alex", 1),
  );
  Deno.mkdirSync(path("empty"));
  Deno.writeFileSync(path("labels.npz"), zipOf([{ name: "labels.npy", data: "" }]));
  using mean = zeros([4], { dtype: "float64" });
  using covariance = eye(4, { dtype: "float64" });
  const { tensors, metadata } = statisticsFile({ mean, covariance }, "inception");
  writeSafetensors(path("inception.safetensors"), tensorSources(tensors), { metadata });
}

const model = ["model.safetensors", "--data", "pictures", "--size", "32"];

const refusals: [args: string[], code: number, message: RegExp][] = [
  [["nowhere"], 2, /There is no model at .*nowhere\n/],
  [["empty"], 1, /no image is in .*empty\n +found +no file/],
  [["pictures", "--against", "labels.npz"], 1, /labels\.npz has no statistics\.\n +found +nothing\n/],
  [
    ["pictures", "--against", "inception.safetensors"],
    1,
    /statistics of another network's features\.\n +found +inception\n +wanted +efficientnet-lite0\n/,
  ],
  [
    [...model, "--perceptual", "lpips-alex"],
    1,
    new RegExp(
      `${publishedFiles["lpips-alex"][0]!.name} with .*alex\\.pth: .*not the weights[^]*Give torchvision's AlexNet`,
    ),
  ],
  [
    ["pictures", "--features", "inception"],
    1,
    new RegExp(`${publishedFiles.inception[0]!.name}: .*not the weights[^]*which pytorch-fid publishes`),
  ],
  [[...model, "--perceptual", "lpips-vgg"], 2, /weights of lpips-vgg are not there[^]*latent pull lpips-vgg/],
  [
    [...model, "--size", "30"],
    2,
    /cannot encode images of 30×30\n +found +size 30\n +wanted +a multiple of[^]*size 32/,
  ],
  [[...model, "--against", "pictures"], 2, /is evaluated as a first stage\n +found +--against\n/],
  [["pictures", "--pairs"], 2, /Pairs are of two folders[^]*--against/],
];
for (const [args, code, message] of refusals) {
  workshopTest(`latent evaluate ${args.join(" ")}: refused with exit code ${code}`, async (at) => {
    prepare(at);
    const weights = args.includes("nowhere") ? [] : ["--weights", "weights"];
    const { code: found, out, err } = await evaluate(at, ...args, ...weights);
    assert.match(err, message);
    assert.deepEqual([found, out], [code, ""]);
  });
}

workshopTest(
  "a corrupt image is left out with a warning and counted; the table is printed, JSON has the figures",
  async (at) => {
    prepare(at);
    Deno.writeTextFileSync(at.path("pictures", "broken.png"), "no picture");
    Deno.removeSync(publishedPath(at.path("weights"), "efficientnet-lite0"));
    const args = [...model, "--validation", "0.2", "--perceptual", "lpips-squeeze", "--weights", "weights"];
    const { code, out, err } = await evaluate(at, ...args);
    assert.equal(code, 0, err);
    assert.match(err, /warning: left out .*broken\.png: .*not a picture/);
    assert.match(out, /^pictures at 32×32, [^]*validation +train\nimages +\d+ +\d+\nunreadable +\d +\d\nPSNR/);
    assert.match(out, /LPIPS \(squeeze\) +[\d.]+ +[\d.]+\n$/);
    assert.match(err, /no Fréchet distance: `latent pull efficientnet-lite0`/);
    const { events } = await evaluate(at, ...args, "--split", "train", "--json");
    const last = events.at(-1);
    assert(last?.type === "done");
    const { splits } = last.result as { splits: Record<string, { images: number; skipped: number }> };
    assert.deepEqual(Object.keys(splits), ["train"]);
    assert.ok(splits.train!.images > 20);
  },
);
