import assert from "node:assert/strict";
import { sha256 } from "../../lib/base/mod.ts";
import { type Filter, resample } from "../../lib/data/resample.ts";

/** A picture of sharp edges, noise and extremes, made alike by `picture(w, h)` in the Python that gave the hashes. */
function picture(width: number, height: number) {
  const data = new Uint8ClampedArray(width * height * 4);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++) {
        data[(y * width + x) * 4 + c] = ((x * x * (c + 3) + y * (7 + c) + x * y * 5) ^ (x * 13 + c * 50)) & 255;
      }
    }
  }
  return { width, height, data };
}

/** Filter, size, new size, start of the SHA-256 of the RGB bytes that Pillow 13.0.0 gives. */
const rows: [Filter, number, number, number, number, string][] = [
  ["area", 64, 64, 16, 16, "bc63ee9051e6d776"],
  ["bilinear", 64, 64, 16, 16, "4597217f865cd6af"],
  ["bicubic", 64, 64, 16, 16, "fda2d588e5501474"],
  ["area", 50, 37, 16, 12, "3177328317f9bad7"],
  ["bilinear", 50, 37, 16, 12, "7732e0972d542bb7"],
  ["bicubic", 50, 37, 16, 12, "c8c681e6ef57bf2b"],
  ["area", 37, 50, 12, 40, "218559cdc1b1dde5"],
  ["bilinear", 37, 50, 12, 40, "ccda5bbcea56a1c7"],
  ["bicubic", 37, 50, 12, 40, "328d5b7dd6933d4c"],
  ["area", 7, 5, 20, 15, "bdcf0ff1ad89b2e1"],
  ["bilinear", 7, 5, 20, 15, "2b7c17df7eabec63"],
  ["bicubic", 7, 5, 20, 15, "5e42a0c9082b297d"],
  ["area", 16, 16, 16, 8, "8f63fa013737eae0"],
  ["bilinear", 16, 16, 16, 8, "2024897045666a1a"],
  ["bicubic", 16, 16, 16, 8, "fd5ae4626b4f4ee8"],
  ["area", 16, 16, 8, 16, "af40b3bcd973bb08"],
  ["bilinear", 16, 16, 8, 16, "6df3eddc553fe89b"],
  ["bicubic", 16, 16, 8, 16, "55ee7abb72182c1f"],
  ["area", 13, 11, 40, 3, "86277b3173acf071"], // columns first
  ["bilinear", 13, 11, 40, 3, "fa2916134cc59ea2"],
  ["bicubic", 13, 11, 40, 3, "013ab184ed712ce8"],
  ["bicubic", 40, 3, 13, 11, "bf90d394bca9b2dc"],
  ["bicubic", 20, 30, 15, 20, "b3b61c00392be67f"], // the height loses just twice as much: rows first
  ["bicubic", 20, 30, 15, 19, "2efcdb8d56f2ab1a"], // more: columns first
  ["bicubic", 29, 50, 30, 52, "21e85e5e0c299e0f"],
  ["area", 300, 3, 11, 2, "d3fe90f9a2ab543d"],
  ["bilinear", 300, 3, 11, 2, "106935b7b9f6a8ca"],
  ["bicubic", 300, 3, 11, 2, "2b60fadd38117248"],
  ["area", 1, 1, 4, 4, "7ccb3f41f33665ce"],
  ["bilinear", 1, 1, 4, 4, "7ccb3f41f33665ce"],
  ["bicubic", 1, 1, 4, 4, "7ccb3f41f33665ce"],
  ["area", 9, 9, 9, 9, "193affde4919ce3c"],
  ["bilinear", 9, 9, 9, 9, "193affde4919ce3c"],
  ["bicubic", 9, 9, 9, 9, "193affde4919ce3c"],
];

for (const [filter, width, height, outWidth, outHeight, hash] of rows) {
  Deno.test(`${filter} from ${width}×${height} to ${outWidth}×${outHeight} equals Pillow's bit for bit`, () => {
    const out = resample(picture(width, height), outWidth, outHeight, filter);
    assert.deepEqual([out.width, out.height, out.data.length], [outWidth, outHeight, outWidth * outHeight * 3]);
    assert.equal(sha256(new Uint8Array(out.data.buffer)).slice(0, 16), hash);
  });
}
