import assert from "node:assert/strict";
import { NpzFile } from "../../lib/file/mod.ts";
import {
  FeatureStatistics,
  frechetDistance,
  inceptionScore,
  kid,
  precisionRecall,
  psnr,
  ssim,
  statisticsOf,
} from "../../lib/metric/mod.ts";
import { Generator, randint, randn, scope, type Tensor } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";
import { toPeer } from "./arrays.ts";
import { peerTest } from "./peer.ts";
import type { PeerProcess } from "./runner.ts";

/** A test with features of two sets, the second of another mean and spread, mixed so that they are correlated. */
function featureTest(
  claim: string,
  sizes: [real: number, fake: number, width: number],
  body: (peer: PeerProcess, real: Tensor, fake: Tensor) => Promise<void>,
): void {
  peerTest(
    claim,
    leakFree(async (peer) => {
      using generator = Generator.seeded(1);
      const [n, m, d] = sizes;
      const [real, fake] = scope(() => {
        const [x, y, mixing] = [[n, d], [m, d], [d, d]].map((shape) => randn(shape, { generator }));
        return [x!.mm(mixing!).div(Math.sqrt(d)), y!.mul(1.1).add(0.1).mm(mixing!).div(Math.sqrt(d))];
      });
      using _real = real!, _fake = fake!;
      await body(peer, real!, fake!);
    }),
  );
}

function near(got: number, wanted: number, tolerance: number): void {
  assert.ok(Math.abs(got - wanted) <= tolerance * Math.max(1, Math.abs(wanted)), `${got}, not ${wanted}`);
}

for (
  const [claim, sizes, tolerance] of [
    ["more images than features", [600, 500, 64], 1e-6],
    ["fewer images than features", [40, 30, 64], 1e-4], // there its own root has that error
  ] as [string, [number, number, number], number][]
) {
  featureTest(`the Fréchet distance is pytorch-fid's: ${claim}`, sizes, async (peer, real, fake) => {
    using a = new FeatureStatistics(), b = new FeatureStatistics();
    const ours = scope(() => frechetDistance(a.add(real).result(), b.add(fake).result()));
    const { json } = await peer.call<{ distance: number }>("metrics.frechet", {}, { a: toPeer(real), b: toPeer(fake) });
    near(ours, json.distance, tolerance);
  });
}

featureTest("KID is torch-fidelity's", [120, 120, 48], async (peer, real, fake) => {
  const ours = kid(real, fake, { subsets: 2, subsetSize: 120 });
  const sent = { real: toPeer(real), fake: toPeer(fake) };
  const { json } = await peer.call<{ mean: number }>("metrics.kid", {}, sent);
  near(ours.mean, json.mean, 1e-5); // theirs is in float32
  near(ours.deviation, 0, 1e-12);
});

featureTest("precision and recall are torch-fidelity's", [300, 280, 6], async (peer, real, fake) => {
  const sent = { real: toPeer(real), fake: toPeer(fake) };
  for (const neighbours of [1, 3, 5]) {
    const { json } = await peer.call<{ precision: number; recall: number }>(
      "metrics.precision_recall",
      { neighbours },
      sent,
    );
    const ours = precisionRecall(real, fake, neighbours);
    for (const name of ["precision", "recall"] as const) near(ours[name], json[name], 1e-6);
    assert.ok(ours.precision > 0 && ours.precision < 1 && ours.recall > 0 && ours.recall < 1);
  }
});

featureTest("the Inception score is torch-fidelity's", [103, 1, 20], async (peer, real) => {
  using logits = real.mul(3);
  for (const splits of [1, 10]) {
    const { json } = await peer.call<Record<string, number>>("metrics.inception_score", { splits }, {
      logits: toPeer(logits),
    });
    const { mean, deviation } = inceptionScore(logits, splits);
    near(mean, json.inception_score_mean!, 1e-9);
    near(deviation, json.inception_score_std!, 1e-9);
  }
});

peerTest(
  "PSNR and SSIM are scikit-image's",
  leakFree(async (peer) => {
    using generator = Generator.seeded(0);
    const [x, y] = scope(() => {
      const x = randn([3, 3, 24, 37], { generator }).mul(0.5).cumsum(3).sin();
      return [x, x.add(randn(x.shape, { generator }).mul(0.1)).clamp(-1, 1)];
    });
    using _x = x!, _y = y!;
    const sent = { x: toPeer(x!), y: toPeer(y!) };
    const { json } = await peer.call<{ psnr: number[]; ssim: number[] }>("metrics.similarity", { data_range: 2 }, sent);
    psnr(x!, y!).forEach((value, i) => near(value, json.psnr[i]!, 1e-6));
    ssim(x!, y!).forEach((value, i) => near(value, json.ssim[i]!, 1e-6));
  }),
);

peerTest(
  "statistics and images in NumPy's archives are read as NumPy wrote them, packed or not",
  leakFree(async (peer) => {
    const folder = await Deno.makeTempDir();
    using generator = Generator.seeded(0);
    using features = randn([20, 5], { generator });
    using images = randint(0, 256, [7, 4, 6, 3], { generator, dtype: "uint8" });
    using stream = new FeatureStatistics().add(features);
    const { mean, covariance } = stream.result();
    using _mean = mean, _covariance = covariance;
    const sent = { mu: toPeer(mean), sigma: toPeer(covariance), arr_0: toPeer(images) };
    for (const compressed of [false, true]) {
      const path = `${folder}/${compressed}.npz`;
      await peer.call("metrics.save_npz", { path, compressed }, sent);
      using file = NpzFile.open(path);
      assert.deepEqual(file.names, ["mu", "sigma", "arr_0"]);
      using mu = await file.load("mu"), sigma = await file.load("sigma"), arr = await file.load("arr_0");
      const back = statisticsOf({ tensors: new Map([["mu", mu], ["sigma", sigma]]) }, path);
      assert.deepEqual([back.mean.tolist(), back.covariance.tolist()], [mean.tolist(), covariance.tolist()]);
      for (const tensor of [back.mean, back.covariance]) tensor.dispose();
      assert.deepEqual([arr.dtype, arr.tolist()], ["uint8", images.tolist()]);
      const counts = [];
      for await (using batch of file.rows("arr_0", 3)) counts.push(batch.shape[0]);
      assert.deepEqual(counts, [3, 3, 1]);
    }
    await Deno.remove(folder, { recursive: true });
  }),
);
