import assert from "node:assert/strict";
import type { WorkEvent } from "../../lib/base/mod.ts";
import { openTensorFile } from "../../lib/file/mod.ts";
import { decodeImage } from "../../lib/image/mod.ts";
import {
  FeatureStatistics,
  frechetDistance,
  inceptionScore,
  kid,
  precisionRecall,
  psnr,
  ssim,
} from "../../lib/metric/mod.ts";
import { AutoencoderVQ, codebookUsage, countCodes } from "../../lib/model/mod.ts";
import {
  evaluateFirstStage,
  type EvaluateFirstStageOptions,
  evaluateImages,
  type EvaluateImagesOptions,
  evaluatePairs,
  type FirstStageEvaluation,
  type ImageSetFigures,
  loadFirstStage,
  loadPerceptual,
  type PairFigures,
} from "../../lib/task/mod.ts";
import { cat, Generator, noGrad, scope, type Tensor, tensor } from "../../lib/tensor/mod.ts";
import { tinyCodes, workshopTest, writeFirstStage, writePicture } from "../program/workshop.ts";
import { thumbnails } from "./features.ts";
import { publish } from "./published.ts";

/** The events of an evaluation, and the figures at its end. */
async function figuresOf<T>(events: AsyncIterable<WorkEvent>): Promise<{ events: WorkEvent[]; figures: T }> {
  const all = await Array.fromAsync(events);
  const last = all.at(-1);
  assert(last?.type === "done");
  return { events: all, figures: last.result as T };
}

/** The pictures of a folder, [B, 3, h, w] in [−1, 1], decoded one by one. */
async function read(folder: string, size = 32): Promise<Tensor> {
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  const pictures: Tensor[] = [];
  for (const name of names) {
    const { data } = await decodeImage(Deno.readFileSync(`${folder}/${name}`));
    pictures.push(tensor(data, { shape: [1, size, size, 4] }));
  }
  using all = scope(() => cat(pictures).narrow(3, 0, 3).permute([0, 3, 1, 2]).to({ dtype: "float32" }));
  for (const picture of pictures) picture.dispose();
  return scope(() => all.div(127.5).sub(1));
}

