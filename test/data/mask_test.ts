import assert from "node:assert/strict";
import { join } from "@std/path";
import { drawMask, holeShare, maskKinds, masksOf, readMask, readMasks } from "../../lib/data/mod.ts";
import { encodePng } from "../../lib/image/mod.ts";
import { leakFree } from "../leak.ts";

const drawOf = (i: number): number => Math.imul(i + 1, 0x9e3779b1) >>> 0;
const shareOf = (mask: Uint8Array): number => mask.reduce((sum, value) => sum + value, 0) / mask.length;

for (const kind of maskKinds) {
  Deno.test(`${kind}: holes are of 0 and 1, within their bounds and spread over them, and drawn again the same`, () => {
    for (const size of [16, 33, 64]) {
      const masks = Array.from({ length: 200 }, (_, i) => drawMask(kind, size, drawOf(i)));
      assert.ok(masks.every((mask) => mask.length === size * size && mask.every((value) => value <= 1)));
      const shares = masks.map(shareOf);
      const slack = 1 / size ** 2; // bounds are rounded down to pixels
      assert.ok(Math.min(...shares) >= holeShare.least - slack && Math.max(...shares) <= holeShare.most);
      const mean = shares.reduce((a, b) => a + b) / shares.length;
      assert.ok(mean > 0.25 && mean < 0.42, `${mean}`);
      assert.deepEqual(drawMask(kind, size, drawOf(3)), masks[3]);
      assert.ok(new Set(masks.map((mask) => mask.join(""))).size > 100);
    }
  });
}

Deno.test("thick holes are in fewer pieces than thin ones, boxes have straight borders", () => {
  const border = (kind: "thick" | "thin" | "boxes") => {
    const masks = Array.from({ length: 100 }, (_, i) => drawMask(kind, 64, drawOf(i)));
    const edges = masks.map((mask) =>
      mask.reduce((sum, value, i) => sum + Number(i % 64 > 0 && value !== mask[i - 1]), 0)
    );
    return edges.reduce((a, b) => a + b) / edges.length;
  };
  assert.ok(border("thin") > 2 * border("thick"), `${border("thin")} and ${border("thick")}`);
  const corners = (mask: Uint8Array) =>
    mask.reduce((sum, _, i) => {
      const block = [i, i + 1, i + 64, i + 65].map((at) => mask[at]!);
      return sum + Number(i % 64 < 63 && i < 63 * 64 && block.reduce((a, b) => a + b, 0) % 2 === 1);
    }, 0);
  const boxes = Array.from({ length: 50 }, (_, i) => corners(drawMask("boxes", 64, drawOf(i))));
  assert.ok(boxes.every((count) => count % 2 === 0 && count < 80));
});

Deno.test(
  "masks from files: light is hole, resized by the nearest pixel, chosen by the draw",
  leakFree(async () => {
    const folder = await Deno.makeTempDir();
    try {
      for (const name of ["a", "b"]) {
        const data = new Uint8ClampedArray(32 * 16 * 4).fill(255);
        for (let i = 0; i < 32 * 16; i++) {
          data.set([0, 1, 2].map(() => (i % 32 < 16) === (name === "a") ? 127 : 128), 4 * i);
        }
        await Deno.writeFile(join(folder, `${name}.png`), await encodePng({ width: 32, height: 16, data }));
      }
      const mask = await readMask(join(folder, "a.png"));
      assert.deepEqual([mask.width, mask.height, ...mask.data.subarray(14, 18)], [32, 16, 0, 0, 1, 1]);
      const masks = await readMasks(folder, 8);
      assert.deepEqual(
        masks.map((one) => [...one.subarray(0, 8)].join("")),
        ["00001111", "11110000"],
      );
      using batch = masksOf(masks, 8, Array.from({ length: 40 }, (_, i) => drawOf(i)));
      assert.deepEqual([batch.dtype, batch.shape], ["uint8", [40, 1, 8, 8]]);
      const firsts = Array.from({ length: 40 }, (_, i) => batch.bytes()[i * 64]!);
      assert.ok(firsts.includes(0) && firsts.includes(1));
      using drawn = masksOf("thin", 16, [drawOf(4), drawOf(5)]);
      assert.deepEqual([...drawn.bytes()], [...drawMask("thin", 16, drawOf(4)), ...drawMask("thin", 16, drawOf(5))]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }),
);
