import assert from "node:assert/strict";
import { resample } from "../../lib/data/resample.ts";
import { decodeImage, encodePng } from "../../lib/image/mod.ts";
import { uint8 } from "./arrays.ts";
import { peerTest } from "./peer.ts";
import type { Json, PeerArray } from "./runner.ts";

/** A picture with smooth parts, edges and noise, from a fixed sequence. */
function picture(width: number, height: number, channels: number): PeerArray {
  let state = 1;
  const values = Uint8Array.from({ length: width * height * channels }, (_, i) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const x = Math.floor(i / channels) % width;
    return x < width / 3 ? 4 * x : x < width / 2 ? 255 * (x & 1) : state >>> 24;
  });
  return uint8(values, [height, width, channels]);
}

const files: [string, { format: string; mode?: string; options?: Record<string, Json>; orientation?: number }][] = [
  ["PNG", { format: "PNG" }],
  ["PNG with alpha", { format: "PNG", mode: "RGBA" }],
  ["grey PNG", { format: "PNG", mode: "L" }],
  ["palette PNG", { format: "PNG", mode: "P" }],
  ["PNG of one bit", { format: "PNG", mode: "1" }],
  ["JPEG", { format: "JPEG" }],
  ["JPEG 4:4:4", { format: "JPEG", options: { subsampling: 0, quality: 95 } }],
  ["progressive JPEG", { format: "JPEG", options: { progressive: true } }],
  ["grey JPEG", { format: "JPEG", mode: "L" }],
  ["turned JPEG", { format: "JPEG", orientation: 6 }],
  ["WebP", { format: "WEBP" }],
  ["lossless WebP", { format: "WEBP", mode: "RGBA", options: { lossless: true } }],
  ["GIF", { format: "GIF" }],
  ["BMP", { format: "BMP" }],
];

for (const [name, json] of files) {
  peerTest(`a ${name} of Pillow decodes to Pillow's pixels`, async (peer) => {
    const pixels = picture(37, 29, json.mode === "RGBA" ? 4 : 3);
    const { data } = (await peer.call("pictures.encode", json, { pixels })).arrays;
    const theirs = (await peer.call("pictures.decode", {}, { data: data! })).arrays["pixels"]!;
    const { width, height, data: ours } = await decodeImage(data!.bytes);
    assert.deepEqual([height, width, 4], theirs.shape);
    assert.deepEqual(new Uint8Array(ours), theirs.bytes);
  });
}

peerTest("Pillow reads our PNG", async (peer) => {
  const pixels = picture(37, 29, 4);
  const file = await encodePng({ width: 37, height: 29, data: new Uint8ClampedArray(pixels.bytes) });
  const { arrays, json } = await peer.call("pictures.decode", {}, { data: uint8(file) });
  assert.deepEqual(arrays["pixels"], pixels);
  assert.deepEqual(json, { format: "PNG", mode: "RGBA" });
});

peerTest("resizing is Pillow's", async (peer) => {
  const rgba = picture(37, 29, 4);
  const pixels = uint8(rgba.bytes.filter((_, i) => i % 4 !== 3), [29, 37, 3]);
  const source = { width: 37, height: 29, data: new Uint8ClampedArray(rgba.bytes) };
  for (const filter of ["bicubic", "bilinear", "area"] as const) {
    for (const [width, height] of [[16, 16], [64, 50], [37, 11], [5, 29], [1, 1]] as const) {
      const json = { width, height, filter: filter === "area" ? "box" : filter };
      const theirs = (await peer.call("pictures.resize", json, { pixels })).arrays["pixels"]!;
      const { data } = resample(source, width, height, filter);
      assert.deepEqual(new Uint8Array(data), theirs.bytes, `${filter} to ${width} × ${height}`);
    }
  }
});
