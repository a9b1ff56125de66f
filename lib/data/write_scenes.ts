import { dirname, join, resolve } from "@std/path";
import { LatentError, type WorkEvent } from "../base/mod.ts";
import { decodeImage, encodeIndexMap, encodePng } from "../image/mod.ts";
import type { Item } from "./dataset.ts";
import { type Emoji, emoji, type EmojiOptions } from "./emoji.ts";
import { imageFolder } from "./folder.ts";
import { readPicture } from "./read.ts";
import type { Rgb } from "./resample.ts";
import { chooseScene, drawScene, objectSides, type SceneObject, spriteOf } from "./scene.ts";

/** Options of {@linkcode writeScenes}. */
export interface WriteScenesOptions {
  /** How many. */
  count: number;
  /** Pixels of their sides. */
  size: number;
  /** Decides everything: an integer of 0 … 2⁵³ − 1. @default {0} */
  seed?: number;
  /** A folder of photographs; half of the scenes are in front of one. @default none: plain colours */
  backgrounds?: string;
  /** The least and the most objects of a scene. @default {[1, 5]} */
  objects?: readonly [least: number, most: number];
  /** What an emoji is called. @default {"subgroup"} */
  classes?: "subgroup" | "group";
  /** Which emoji. @default those of `emoji()` */
  emoji?: EmojiOptions;
  /** The share of the scenes that is for validation; their emoji are the validation emoji. @default {0.1} */
  validation?: number;
  /** Ends the work with the signal's reason; nothing stays of what was written. */
  signal?: AbortSignal;
}

/** The first number of a category in the files, so that all have three digits and are in one order as numbers and as text. */
const firstCategory = 101;

/**
 * Writes scenes of emoji as a data set in COCO's form, all at once under its name when it is whole: pictures
 * `train/000000.png`, boxes and classes `annotations/instances_train.json`, label maps `maps/train/000000.png`, and the
 * same of `val`; `classes.txt` has the names of the label maps' classes, the background first. `coco(folder)` reads
 * pictures and boxes, `withLabelMaps(set, folder/maps)` adds the maps.
 *
 * A box is tight around all of an object that is not wholly transparent, also where another is in front of it; a pixel of
 * a map is of the foremost object that is opaque by half there. Category k + 101 and number k + 1 of the maps are class k.
 *
 * @throws LatentError `file.exists` where the folder is there; `data.missing`, `data.class`, `data.empty` as `emoji` and
 * `imageFolder`
 */
