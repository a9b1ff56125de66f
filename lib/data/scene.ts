import { composite, type Picture } from "../image/mod.ts";
import { draws, epochKey } from "./random.ts";
import { resample, type Rgb } from "./resample.ts";

/** A thing that is put into scenes: a square picture in two parts. */
export interface Sprite {
  /** Its colours over black. */
  readonly color: Rgb;
  /** How opaque it is, in each channel. */
  readonly alpha: Rgb;
}

/** Where a sprite is put. */
export interface Placement {
  /** Which. */
  readonly sprite: number;
  /** Its square, in pixels: wholly within the scene. */
  readonly left: number;
  readonly top: number;
  readonly size: number;
}

/** What a scene is made of: plain data. */
export interface Scene {
  /** Pixels of its sides. */
  readonly size: number;
  /** A colour (r, g, b of 0 … 255), or a square of one of the photographs: its corner and side as shares of the room there is. */
  readonly background:
    | { readonly color: readonly [number, number, number] }
    | { readonly photo: number; readonly left: number; readonly top: number; readonly side: number };
  /** What is in it, from behind to the front. */
  readonly objects: readonly Placement[];
}

/** An object of a scene that was drawn, in pixels. */
export interface SceneObject {
  /** Left, top, width and height: tight around all of it that is not wholly transparent, whatever hides it. */
  readonly box: readonly [number, number, number, number];
  /** Pixels of the map that are its own. */
  readonly area: number;
}

/** The sides of objects, in shares of the scene's. */
export const objectSides = { least: 0.25, most: 0.55 } as const;
/** How much of an object's square another may cover at most. */
const mostCovered = 0.3;
/** How often a place is drawn for an object before it is left out. */
const tries = 20;

/**
 * What stands where in scene number `index`: a function of its arguments alone. Backgrounds are plain, and where there
 * are photographs, as often one of those. Later objects may cover up to three tenths of the square of an earlier one;
 * one for which 20 draws found no such place is left out, never the first.
 *
 * @param sprites how many there are
 * @param photos how many there are
 * @param objects the least and the most that are tried
 */
export function chooseScene(
  { sprites, photos, size, objects }: {
    sprites: number;
    photos: number;
    size: number;
    objects: readonly [number, number];
  },
  { seed, index }: { seed: number; index: number },
): Scene {
  const draw = draws(epochKey(seed, 0, 2), index);
  const below = (n: number) => Math.floor(draw() * n);
  const background = photos > 0 && draw() < 0.5
    ? { photo: below(photos), left: draw(), top: draw(), side: draw() }
    : { color: [below(256), below(256), below(256)] as const };
  const placed: Placement[] = [];
  for (let left = objects[0] + below(objects[1] - objects[0] + 1); left > 0; left--) {
    const sprite = below(sprites);
    for (let i = 0; i < tries; i++) {
      const side = Math.round(size * (objectSides.least + (objectSides.most - objectSides.least) * draw()));
      const one = { sprite, left: below(size - side + 1), top: below(size - side + 1), size: side };
      if (placed.some((other) => covered(other, one) > mostCovered)) continue;
      placed.push(one);
      break;
    }
  }
  return { size, background, objects: placed };
}

/** The share of a square that another covers. */
function covered(one: Placement, by: Placement): number {
  const along = (a: number, b: number) => Math.max(0, Math.min(a + one.size, b + by.size) - Math.max(a, b));
  return along(one.left, by.left) * along(one.top, by.top) / one.size ** 2;
}

/** A picture as a sprite, made smaller where its sides are longer than `most`; what is not square is stretched. */
export function spriteOf(picture: Picture, most: number): Sprite {
  const side = Math.min(most, Math.max(picture.width, picture.height));
  const opacity = new Uint8ClampedArray(picture.data.length);
  for (let i = 0; i < opacity.length; i++) opacity[i] = picture.data[i | 3]!;
  return {
    color: resample(composite(picture, [0, 0, 0]), side, side, "bilinear"),
    alpha: resample({ ...picture, data: opacity }, side, side, "bilinear"),
  };
}

/**
 * Draws a scene.
 *
 * @param sprites of its objects, in their order
 * @param photo of its background, where that has one; its sides are at least the scene's
 * @returns the picture; the number of the object (from 1, in the order of the scene) that a pixel shows, 0 for the
 * background: the foremost that is opaque by half there; and the objects
 */
export function drawScene(
  scene: Scene,
  sprites: readonly Sprite[],
  photo?: Rgb,
): { picture: Picture; map: Uint8Array<ArrayBuffer>; objects: SceneObject[] } {
  const picture = backgroundOf(scene, photo);
  const map = new Uint8Array(scene.size * scene.size);
  const boxes = scene.objects.map((one, i) => drawObject(picture, map, one, sprites[i]!, i + 1));
  const objects = boxes.map((box, i): SceneObject => ({
    box,
    area: map.reduce((sum, number) => sum + Number(number === i + 1), 0),
  }));
  return { picture, map, objects };
}

function backgroundOf({ size, background }: Scene, photo?: Rgb): Picture {
  if ("color" in background) {
    return composite({ width: size, height: size, data: new Uint8ClampedArray(size * size * 4) }, background.color);
  }
  const { width, height, data } = photo!;
  const side = size + Math.floor(background.side * (Math.min(width, height) - size + 1));
  const left = Math.floor(background.left * (width - side + 1));
  const top = Math.floor(background.top * (height - side + 1));
  const square = new Uint8ClampedArray(side * side * 3);
  for (let y = 0; y < side; y++) {
    const start = 3 * ((top + y) * width + left);
    square.set(data.subarray(start, start + 3 * side), 3 * y * side);
  }
  return opaque(resample(opaque({ width: side, height: side, data: square }), size, size, "area"));
}

/** Draws one object over what is there; returns its box. */
function drawObject(
  picture: Picture,
  map: Uint8Array,
  { left, top, size }: Placement,
  sprite: Sprite,
  number: number,
): readonly [number, number, number, number] {
  const color = resample(opaque(sprite.color), size, size, "bilinear").data;
  const alpha = resample(opaque(sprite.alpha), size, size, "bilinear").data;
  let [x0, y0, x1, y1] = [size, size, 0, 0];
  for (let i = 0; i < size * size; i++) {
    const a = alpha[3 * i]!;
    if (a === 0) continue;
    const [x, y] = [i % size, Math.floor(i / size)];
    [x0, y0, x1, y1] = [Math.min(x0, x), Math.min(y0, y), Math.max(x1, x + 1), Math.max(y1, y + 1)];
    const at = (top + y) * picture.width + left + x;
    for (let c = 0; c < 3; c++) {
      picture.data[4 * at + c] = picture.data[4 * at + c]! * (255 - a) / 255 + color[3 * i + c]!;
    }
    if (a >= 128) map[at] = number;
  }
  return [left + x0, top + y0, Math.max(0, x1 - x0), Math.max(0, y1 - y0)];
}

function opaque({ width, height, data }: Rgb): Picture {
  const out = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let i = 0; i < width * height; i++) out.set(data.subarray(3 * i, 3 * i + 3), 4 * i);
  return { width, height, data: out };
}
