import { type Difference, LatentError } from "../base/mod.ts";
import type { PlacedCut } from "./crop.ts";
import { permute } from "./order.ts";

/** A rectangle as shares of a picture's sides: left, top, width and height. */
export type Box = readonly [x: number, y: number, width: number, height: number];

/** An object of a layout: what it is, and where. A flag that isn't there is not known. */
export interface LayoutBox {
  /** Index of its class. */
  class: number;
  /** Where it is. As corner and size, since sums of them decide the last bit of the tokens. */
  box: Box;
  /** Whether it stands for several that can't be told apart. */
  group?: boolean;
  /** Whether something else hides a part of it. */
  occluded?: boolean;
  /** Whether it is a drawing or a statue, not the thing itself. */
  depiction?: boolean;
  /** Whether the picture was taken inside of it. */
  inside?: boolean;
}

/** How layouts are written as tokens: the vocabulary and the length of the sequence. */
export interface LayoutOptions {
  /** Classes of objects, at least as many as the data set has. */
  classes: number;
  /** Objects of a layout at most; fewer are padded. @default {30} */
  objects?: number;
  /** Tokens that there are; the last is the padding. @default {8192} */
  tokens?: number;
  /** Whether an object is its class and two corners, or its class and its centre. @default {"boxes"} */
  form?: "boxes" | "centers";
  /** Whether boxes are those of the whole picture and two tokens more say which part is seen. @default {true} */
  crop?: boolean;
  /** Whether an object's class says that it is a group. @default {false} */
  groups?: boolean;
  /** Whether an object's class says that it is occluded, a depiction, seen from inside. @default {false} */
  details?: boolean;
}

/** What of a picture is seen, and whether mirrored. */
export interface View {
  /** The part that is seen. */
  crop: Box;
  /** Whether left and right are changed, after the crop. */
  flip: boolean;
}

/** A layout read from its tokens. */
export interface ReadLayout {
  /** The objects; those of centres have no width and height. */
  boxes: LayoutBox[];
  /** The part of the picture that is seen, where the tokens say it. */
  crop?: Box;
}

const defaults = {
  objects: 30,
  tokens: 8192,
  form: "boxes",
  crop: true,
  groups: false,
  details: false,
} satisfies Partial<LayoutOptions>;

const whole: Box = [0, 0, 1, 1];
/** How far annotators' boxes may lie over the edge of their picture. */
const slack = 0.05;

/** Tokens of one layout: 92 for the paper's 30 boxes. */
export function layoutLength(given: LayoutOptions): number {
  const { objects, form, crop } = { ...defaults, ...given };
  return objects * (form === "boxes" ? 3 : 2) + (crop ? 2 : 0);
}

/**
 * A layout as the paper's discrete tokens (taming-transformers, `conditional_builder/objects_bbox.py` and
 * `objects_center_points.py`). An object is its class, plus the number of classes times its flags (1 group, 2 occluded,
 * 4 depiction, 8 inside), then the points of its upper left and lower right corner on a grid of ⌊√tokens⌋ rows and
 * columns. Objects outside the crop are left out, the others clamped to it.
 *
 * Throws LatentErrors: `layout.objects` for more than fit in, `layout.class` and `layout.box` that list all objects
 * whose class the tokens can't say, or whose box is no part of a picture.
 *
 * @param boxes in the order in which they are to stand
 * @param view what is seen of the picture; all of it unless given
 * @returns {@linkcode layoutLength} integers of 0 … tokens − 1
 */
export function layoutTokens(boxes: readonly LayoutBox[], given: LayoutOptions, view?: View): number[] {
  const options = { ...defaults, ...given };
  const { crop, flip } = view ?? { crop: whole, flip: false };
  check(boxes, crop, options);
  const seen = boxes.filter(({ box }) => overlap(box, crop)).map((one) => {
    const box = rescale(one.box, options.crop ? whole : crop, flip);
    return [wordOf(one, options), ...placeOf(box, options)];
  });
  const padding = Array<number>(layoutLength({ ...options, crop: false })).fill(options.tokens - 1);
  const part = options.crop ? corners(flip ? [1 - (crop[0] + crop[2]), crop[1], crop[2], crop[3]] : crop, options) : [];
  return [...seen.flat(), ...padding.slice(seen.flat().length), ...part];
}

/**
 * The layout that tokens say, for drawing and for reports. Coordinates are those of the grid.
 *
 * @throws LatentError `layout.tokens` for another number of them
 */
export function readLayout(tokens: readonly number[], given: LayoutOptions): ReadLayout {
  const options = { ...defaults, ...given };
  const length = layoutLength(options);
  if (tokens.length !== length) {
    throw new LatentError("layout.tokens", {
      what: "the tokens are no layout",
      found: `${tokens.length} tokens`,
      wanted: `${length}`,
    });
  }
  const size = options.form === "boxes" ? 3 : 2;
  const boxes = Array.from({ length: options.objects }, (_, i) => tokens.slice(i * size, (i + 1) * size))
    .filter(([word]) => word !== options.tokens - 1)
    .map(([word, first, last = first]): LayoutBox => ({
      class: word! % options.classes,
      box: boxOf(first!, last!, options),
      ...flagsOf(Math.floor(word! / options.classes), options),
    }));
  return options.crop ? { boxes, crop: boxOf(tokens.at(-2)!, tokens.at(-1)!, options) } : { boxes };
}

