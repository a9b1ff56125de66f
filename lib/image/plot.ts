/** A line of a plot: as many x as y. */
export interface Curve {
  /** What the legend calls it. */
  name: string;
  /** Ascending. */
  x: ArrayLike<number>;
  /** Where y is not finite (or, on a logarithmic axis, not positive) the line has a gap. */
  y: ArrayLike<number>;
}

/** Options of {@linkcode plotCurves}. */
export interface PlotOptions {
  /** Stands above the plot. */
  title?: string;
  /** Under the x axis. @default {"step"} */
  xLabel?: string;
  /** Over the y axis. @default {"loss"} */
  yLabel?: string;
  /** Whether the y axis is logarithmic. @default {false} */
  logY?: boolean;
  /** Pixels. @default {960} */
  width?: number;
  /** Pixels. @default {540} */
  height?: number;
}

/** Curves over a common x axis, with axes, grid and legend, as a PNG file. The same curves give the same bytes. */
export async function plotCurves(curves: readonly Curve[], options: PlotOptions = {}): Promise<Uint8Array> {
  const { drawCurves } = await import("./draw.ts"); // 3 MB of program, which only plots need
  return await drawCurves(curves, options);
}
