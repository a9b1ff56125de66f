import assert from "node:assert/strict";
import { type Curve, decodeImage, plotCurves, type PlotOptions } from "../../lib/image/mod.ts";

const steps = Array.from({ length: 40 }, (_, i) => i * 10);
const falling: Curve = { name: "training", x: steps, y: steps.map((step) => Math.exp(-step / 100)) };
const BLUE = [66, 105, 208];
const RED = [255, 114, 92];

/** The places of the pixels of a colour. */
async function drawn(curves: Curve[], options: PlotOptions, color: number[]): Promise<[x: number, y: number][]> {
  const { width, height, data } = await decodeImage(await plotCurves(curves, options));
  assert.deepEqual([width, height], [options.width ?? 960, options.height ?? 540]);
  const places = Array.from(
    { length: width * height },
    (_, i) => [i % width, Math.floor(i / width)] as [number, number],
  );
  return places.filter(([x, y]) => color.every((byte, c) => data[(y * width + x) * 4 + c] === byte));
}

/** The heights at which a curve passes x, left of the legend. */
function heights(places: [number, number][], at: number): number[] {
  return places.filter(([x]) => Math.abs(x - at) <= 1).map(([, y]) => y);
}

Deno.test("plot: the same curves give the same bytes, other names other bytes", async () => {
  const bytes = await plotCurves([falling], { title: "loss" });
  assert.deepEqual(await plotCurves([falling], { title: "loss" }), bytes);
  assert.notDeepEqual(await plotCurves([{ ...falling, name: "<b>&" }], { title: "loss" }), bytes);
});

Deno.test("plot: a falling curve falls, and bends on a linear axis only", async () => {
  for (const [logY, bend] of [[false, 20], [true, 0]] as const) {
    const places = (await drawn([falling], { logY }, BLUE)).filter(([x]) => x < 800);
    const [left, middle, right] = [120, 420, 720].map((x) => Math.max(...heights(places, x)));
    assert.ok(left! < middle! && middle! < right!, "lower is further down");
    const above = (left! + right!) / 2 - middle!;
    assert.ok(bend === 0 ? Math.abs(above) <= 2 : above < -bend, `${above} pixels off a straight line`);
  }
});

Deno.test("plot: each curve has a colour of its own, and its name in that colour in the upper right", async () => {
  const curves = [falling, { ...falling, name: "validation", y: falling.y }];
  for (const [color, top] of [[BLUE, 48], [RED, 68]] as const) {
    const places = await drawn(curves, {}, color);
    assert.ok(places.some(([x, y]) => x > 850 && y >= top && y < top + 24));
  }
});

Deno.test("plot: values that are no numbers leave a gap and harm nothing", async () => {
  const y = Array.from(falling.y, (value, i) => i >= 15 && i < 25 ? [NaN, Infinity, -1][i % 3]! : value);
  const places = await drawn([{ ...falling, y }], { logY: true }, BLUE);
  assert.ok(places.length > 200);
  assert.equal(heights(places, 504).length, 0);
});

Deno.test("plot: a long noisy curve keeps its peaks, and no curves still give a picture", async () => {
  const y = Array.from({ length: 100_000 }, (_, i) => i === 77_777 ? 10 : i % 2);
  const places = await drawn([{ name: "", x: y.map((_, i) => i), y }], {}, BLUE);
  assert.ok(places.some(([, y]) => y < 60));
  await drawn([], { width: 300, height: 200 }, BLUE);
});
