import assert from "node:assert/strict";
import { decodeImage, resize } from "../../lib/image/mod.ts";
import { live, tensor } from "../../lib/tensor/mod.ts";
import { fixture } from "./fixtures.ts";

const sizes = [[7, 5], [26, 20], [13, 4], [5, 22], [40, 3], [1, 1]] as const;
const resized = fixture("resized.raw");
let at = 0;
const cases = (["bicubic", "bilinear"] as const).flatMap((filter) =>
  sizes.map(([width, height]) => ({ filter, width, height, pixels: resized.subarray(at, at += width * height * 3) }))
);

for (const { filter, width, height, pixels } of cases) {
  Deno.test(`resize: ${filter} to ${width} × ${height} is Pillow's to 1, whatever the memory format`, async () => {
    const before = live();
    const source = await decodeImage(fixture("rgb16.png"));
    const rgb = Uint8Array.from(source.data.filter((_, i) => i % 4 !== 3));
    {
      using rows = tensor(rgb, { shape: [1, source.height, source.width, 3] });
      using x = rows.permute([0, 3, 1, 2]); // channels_last
      using planes = x.contiguous();
      for (const input of [x, planes]) {
        using y = resize(input, [height, width], filter);
        assert.deepEqual([y.dtype, y.device, ...y.shape], ["uint8", "cpu", 1, 3, height, width]);
        using back = y.permute([0, 2, 3, 1]);
        const error = Math.max(...Array.from(back.bytes(), (value, i) => Math.abs(value - pixels[i]!)));
        assert.ok(error <= 1, `off by ${error}`);
      }
    }
    assert.equal(live(), before);
  });
}

Deno.test("resize: floats are resized too, without rounding, and within 1 of the bytes where nothing is clipped", () => {
  const before = live();
  {
    using x = tensor(Float32Array.from({ length: 2 * 3 * 64 }, (_, i) => 64 + i % 8 * 16), { shape: [2, 3, 8, 8] });
    using bytes = x.to({ dtype: "uint8" });
    for (const filter of ["bicubic", "bilinear"] as const) {
      using y = resize(x, [5, 3], filter);
      using z = resize(bytes, [5, 3], filter);
      assert.deepEqual([y.dtype, ...y.shape], ["float32", 2, 3, 5, 3]);
      const rounded = z.data();
      Array.from(y.data(), Number).forEach((value, i) => assert.ok(Math.abs(value - Number(rounded[i])) <= 1.01));
    }
  }
  assert.equal(live(), before);
});

Deno.test("resize: what is no batch of pictures, or has no size, is refused in libtorch's words", () => {
  const before = live();
  {
    using row = tensor([1, 2, 3]);
    assert.throws(() => resize(row, [2, 2]), { name: "LatentError" });
    using x = tensor(new Uint8Array(12), { shape: [1, 3, 2, 2] });
    assert.throws(() => resize(x, [0, 2]), { name: "LatentError" });
  }
  assert.equal(live(), before);
});
