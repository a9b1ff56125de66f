import font from "@fontsource/inter/files/inter-latin-400-normal.woff2" with { type: "bytes" };
import * as Plot from "@observablehq/plot";
import { initWasm, Resvg } from "@resvg/resvg-wasm";
import wasm from "@resvg/resvg-wasm/index_bg.wasm" with { type: "bytes" };
import { DOMParser } from "linkedom";
import type { Curve, PlotOptions } from "./plot.ts";

const FONT = "Inter";
/** Colours that can be told apart on white (Observable's ten, without the lightest). */
const COLORS = ["#4269d0", "#ff725c", "#3ca951", "#a463f2", "#efb118", "#ff8ab7", "#9c6b4e", "#6cc5b0"];

let ready: Promise<void> | undefined;

/** Draws {@linkcode plotCurves}' picture: Observable Plot makes the SVG, resvg its pixels, in a font of ours. */
export async function drawCurves(curves: readonly Curve[], options: PlotOptions): Promise<Uint8Array> {
  await (ready ??= initWasm(wasm));
  const svg = new Resvg(svgOf(curves, options), {
    font: { fontBuffers: [font], defaultFontFamily: FONT, loadSystemFonts: false },
    background: "white",
  });
  return svg.render().asPng();
}

function svgOf(curves: readonly Curve[], options: PlotOptions): string {
  const { title = "", xLabel = "step", yLabel = "loss", logY = false, width = 960, height = 540 } = options;
  const plot = Plot.plot({
    document: new DOMParser().parseFromString("<html></html>", "text/html"),
    width,
    height,
    marginTop: 48,
    marginRight: 24,
    marginBottom: 48,
    marginLeft: 72,
    style: { fontFamily: FONT, fontSize: "14px", color: "#333" },
    x: { label: xLabel, labelArrow: "none", grid: true, tickFormat: (value: number) => value.toLocaleString("en") },
    y: {
      label: yLabel,
      labelArrow: "none",
      grid: true,
      type: logY ? "log" : "linear",
      ticks: 8,
      tickFormat: shortNumber,
    },
    marks: [
      Plot.text([title], { frameAnchor: "top", dy: -32, fontSize: 17 }),
      ...curves.flatMap((curve, i) => lineAndName(curve, i, logY)),
    ],
  });
  plot.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  return String(plot);
}

function lineAndName({ name, x, y }: Curve, i: number, logY: boolean): Plot.Markish[] {
  const color = COLORS[i % COLORS.length]!;
  const points = thinned(Array.from(x, (at, k) => [at, logY && !(y[k]! > 0) ? NaN : y[k]!]), 1000);
  const line = { x: "0", y: "1", stroke: color, strokeWidth: 1.5 };
  return [
    Plot.line(points, points.length > 50 ? line : { ...line, marker: "dot" }),
    Plot.text([name], {
      frameAnchor: "top-right",
      dx: -8,
      dy: 8 + 20 * i,
      fill: color,
      stroke: "white",
      strokeWidth: 6,
      fontSize: 15,
    }),
  ];
}

type Point = readonly [x: number, y: number];

/** The lowest and the highest point of each of so many stretches: a long noisy line keeps its outline, but for gaps shorter than a stretch. */
function thinned(points: readonly Point[], stretches: number): readonly Point[] {
  if (points.length <= 2 * stretches) return points;
  const size = Math.ceil(points.length / stretches);
  return Array.from({ length: Math.ceil(points.length / size) }, (_, i) => {
    const stretch = points.slice(i * size, (i + 1) * size);
    const low = stretch.reduce((best, point) => point[1] < best[1] || Number.isNaN(best[1]) ? point : best);
    const high = stretch.reduce((best, point) => point[1] > best[1] || Number.isNaN(best[1]) ? point : best);
    return low[0] < high[0] ? [low, high] : [high, low];
  }).flat();
}

/** A number in three digits: 0.05, 1200, 3e-7. */
function shortNumber(value: number): string {
  return String(Number(value.toPrecision(3)));
}
