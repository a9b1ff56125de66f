import assert from "node:assert/strict";
import { decodeImage } from "../../lib/image/mod.ts";
import { pngOf } from "../../lib/task/mod.ts";
import { tensor } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";

const pngs: [shape: number[], size: [number, number]][] = [
  [[3, 2, 4], [4, 2]],
  [[1, 3, 2, 4], [4, 2]],
  [[4, 3, 2, 4], [14, 10]], // two columns with two pixels around each image
];
for (const [shape, [width, height]] of pngs) {
  Deno.test(
    `images [${shape}] in [−1, 1] become a PNG of ${width}×${height}`,
    leakFree(async () => {
      const count = shape.reduce((product, size) => product * size, 1);
      using images = tensor(Float32Array.from({ length: count }, (_, i) => i % 2 === 0 ? -1 : 2), { shape });
      const picture = await decodeImage(await pngOf(images));
      assert.deepEqual([picture.width, picture.height], [width, height]);
      const first = 4 * (width > 4 ? 2 * width + 2 : 0); // within the padding
      assert.deepEqual([...picture.data.slice(first, first + 8)], [0, 0, 0, 255, 255, 255, 255, 255]);
    }),
  );
}

for (const shape of [[2, 4], [4, 2, 4], [1, 1, 3, 2, 4]]) {
  Deno.test(
    `a tensor [${shape}] is no image, and the error says what is`,
    leakFree(() => {
      using x = tensor(new Float32Array(shape.reduce((product, size) => product * size, 1)), { shape });
      assert.throws(() => pngOf(x), { code: "image.shape", message: /\[B, 3, H, W\] or \[3, H, W\]/ });
    }),
  );
}

Deno.test(
  "a notebook shows what a tensor is and its values, and that it was freed",
  leakFree(() => {
    const x = tensor([[1, 2], [3, 4.5]]);
    const display = Reflect.get(x, Symbol.for("Jupyter.display")) as () => Record<string, string>; // as Deno's kernel looks
    const shown = () => display.call(x);
    const text = "tensor([[1.0000, 2.0000],\n        [3.0000, 4.5000]])";
    assert.deepEqual(shown(), {
      "text/plain": text,
      "text/html": `<div>float32 [2, 2] on cpu</div><pre>${text}</pre>`,
    });
    x.dispose();
    assert.equal(shown()["text/plain"], "tensor(freed)");
  }),
);
