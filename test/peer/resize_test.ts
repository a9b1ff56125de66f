import assert from "node:assert/strict";
import { resample } from "../../lib/data/resample.ts";
import { resize } from "../../lib/image/mod.ts";
import { Generator, randint, scope } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";
import { toPeer } from "./arrays.ts";
import { peerTest } from "./peer.ts";

/** Width and height before and after. */
const rows = [
  ...[[16, 16], [64, 50], [37, 11], [5, 29], [1, 1], [200, 3]].map((to) => [37, 29, ...to]),
  [13, 11, 40, 3],
] as [number, number, number, number][];

peerTest(
  "resizing pictures of noise is Pillow's to 1 through libtorch, and to the bit in the loader's workers",
  leakFree(async (peer) => {
    using generator = Generator.seeded(0);
    for (const filter of ["bicubic", "bilinear"] as const) {
      for (const [w, h, width, height] of rows) {
        const claim = `${filter} from ${w} × ${h} to ${width} × ${height}`;
        using rgba = scope(() => randint(0, 256, [h, w, 4], { generator }).to({ dtype: "uint8" }));
        using pixels = scope(() => rgba.narrow(2, 0, 3).contiguous());
        const theirs = await peer.call("pictures.resize", { width, height, filter }, { pixels: toPeer(pixels) });
        const wanted = theirs.arrays["pixels"]!.bytes;
        const ours = scope(() =>
          resize(pixels.permute([2, 0, 1]).unsqueeze(0), [height, width], filter).squeeze(0).permute([1, 2, 0]).bytes()
        );
        assert.equal(ours.length, wanted.length);
        const error = ours.reduce((most, value, i) => Math.max(most, Math.abs(value - wanted[i]!)), 0);
        assert.ok(error <= 1, `${claim}: off by ${error}`);
        const loaded = resample(
          { width: w, height: h, data: new Uint8ClampedArray(rgba.bytes()) },
          width,
          height,
          filter,
        );
        assert.deepEqual([...loaded.data], [...wanted], claim);
      }
    }
  }),
);
