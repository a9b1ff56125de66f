/** Pictures in and out: decoding, PNG with texts, grids, plots, resizing. @module */
export { composite, MAX_PIXELS, type Picture } from "./picture.ts";
export { decodeImage } from "./decode.ts";
export { grid, type GridOptions } from "./grid.ts";
export { decodeIndexMap, encodeIndexMap, type IndexMap } from "./index_map.ts";
export { type Curve, plotCurves, type PlotOptions } from "./plot.ts";
export { encodePng } from "./png.ts";
export { readPngText } from "./png_text.ts";
export { resize, type ResizeFilter, resizePasses } from "./resize.ts";
