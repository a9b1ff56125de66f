/** Layouts as tokens: what `layout-tokens.json` holds, compared row by row. @module */
import { LatentError } from "../../../lib/base/mod.ts";
import {
  type Box,
  type LayoutBox,
  type LayoutOptions,
  layoutTokens,
  readLayout,
  type View,
} from "../../../lib/data/mod.ts";
import type { TableRow } from "../tables.ts";

/** The original's builder, with its names. */
interface Builder {
  no_object_classes: number;
  no_max_objects: number;
  no_tokens: number;
  encode_crop: boolean;
  use_group_parameter: boolean;
  use_additional_parameters: boolean;
}

/** An object as the original knows it. */
interface Annotation {
  bbox: Box;
  category_no: number;
  is_group_of?: boolean;
  is_occluded?: boolean;
  is_depiction?: boolean;
  is_inside?: boolean;
}

/** The file `layout-tokens.json`. */
export interface LayoutTable {
  configs: Builder[];
  coordinate_tokens: { rows: [config: number, x: number, y: number, token: number][] };
  items: {
    builder: "bbox" | "center";
    config: number;
    annotations: Annotation[];
    crop: Box | null;
    horizontal_flip: boolean;
    shuffled_order: number[];
    tokens: number[] | null;
    error?: string;
    inverse: { objects: [number, number[]][]; crop: Box | null } | null;
  }[];
}

/** Every row of the file, computed: ours and the original's, to be equal bit for bit. */
export function* compareLayouts({ configs, coordinate_tokens, items }: LayoutTable): Generator<TableRow> {
  const optionsOf = (config: number, form: "boxes" | "centers") => ours(configs[config]!, form);
  for (const [i, [config, x, y, wanted]] of coordinate_tokens.rows.entries()) {
    const options = { ...optionsOf(config, "boxes"), objects: 0, crop: true };
    const [found] = layoutTokens([], options, { crop: [x, y, 0, 0], flip: false });
    yield { name: `coordinate ${i}`, found, wanted };
  }
  for (const [i, { builder, config, annotations, shuffled_order, tokens, inverse, ...item }] of items.entries()) {
    const options = optionsOf(config, builder === "bbox" ? "boxes" : "centers");
    const view = { crop: item.crop ?? [0, 0, 1, 1] as const, flip: item.horizontal_flip };
    const boxes = shuffled_order.map((from) => boxOf(annotations[from]!));
    yield { name: `tokens ${i}`, found: tokensOrNull(boxes, options, view), wanted: tokens };
    if (tokens === null || inverse === null) continue;
    yield { name: `inverse ${i}`, found: inverseOf(tokens, options), wanted: inverse };
  }
}

function ours(builder: Builder, form: "boxes" | "centers"): LayoutOptions {
  return {
    classes: builder.no_object_classes,
    objects: builder.no_max_objects,
    tokens: builder.no_tokens,
    form,
    crop: builder.encode_crop,
    groups: builder.use_group_parameter,
    details: builder.use_additional_parameters,
  };
}

function boxOf({ bbox, category_no, is_group_of, is_occluded, is_depiction, is_inside }: Annotation): LayoutBox {
  const flags = { group: is_group_of, occluded: is_occluded, depiction: is_depiction, inside: is_inside };
  const known = Object.entries(flags).filter(([, value]) => value !== undefined);
  return { class: category_no, box: bbox, ...Object.fromEntries(known) };
}

/** Null where a token would be beyond the vocabulary. */
function tokensOrNull(boxes: LayoutBox[], options: LayoutOptions, view: View): number[] | null {
  try {
    return layoutTokens(boxes, options, view);
  } catch (error) {
    if (error instanceof LatentError && error.code === "layout.class") return null;
    throw error;
  }
}

/** As the original reads tokens: each object's first token and its box or centre. */
function inverseOf(tokens: number[], options: LayoutOptions): unknown {
  const { boxes, crop = null } = readLayout(tokens, options);
  const words = ({ class: one, group, occluded, depiction, inside }: LayoutBox) =>
    one + options.classes * [group, occluded, depiction, inside].reduce((bits, on, i) => bits | (on ? 1 << i : 0), 0);
  const place = ({ box }: LayoutBox) => options.form === "boxes" ? box : box.slice(0, 2);
  return { objects: boxes.map((one) => [words(one), place(one)]), crop };
}
