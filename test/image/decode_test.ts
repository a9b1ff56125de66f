import assert from "node:assert/strict";
import { decodeImage } from "../../lib/image/mod.ts";
import { expected, fixture, pictures } from "./fixtures.ts";

for (const name of pictures) {
  Deno.test(`${name} decodes to Pillow's pixels`, async () => {
    assert.deepEqual(await decodeImage(fixture(name)), expected(name));
  });
}

Deno.test("all eight orientations of a picture decode to the same pixels, turned", async () => {
  const upright = await decodeImage(fixture("orientation1.jpg"));
  for (let orientation = 2; orientation <= 8; orientation++) {
    const turned = await decodeImage(fixture(`orientation${orientation}.jpg`));
    const size = [turned.width, turned.height];
    assert.deepEqual(size, orientation < 5 ? [13, 11] : [11, 13]);
    assert.notDeepEqual(turned.data, upright.data);
    assert.deepEqual(turned.data.toSorted(), upright.data.toSorted());
  }
});

Deno.test("the bytes may be a part of a larger buffer", async () => {
  for (const name of ["420.jpg", "rgb.png", "lossy.webp", "plain.gif", "rgb.bmp"]) {
    const bytes = fixture(name);
    const larger = new Uint8Array(bytes.length + 8).fill(0xff);
    larger.set(bytes, 3);
    assert.deepEqual(await decodeImage(larger.subarray(3, 3 + bytes.length)), expected(name), name);
  }
});

Deno.test("pictures decode in a Worker, and several at once", async () => {
  const worker = new Worker(new URL("decode_worker.ts", import.meta.url), { type: "module" });
  try {
    const names = ["420.jpg", "rgb16.png", "lossy_alpha.webp", "transparent.gif", "palette.bmp"];
    const decoded = await new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = reject;
      worker.postMessage(names.map(fixture));
    });
    assert.deepEqual(decoded, names.map(expected));
  } finally {
    worker.terminate();
  }
});
