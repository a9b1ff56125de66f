import assert from "node:assert/strict";
import {
  anisotropicKernel,
  type BlurKernel,
  convolve,
  degrade,
  interpolate,
  isotropicKernel,
  jpegRoundTrip,
} from "../../lib/data/mod.ts";
import { nearestPixels } from "../../lib/data/label_map.ts";
import { decodeIndexMap, encodeIndexMap } from "../../lib/image/mod.ts";
import { cat, Generator, rand, scope, type Tensor } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";
import { assertNear, numbers, toPeer, uint8 } from "./arrays.ts";
import { peerTest } from "./peer.ts";
import type { PeerArray } from "./runner.ts";

function noise(shape: number[]): Tensor {
  using generator = Generator.seeded(0);
  return rand(shape, { generator });
}

/** Three pictures: of noise, of bars and of smooth shades. */
function pictures(height: number, width: number): Tensor {
  return scope(() => {
    const x = noise([3, 3, height, width]);
    const [dots, bars, shades] = [0, 1, 2].map((i) => x.narrow(0, i, 1)) as [Tensor, Tensor, Tensor];
    const all = [dots, bars.narrow(2, 0, 1).expand([1, 3, height, width]), shades.mul(0.1).cumsum(3).remainder(1)];
    return cat(all).mul(255).round().to({ dtype: "uint8" });
  });
}

function asPeer({ size, weights }: BlurKernel): PeerArray {
  return { dtype: "float64", shape: [size, size], bytes: new Uint8Array(weights.buffer) };
}

peerTest("anisotropic kernels are SciPy's densities", async (peer) => {
  for (const [size, theta, l1, l2] of [[5, 0, 1, 1], [8, 0.7, 3, 0.3], [15, 2.9, 0.2, 7]] as const) {
    const { kernel } = (await peer.call("degradation.anisotropic", { size, theta, l1, l2 })).arrays;
    assertNear(asPeer(anisotropicKernel(size, theta, l1, l2)), kernel, 1e-12);
  }
});

peerTest(
  "blurs are SciPy's, of any size and of pictures smaller than the kernel",
  leakFree(async (peer) => {
    for (const [h, w] of [[20, 33], [5, 3], [1, 2]] as const) {
      for (const kernel of [anisotropicKernel(9, 0.6, 2, 0.5), anisotropicKernel(6, 2, 4, 1), isotropicKernel(25, 2)]) {
        using x = noise([2, 3, h, w]);
        const { y } = (await peer.call("degradation.convolve", {}, { x: toPeer(x), kernel: asPeer(kernel) })).arrays;
        using ours = convolve(x, kernel);
        assertNear(toPeer(ours), y, 3e-6, `${kernel.size} on ${h} × ${w}`);
      }
    }
  }),
);

peerTest(
  "resizing is PyTorch's, whose bilinear and bicubic are OpenCV's, and its area where sides divide",
  leakFree(async (peer) => {
    const rows: ["bilinear" | "bicubic" | "area", number, number][] = [
      ["bilinear", 13, 9],
      ["bilinear", 40, 31],
      ["bicubic", 13, 9],
      ["bicubic", 40, 31],
      ["area", 10, 6],
      ["area", 1, 1],
    ];
    using x = noise([2, 3, 20, 24]);
    for (const [mode, h, w] of rows) {
      const { y } = (await peer.call("degradation.interpolate", { size: [h, w], mode }, { x: toPeer(x) })).arrays;
      using ours = interpolate(x, [h, w], mode);
      assertNear(toPeer(ours), y, 3e-6, `${mode} to ${h} × ${w}`);
    }
  }),
);

peerTest(
  "what a JPEG file makes of pictures is Pillow's to the bit, for any size and quality",
  leakFree(async (peer) => {
    const sizes = [[16, 16], [64, 48], [37, 29], [5, 3], [1, 1], [18, 65]] as const;
    for (const [h, w] of sizes) {
      using x = pictures(h, w);
      for (const quality of [1, 30, 49, 75, 95, 100]) {
        const { y } = (await peer.call("degradation.jpeg", { quality }, { x: toPeer(x) })).arrays;
        using ours = jpegRoundTrip(x, [quality, quality, quality]);
        assert.deepEqual(numbers(toPeer(ours)), numbers(y!), `${h} × ${w} at quality ${quality}`);
      }
    }
  }),
);

peerTest(
  "bicubic pictures are Pillow's to 1",
  leakFree(async (peer) => {
    using x = pictures(64, 48);
    using small = degrade(x, { degradation: "bicubic", draws: [0, 0, 0] });
    for (let i = 0; i < 3; i++) {
      const pixels = scope(() => toPeer(x.select(0, i).permute([1, 2, 0]).contiguous()));
      const options = { width: 12, height: 16, filter: "bicubic" };
      const theirs = numbers((await peer.call("pictures.resize", options, { pixels })).arrays["pixels"]!);
      const ours = scope(() => small.select(0, i).permute([1, 2, 0]).contiguous().bytes());
      ours.forEach((value, at) => assert.ok(Math.abs(value - theirs[at]!) <= 1));
    }
  }),
);

peerTest(
  "maps of numbers are Pillow's, in grey, with any palette, of one bit; resized by the nearest pixel",
  async (peer) => {
    for (const [mode, most] of [["L", 256], ["P", 256], ["P", 3], ["1", 2]] as const) {
      const data = Uint8Array.from({ length: 21 * 13 }, (_, i) => i * 31 % most);
      const array = uint8(data, [13, 21]);
      const { arrays } = await peer.call("degradation.index_map", { mode, width: 8, height: 17 }, { data: array });
      assert.deepEqual(await decodeIndexMap(arrays["file"]!.bytes), { width: 21, height: 13, data }, mode);
      assert.deepEqual([...nearestPixels({ width: 21, height: 13, data }, 8, 17).data], [...arrays["resized"]!.bytes]);
      const file = uint8(await encodeIndexMap({ width: 21, height: 13, data }));
      const read = await peer.call<{ mode: string }>("degradation.read_map", {}, { file });
      assert.deepEqual([read.json.mode, ...read.arrays["data"]!.bytes], ["L", ...data]);
    }
  },
);
