import assert from "node:assert/strict";
import { grid, type GridOptions, type Picture } from "../../lib/image/mod.ts";

/** A picture of one grey value, drawn below as that digit. */
function plain(value: number, width = 2, height = 2): Picture {
  const data = new Uint8ClampedArray(width * height * 4).fill(value);
  for (let i = 3; i < data.length; i += 4) data[i] = 255;
  return { width, height, data };
}

/** The red channel, row by row. */
function drawn({ width, height, data }: Picture): string[] {
  return Array.from(
    { length: height },
    (_, y) => Array.from({ length: width }, (_, x) => data[(y * width + x) * 4]).join(""),
  );
}

const cases: [claim: string, pictures: Picture[], options: GridOptions, wanted: string[]][] = [
  ["one picture has padding on all sides", [plain(1)], { padding: 1 }, ["0000", "0110", "0110", "0000"]],
  ["four pictures make a square", [1, 2, 3, 4].map((v) => plain(v, 1, 1)), { padding: 0 }, ["12", "34"]],
  ["the last row may be short", [1, 2, 3].map((v) => plain(v, 1, 1)), { padding: 1 }, [
    "00000",
    "01020",
    "00000",
    "03000",
    "00000",
  ]],
  ["columns can be given", [1, 2, 3].map((v) => plain(v, 1, 1)), { padding: 0, columns: 3 }, ["123"]],
  ["more columns than pictures add nothing", [plain(1, 1, 1)], { padding: 0, columns: 5 }, ["1"]],
  ["smaller pictures stand in the middle", [plain(1, 3, 3), plain(2, 1, 1)], { padding: 0 }, [
    "111000",
    "111020",
    "111000",
  ]],
];

for (const [claim, pictures, options, wanted] of cases) {
  Deno.test(`grid: ${claim}`, () => {
    const made = grid(pictures, { color: [0, 0, 0], ...options });
    assert.deepEqual(drawn(made), wanted);
    assert.ok(made.data.every((byte, i) => i % 4 !== 3 || byte === 255));
  });
}

Deno.test("grid: transparent pixels show the colour, which is white by itself", () => {
  const clear = { width: 1, height: 1, data: new Uint8ClampedArray(4) };
  assert.ok(grid([clear]).data.every((byte) => byte === 255));
});

Deno.test("grid: no pictures, no columns and a grid beyond the limit are refused", () => {
  assert.throws(() => grid([]), { code: "image.grid" });
  assert.throws(() => grid([plain(1)], { columns: 0 }), { code: "image.grid" });
  assert.throws(() => grid([plain(1)], { padding: 20_000 }), { code: "image.too_large" });
});
