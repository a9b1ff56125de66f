import assert from "node:assert/strict";
import { encodePng } from "../../lib/image/mod.ts";
import { FeatureStatistics } from "../../lib/metric/mod.ts";
import { evaluateImages, type ImageSetFigures } from "../../lib/task/mod.ts";
import { Generator, randint, scope, type Tensor } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";
import { inWorkshop } from "../program/workshop.ts";
import { thumbnails } from "../task/features.ts";
import { toPeer } from "./arrays.ts";
import { peerTest } from "./peer.ts";

async function figuresOf(folder: string, against: string): Promise<ImageSetFigures> {
  const events = await Array.fromAsync(evaluateImages(folder, { against, features: thumbnails }));
  const last = events.at(-1);
  assert(last?.type === "done");
  return { network: "", images: 0, skipped: 0, ...last.result };
}

/** Bytes [N, 8, 8, 4 or 3] → features [N, 48]. */
function featuresOf(pixels: Tensor): Tensor {
  const images = pixels.narrow(3, 0, 3).permute([0, 3, 1, 2]).to({ dtype: "float32" }).div(127.5).sub(1);
  return thumbnails.features(images);
}

peerTest(
  "a folder's Fréchet distance to pytorch-fid's and ADM's archives is pytorch-fid's of the same features",
  leakFree((peer) =>
    inWorkshop(async ({ path }) => {
      using generator = Generator.seeded(0);
      using made = randint(0, 200, [70, 8, 8, 4], { generator, dtype: "uint8" });
      using real = randint(0, 256, [60, 8, 8, 3], { generator, dtype: "uint8" });
      using a = scope(() => featuresOf(made)), b = scope(() => featuresOf(real));
      const bytes = scope(() => made.bytes());
      for (let i = 0; i < 70; i++) {
        const data = new Uint8ClampedArray(bytes.subarray(256 * i, 256 * (i + 1)));
        for (let p = 3; p < 256; p += 4) data[p] = 255;
        Deno.mkdirSync(path("made"), { recursive: true });
        Deno.writeFileSync(path("made", `${i}.png`), await encodePng({ width: 8, height: 8, data }));
      }
      using stream = new FeatureStatistics().add(b);
      const { mean, covariance } = stream.result();
      using mu = mean, sigma = covariance;
      const statistics = { mu: toPeer(mu), sigma: toPeer(sigma) };
      await peer.call("metrics.save_npz", { path: path("fid.npz") }, statistics);
      const images = { ...statistics, arr_0: toPeer(real) };
      await peer.call("metrics.save_npz", { path: path("adm.npz"), compressed: true }, images);
      const { json } = await peer.call<{ distance: number }>("metrics.frechet", {}, { a: toPeer(a), b: toPeer(b) });
      const fid = await figuresOf(path("made"), path("fid.npz"));
      const adm = await figuresOf(path("made"), path("adm.npz"));
      for (const { frechet } of [fid, adm]) {
        assert.ok(Math.abs(frechet! - json.distance) < 1e-5 * json.distance, `${frechet}, not ${json.distance}`);
      }
      const same = await figuresOf(path("adm.npz"), path("fid.npz"));
      assert.ok(Math.abs(same.frechet!) < 1e-6 && same.images === 60, `${same.frechet} of ${same.images}`);
      assert.deepEqual([fid.kid, typeof adm.kid?.mean], [undefined, "number"]); // the second has images
    })
  ),
);