/** What a loader's cut shows of its picture. @param size side of the square that was cut out */
export function viewOf({ left, top, width, height, flip }: PlacedCut, size: number): View {
  return { crop: [left / width, top / height, size / width, size / height], flip };
}

/** The tokens of a training image, its objects in an order of that epoch's own. @param size side of the square */
export function tokensOfCut(
  boxes: readonly LayoutBox[],
  options: LayoutOptions,
  cut: PlacedCut,
  size: number,
): number[] {
  const shuffled = boxes.map((_, i) => boxes[permute(i, boxes.length, cut.draw)]!);
  return layoutTokens(shuffled, options, viewOf(cut, size));
}

type Settled = Required<LayoutOptions>;

const flagNames = ["group", "occluded", "depiction", "inside"] as const;

/** Which flags the class of an object says, as bits. */
function flagBits({ groups, details }: Settled): number {
  return (groups ? 1 : 0) | (details ? 14 : 0);
}

/** The token of an object's class and flags. */
function wordOf(object: LayoutBox, options: Settled): number {
  const flags = flagNames.reduce((bits, name, i) => bits | (object[name] === true ? 1 << i : 0), 0);
  return object.class + options.classes * (flags & flagBits(options));
}

function flagsOf(bits: number, options: Settled): Partial<Record<typeof flagNames[number], boolean>> {
  const known = flagNames.filter((_, i) => bits & flagBits(options) & (1 << i));
  return Object.fromEntries(known.map((name) => [name, true]));
}

/** The tokens of where an object is. */
function placeOf(box: Box, options: Settled): number[] {
  if (options.form === "boxes") return corners(box, options);
  return [pointToken(box[0] + box[2] / 2, box[1] + box[3] / 2, options)];
}

function corners([x, y, width, height]: Box, options: Settled): number[] {
  return [pointToken(x, y, options), pointToken(x + width, y + height, options)];
}

const gridOf = ({ tokens }: Settled) => Math.floor(Math.sqrt(tokens));

function pointToken(x: number, y: number, options: Settled): number {
  const grid = gridOf(options);
  return roundHalfToEven(y * (grid - 1)) * grid + roundHalfToEven(x * (grid - 1));
}

function boxOf(first: number, last: number, options: Settled): Box {
  const grid = gridOf(options);
  const [x, y, right, bottom] = [first, last].flatMap((token) => [token % grid, Math.floor(token / grid)])
    .map((place) => place / (grid - 1));
  return [x!, y!, right! - x!, bottom! - y!];
}

/** As Python rounds. */
function roundHalfToEven(x: number): number {
  const down = Math.floor(x);
  if (x - down !== 0.5) return Math.round(x);
  return down % 2 === 0 ? down : down + 1;
}

/** Whether two rectangles share an area. */
function overlap(a: Box, b: Box): boolean {
  const along = (i: 0 | 1) => Math.max(0, Math.min(a[i] + a[i + 2]!, b[i] + b[i + 2]!) - Math.max(a[i], b[i]));
  return along(0) * along(1) > 0;
}

/** A box as shares of a crop, clamped to it. */
function rescale(box: Box, crop: Box, flip: boolean): Box {
  const start = (i: 0 | 1) => Math.max(Math.min((box[i] - crop[i]) / crop[i + 2]!, 1), 0);
  const [x, y] = [start(0), start(1)];
  const width = Math.min(box[2] / crop[2], 1 - x);
  const height = Math.min(box[3] / crop[3], 1 - y);
  return [flip ? 1 - (x + width) : x, y, width, height];
}

/** A token may be too large only for an object that isn't seen. */
function check(boxes: readonly LayoutBox[], crop: Box, options: Settled): void {
  const { objects, tokens, classes } = options;
  if (boxes.length > objects) {
    throw new LatentError("layout.objects", {
      what: "the layout has more boxes than the model has tokens for",
      found: `${boxes.length} boxes`,
      wanted: `at most ${objects}`,
      mend: "Leave out the smallest.",
    });
  }
  const wrong = (found: (object: LayoutBox) => string | undefined, wanted: string): Difference[] =>
    boxes.flatMap((object, i) => {
      const problem = found(object);
      return problem === undefined ? [] : [{ name: `box ${i + 1}`, found: problem, wanted }];
    });
  refuse(
    "layout.class",
    "the layout has classes that the model has no tokens for",
    wrong((object) => {
      const known = Number.isSafeInteger(object.class) && object.class >= 0 && object.class < classes;
      if (!known) return `class ${object.class}`;
      const word = wordOf(object, options);
      return word < tokens || !overlap(object.box, crop)
        ? undefined
        : `class ${object.class} with its flags, token ${word}`;
    }, `a class of 0 … ${classes - 1}, a token of 0 … ${tokens - 1}`),
  );
  refuse(
    "layout.box",
    "the layout has boxes that lie outside the picture",
    wrong(
      ({ box }) => inPicture(box) ? undefined : `[${box}]`,
      "[left, top, width, height] as shares of the picture, 0 … 1",
    ),
  );
}

function inPicture([x, y, width, height]: Box): boolean {
  const along = (start: number, length: number) => start >= -slack && length >= 0 && start + length <= 1 + slack;
  return along(x, width) && along(y, height);
}

function refuse(code: "layout.class" | "layout.box", what: string, differences: Difference[]): void {
  if (differences.length > 0) throw new LatentError(code, { what, differences });
}
