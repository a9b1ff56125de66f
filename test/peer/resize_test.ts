import assert from "node:assert/strict";
import { resize } from "../../lib/image/mod.ts";
import { Generator, randint, scope } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";
import { toPeer } from "./arrays.ts";
import { peerTest } from "./peer.ts";

const sizes = [[16, 16], [64, 50], [37, 11], [5, 29], [1, 1], [200, 3]] as const;

peerTest(
  "resizing pictures of noise through libtorch is Pillow's to 1",
  leakFree(async (peer) => {
    using generator = Generator.seeded(0);
    using pixels = scope(() => randint(0, 256, [29, 37, 3], { generator }).to({ dtype: "uint8" }));
    for (const filter of ["bicubic", "bilinear"] as const) {
      for (const [width, height] of sizes) {
        const theirs =
          (await peer.call("pictures.resize", { width, height, filter }, { pixels: toPeer(pixels) })).arrays;
        const ours = scope(() =>
          resize(pixels.permute([2, 0, 1]).unsqueeze(0), [height, width], filter).squeeze(0).permute([1, 2, 0]).bytes()
        );
        const wanted = theirs["pixels"]!.bytes;
        assert.equal(ours.length, wanted.length);
        const error = ours.reduce((most, value, i) => Math.max(most, Math.abs(value - wanted[i]!)), 0);
        assert.ok(error <= 1, `${filter} to ${width} × ${height}: off by ${error}`);
      }
    }
  }),
);