export async function* writeScenes(folder: string, options: WriteScenesOptions): AsyncGenerator<WorkEvent> {
  const { count, classes: by = "subgroup", backgrounds, validation = 0.1 } = options;
  const root = resolve(folder);
  if (await Deno.lstat(root).then(() => true, () => false)) {
    throw new LatentError("file.exists", { what: `${root} is there already`, mend: "Choose another folder." });
  }
  const set = await emoji(options.emoji);
  const classes = [...new Set([...set.train, ...set.validation].map((one) => one[by]))].sort();
  const photos = backgrounds === undefined ? [] : (await imageFolder(backgrounds, { validation: 0 })).train;
  const held = Math.round(count * validation);
  await Deno.mkdir(dirname(root), { recursive: true });
  const work = await Deno.makeTempDir({ dir: dirname(root), prefix: ".scenes-", suffix: ".tmp" });
  const whole = join(work, "whole");
  try {
    const from = { classes, photos, options };
    if (held > 0) yield* writeSplit(whole, "val", { ...from, sprites: set.validation, start: 0, end: held });
    if (held < count) yield* writeSplit(whole, "train", { ...from, sprites: set.train, start: held, end: count });
    await write(join(whole, "classes.txt"), encoder.encode(["background", ...classes, ""].join("\n")));
    await Deno.rename(whole, root);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
  yield { type: "file", path: root, kind: "data set" };
  yield { type: "done", text: `${count} scenes of ${classes.length} classes are in ${root}`, result: { folder: root } };
}

/** The scenes start … end − 1 with these sprites, and their annotations. */
interface Part {
  sprites: Emoji[];
  photos: Item[];
  classes: string[];
  start: number;
  end: number;
  options: WriteScenesOptions;
}

async function* writeSplit(folder: string, name: "train" | "val", part: Part): AsyncGenerator<WorkEvent> {
  const { sprites, photos, classes, start, end, options } = part;
  const { size, seed = 0, objects = [1, 5], classes: by = "subgroup", signal } = options;
  if (sprites.length === 0) throw noSprites(name);
  const file = new CocoFile(classes);
  const spriteAt = remembered(async (i) => spriteOf(await pictureOf(sprites[i]!), Math.ceil(objectSides.most * size)));
  for (let index = start; index < end; index++) {
    yield { type: "progress", label: "compose scenes", done: index, total: options.count, unit: "scene" };
    signal?.throwIfAborted();
    const scene = chooseScene({ sprites: sprites.length, photos: photos.length, size, objects }, { seed, index });
    const pictures = await Promise.all(scene.objects.map(({ sprite }) => spriteAt(sprite)));
    const photo = "photo" in scene.background ? await photoOf(photos[scene.background.photo]!, size) : undefined;
    const drawn = drawScene(scene, pictures, photo);
    const labels = scene.objects.map(({ sprite }) => classes.indexOf(sprites[sprite]![by]));
    const map = drawn.map.map((number) => number === 0 ? 0 : labels[number - 1]! + 1);
    const key = `${String(index).padStart(6, "0")}.png`;
    await write(join(folder, name, key), await encodePng(drawn.picture));
    await write(join(folder, "maps", name, key), await encodeIndexMap({ width: size, height: size, data: map }));
    file.add(key, size, drawn.objects, labels);
  }
  await write(join(folder, "annotations", `instances_${name}.json`), encoder.encode(file.text));
}

const encoder = new TextEncoder();

async function pictureOf({ path }: Item) {
  return await decodeImage(await Deno.readFile(path), { name: path });
}

/** A photograph whose shorter side is twice a scene's. */
async function photoOf({ path }: Item, size: number): Promise<Rgb> {
  return await readPicture({ path }, {
    resize: 2 * size,
    filter: "bicubic",
    background: [255, 255, 255],
    maxFileBytes: 256 * 2 ** 20,
  });
}

/** The same, each made once. */
function remembered<T>(make: (i: number) => Promise<T>): (i: number) => Promise<T> {
  const known = new Map<number, Promise<T>>();
  return (i) => {
    const one = known.get(i) ?? make(i);
    known.set(i, one);
    return one;
  };
}

async function write(path: string, bytes: Uint8Array): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  await Deno.writeFile(path, bytes);
}

function noSprites(split: string): LatentError {
  return new LatentError("data.empty", {
    what: `there are no emoji for the scenes of ${split}`,
    mend: "Take more groups of emoji, or another share of validation scenes: 0 or 1.",
  });
}

/** What COCO's files of instances say. */
class CocoFile {
  readonly #images: unknown[] = [];
  readonly #annotations: unknown[] = [];

  constructor(private readonly classes: readonly string[]) {}

  add(fileName: string, size: number, objects: readonly SceneObject[], labels: readonly number[]): void {
    const id = this.#images.length + 1;
    this.#images.push({ id, file_name: fileName, width: size, height: size });
    for (const [i, { box, area }] of objects.entries()) {
      const category = firstCategory + labels[i]!;
      const number = this.#annotations.length + 1;
      this.#annotations.push({ id: number, image_id: id, category_id: category, bbox: box, area, iscrowd: 0 });
    }
  }

  get text(): string {
    const categories = this.classes.map((name, i) => ({ id: firstCategory + i, name }));
    return JSON.stringify({ images: this.#images, annotations: this.#annotations, categories });
  }
}