function mean(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function near(got: number, wanted: number, tolerance = 1e-4): void {
  assert.ok(Math.abs(got - wanted) <= tolerance * Math.max(1, Math.abs(wanted)), `${got}, not ${wanted}`);
}

/** Both folders' Fréchet distance in the features of {@linkcode thumbnails}. */
function distance(x: Tensor, y: Tensor): number {
  using a = new FeatureStatistics(), b = new FeatureStatistics();
  return scope(() => frechetDistance(a.add(thumbnails.features(x)).result(), b.add(thumbnails.features(y)).result()));
}

const emptyFolder = { weights: "/nowhere" };

workshopTest("a first stage's figures are those of its rounded reconstructions, split by split", async (at) => {
  const model = at.path("model.safetensors");
  writeFirstStage(model);
  publish(at.path("weights"), "lpips-squeeze");
  const options: EvaluateFirstStageOptions = {
    data: at.data,
    size: 32,
    validation: 0.3,
    features: thumbnails,
    weights: at.path("weights"),
    batchSize: 7,
  };
  const { figures, events } = await figuresOf<FirstStageEvaluation>(evaluateFirstStage(model, options));
  const counts = [figures.splits.validation!.images, figures.splits.train!.images];
  assert.ok(counts[0]! > 3 && counts[1]! > counts[0]!);
  assert.equal(counts[0]! + counts[1]!, 40);
  const whole = await figuresOf<FirstStageEvaluation>(
    evaluateFirstStage(model, { ...options, validation: 0, splits: ["train"], sheet: at.path("sheet.png") }),
  );
  const found = whole.figures.splits.train!;
  using images = await read(at.data);
  using network = loadFirstStage(model);
  using lpips = loadPerceptual("lpips-squeeze", { weights: at.path("weights") });
  using rounded = scope(() =>
    noGrad(() => {
      const decoded = network.decode(network.latent(network.encode(images)));
      return decoded.clamp(-1, 1).add(1).mul(127.5).round().div(127.5).sub(1);
    })
  );
  near(found.psnr.mean, mean(psnr(images, rounded)));
  near(found.ssim.mean, mean(ssim(images, rounded)));
  near(
    found.perceptual["lpips-squeeze"]!.mean,
    scope(() => noGrad(() => lpips.call(images, rounded).mean(null).item())),
  );
  near(found.frechet!.distance, distance(images, rounded));
  assert.deepEqual(found.frechet!.network, "thumbnails");
  const last = events.at(-1);
  assert(last?.type === "done");
  assert.match(
    last.output!,
    /rounded to 8 bits\n +validation +train\nimages +\d+ +\d+\nPSNR, dB +[\d.]+ +[\d.]+\nSSIM/,
  );
  assert.match(last.output!, /LPIPS \(squeeze\) +[\d.]+ +[\d.]+\nrFD \(thumbnails\) +[\d.]+ +[\d.]+$/);
  const sheet = await decodeImage(Deno.readFileSync(at.path("sheet.png"))); // 24 of 40: 8 columns, 3 rows, twice
  assert.deepEqual([sheet.width, sheet.height], [8 * 34 + 2, 6 * 34 + 2]);
  using shown = scope(() => tensor(sheet.data, { shape: [sheet.height, sheet.width, 4] }).to({ dtype: "float32" }));
  for (const [from, top] of [[images, 2], [rounded, 36]] as const) {
    scope(() => {
      const cell = shown.narrow(0, top, 32).narrow(1, 2, 32).narrow(2, 0, 3).permute([2, 0, 1]);
      assert.ok(cell.div(127.5).sub(1).sub(from.select(0, 1)).abs().amax().item() < 1e-3, `the cell from ${top}`);
    });
  }
});

workshopTest("of a first stage with a codebook the codes are counted over all images", async (at) => {
  using generator = Generator.seeded(0);
  using network = new AutoencoderVQ(tinyCodes).requiresGrad_(false).initialise(generator);
  const options = { data: at.data, size: 32, validation: 0, features: thumbnails, ...emptyFolder };
  const { figures, events } = await figuresOf<FirstStageEvaluation>(evaluateFirstStage(network, options));
  using images = await read(at.data);
  const [used, perplexity] = scope(() => {
    const usage = codebookUsage(countCodes(noGrad(() => network.quantize.call(network.encode(images))).indices, 16));
    return [usage.used.item(), usage.perplexity.item()];
  });
  const { codes, perceptual } = figures.splits.train!;
  assert.deepEqual([codes!.used, codes!.share, perceptual], [used, used! / 16, {}]);
  near(codes!.perplexity, perplexity!, 1e-3);
  assert.deepEqual(Object.keys(figures.splits), ["train"]);
  const notes = events.flatMap((event) => event.type === "note" ? [event.text] : []);
  assert.match(notes.join("\n"), /no perceptual distance: `latent pull[^]*has no validation split/);
});

/** A second folder: every other picture of the first, others, and one of another size. */
async function others(at: { path(...names: string[]): string; data: string }): Promise<string> {
  const folder = at.path("others");
  Deno.mkdirSync(folder);
  for (let i = 0; i < 30; i++) await writePicture(`${folder}/${i}.png`, 2 * i, 32);
  return folder;
}

workshopTest(
  "two folders: Fréchet distance, KID, precision and recall, Inception score of their features",
  async (at) => {
    const against = await others(at);
    const options: EvaluateImagesOptions = { against, features: thumbnails, batchSize: 7 };
    const { figures, events } = await figuresOf<ImageSetFigures>(evaluateImages(at.data, options));
    using x = await read(at.data), y = await read(against);
    using fake = thumbnails.features(x), real = thumbnails.features(y);
    assert.deepEqual([figures.network, figures.images, figures.skipped], ["thumbnails", 40, 0]);
    near(figures.frechet!, distance(x, y));
    near(figures.kid!.mean, kid(real, fake, { subsetSize: 30 }).mean);
    assert.deepEqual(figures.precisionRecall, precisionRecall(real, fake));
    assert.ok(figures.precisionRecall!.recall > 0);
    near(figures.inceptionScore!.mean, scope(() => inceptionScore(thumbnails.logits(fake), 10).mean), 0.2); // other splits
    const last = events.at(-1);
    assert(last?.type === "done");
    assert.match(last.output!, /^images +40\nFD \(thumbnails\) +[\d.]+\nKID +\S+ ± \S+\nprecision[^]*Inception score/);
  },
);

workshopTest("statistics that were kept stand for the folder, and are of one network", async (at) => {
  const against = await others(at);
  const file = at.path("statistics.safetensors");
  await figuresOf(evaluateImages(against, { features: thumbnails, saveStatistics: file }));
  const known = await figuresOf<ImageSetFigures>(evaluateImages(at.data, { features: thumbnails, against: file }));
  const fresh = await figuresOf<ImageSetFigures>(evaluateImages(at.data, { features: thumbnails, against }));
  near(known.figures.frechet!, fresh.figures.frechet!, 1e-9);
  assert.equal(known.figures.kid, undefined);
  using opened = openTensorFile(file);
  assert.deepEqual([...opened.entries.keys()].sort(), ["covariance", "mean"]);
  await assert.rejects(figuresOf(evaluateImages(at.data, { features: thumbnails, saveStatistics: file })), {
    code: "file.exists",
  });
  await assert.rejects(
    figuresOf(evaluateImages(at.data, { features: { ...thumbnails, name: "others" }, against: file })),
    { code: "metric.statistics", message: /another network[^]*found +thumbnails\n +wanted +others/ },
  );
  const wider = { ...thumbnails, features: (images: Tensor) => images.reshape([images.shape[0]!, -1]) };
  await assert.rejects(figuresOf(evaluateImages(at.data, { features: wider, against: file })), {
    code: "metric.statistics",
    message: /found +48 features\n +wanted +3072, those of thumbnails/,
  });
});

workshopTest(
  "images of several sizes are each taken whole; what cannot be read is left out and counted",
  async (at) => {
    const folder = at.path("mixed");
    Deno.mkdirSync(folder);
    for (const [i, side] of [16, 16, 24, 16, 40].entries()) await writePicture(`${folder}/${i}.png`, i, side);
    Deno.writeTextFileSync(`${folder}/5.png`, "no picture");
    const seen: number[][] = [];
    const watched = {
      ...thumbnails,
      features: (images: Tensor) => (seen.push([...images.shape]), thumbnails.features(images)),
    };
    const { figures, events } = await figuresOf<ImageSetFigures>(evaluateImages(folder, { features: watched }));
    assert.deepEqual(seen, [[2, 3, 16, 16], [1, 3, 24, 24], [1, 3, 16, 16], [1, 3, 40, 40]]);
    assert.deepEqual([figures.images, figures.skipped, figures.inceptionScore], [5, 1, undefined]);
    const warnings = events.filter((event) => event.type === "warning");
    assert.match(warnings.map(({ text }) => text).join(), /left out .*5\.png: .*not a picture/);
  },
);

workshopTest(
  "images are compared in pairs by name; a missing partner, two of a name and another size are refused",
  async (at) => {
    const [left, right] = [at.path("left"), at.path("right", "deep")];
    Deno.mkdirSync(left);
    Deno.mkdirSync(right, { recursive: true });
    for (let i = 0; i < 3; i++) {
      await writePicture(`${left}/${i}.png`, i);
      await writePicture(`${right}/${i}.png`, i + 20);
    }
    publish(at.path("weights"), "lpips-squeeze");
    const options = { weights: at.path("weights") };
    const compare = () => figuresOf<PairFigures>(evaluatePairs(left, right, options));
    const { figures } = await compare();
    using x = await read(left), y = await read(right);
    near(figures.psnr.mean, mean(psnr(x, y)));
    near(figures.ssim.mean, mean(ssim(x, y)));
    assert.ok(figures.perceptual["lpips-squeeze"]!.mean > 0);
    Deno.writeTextFileSync(`${right}/2.png`, "no picture");
    assert.deepEqual((({ images, skipped }) => [images, skipped])((await compare()).figures), [2, 1]);
    await writePicture(`${right}/2.png`, 2, 48);
    await assert.rejects(compare, { code: "usage.pairs", message: /2\.png is 32×32, .*2\.png 48×48/ });
    await writePicture(`${right}/2.gif`, 2);
    await assert.rejects(compare, { code: "usage.pairs", message: /two images named 2\n/ });
    Deno.removeSync(`${right}/2.gif`);
    await writePicture(`${left}/alone.png`, 2);
    await assert.rejects(compare, { code: "usage.pairs", message: /1 images? ha\w+ no partner[^]*: alone\n/ });
  },
);

workshopTest("a stopped evaluation throws the signal's reason and frees what it made", async (at) => {
  for (
    const start of [
      (signal: AbortSignal) => evaluateImages(at.data, { features: thumbnails, batchSize: 4, signal }),
      (signal: AbortSignal) => evaluatePairs(at.data, at.data, { ...emptyFolder, signal }),
      (signal: AbortSignal) => {
        writeFirstStage(at.path("model.safetensors"));
        return evaluateFirstStage(at.path("model.safetensors"), { data: at.data, size: 32, ...emptyFolder, signal });
      },
    ]
  ) {
    const stop = new AbortController();
    const work = (async () => {
      for await (const event of start(stop.signal)) if (event.type === "progress") stop.abort(new Error("enough"));
    })();
    await assert.rejects(work, { message: "enough" });
  }
});
