import { basename, join, resolve } from "@std/path";
import type { Dataset } from "./dataset.ts";
import { jsonElements } from "./json_stream.ts";
import type { Box, LayoutBox } from "./layout.ts";
import {
  type Category,
  chooseObjects,
  type Classes,
  type LayoutItem,
  missing,
  namesOf,
  numberClasses,
  type ObjectOptions,
  objectSet,
} from "./objects.ts";
import { leavesFolder, own, Problems } from "./problems.ts";

/** Options of {@linkcode coco}. */
export interface CocoOptions extends ObjectOptions {
  /** Whether sky, grass and the like are objects too, of `stuff_*.json`. @default {false} */
  stuff?: boolean;
}

/**
 * COCO, or a set in its form, with boxes and classes: `annotations/instances_train2017.json` beside the pictures in
 * `train2017` (or `images/train2017`), and the same of `val2017` for validation; of several years the latest. Files are
 * read piece by piece (the training annotations are 450 MB); of an object its class, box and crowd flag are kept.
 *
 * The classes are in the original's order, by their number as text ("1", "10", "11", …, "2"). Which pictures and objects
 * are taken is in {@linkcode ObjectOptions}; the area is that of the box.
 *
 * Throws LatentErrors: `data.missing` for files that are not there, `data.metadata` for ones that can't be used,
 * `data.class`, `data.empty`.
 */
export async function coco(folder: string, options: CocoOptions = {}): Promise<Dataset<LayoutItem>> {
  const root = resolve(folder);
  const train = splitOf(root, "train");
  if (train === undefined) {
    throw missing(`${root} is no folder of COCO's form`, "annotations/instances_train….json, and train… beside it");
  }
  const validation = splitOf(root, "val");
  const read = async (name: string) => await readSplit(root, name, options);
  const first = await read(train);
  const second = validation === undefined ? undefined : await read(validation);
  const classes = numberClasses(first.categories, options);
  return objectSet(basename(root), classes.names, {
    train: itemsOf(first, classes, options),
    validation: second && itemsOf(second, classes, options),
  }, options);
}

/** What the files of a split hold; boxes have the number of their category until the classes are known. */
interface Split {
  /** Key and path of each picture, by its id. */
  pictures: Map<unknown, Picture>;
  categories: Category[];
}

interface Picture {
  key: string;
  path: string;
  width: number;
  height: number;
  objects: { category: string; box: Box; group: boolean }[];
}

function splitOf(root: string, name: "train" | "val"): string | undefined {
  const found = namesOf(join(root, "annotations")).map((file) => /^instances_(.*)\.json$/.exec(file)?.[1]);
  return found.findLast((split) => split?.startsWith(name));
}

async function readSplit(root: string, name: string, { stuff = false }: CocoOptions): Promise<Split> {
  const below = [name, `images/${name}`].find((folder) => namesOf(join(root, folder)).length > 0);
  if (below === undefined) throw missing(`there are no pictures in ${join(root, name)}`, "the pictures of that split");
  const split: Split = { pictures: new Map(), categories: [] };
  const files = ["instances", ...stuff ? ["stuff"] : []];
  for (const kind of files) await readFile(join(root, "annotations", `${kind}_${name}.json`), root, below, split);
  return split;
}

/** Reads one file into the split. Pictures may come after the objects in them. */
async function readFile(path: string, root: string, below: string, split: Split): Promise<void> {
  if (await Deno.stat(path).catch(() => undefined) === undefined) throw missing(`there is no ${path}`, "COCO's file");
  const problems = new Problems();
  const early: unknown[] = [];
  let number = 0;
  const place = (value: unknown) => {
    const problem = addObject(value, split);
    if (problem !== undefined) problems.add(`object ${number}`, problem, '{"image_id", "category_id", "bbox"}');
  };
  for await (const [key, value] of jsonElements(path, ["images", "annotations", "categories"])) {
    if (key === "categories") addCategory(value, split);
    else if (key === "annotations") {
      number++;
      if (split.pictures.has(own(value, "image_id"))) place(value);
      else early.push(short(value));
    } else {
      const problem = addPicture(value, root, below, split);
      if (problem !== undefined) problems.add("a picture", problem, '{"id", "file_name", "width", "height"}');
    }
  }
  early.forEach(place);
  problems.refuse(path, "entries", "Correct them, or fetch the file again.");
}

/** What is kept of an object whose picture is still to come: not its outline, which is nearly all of the file. */
function short(value: unknown): unknown {
  const keys = ["image_id", "category_id", "bbox", "iscrowd"];
  return Object.fromEntries(keys.map((key) => [key, own(value, key)]));
}

function addCategory(value: unknown, { categories }: Split): void {
  const [id, name] = [own(value, "id"), own(value, "name")];
  const known = categories.some((one) => one.id === `${id}`);
  if (typeof name === "string" && name !== "other" && !known) categories.push({ id: `${id}`, name });
}

function addPicture(value: unknown, root: string, below: string, { pictures }: Split): string | undefined {
  const [id, name, width, height] = ["id", "file_name", "width", "height"].map((key) => own(value, key));
  if (typeof name !== "string") return "no file_name";
  if (leavesFolder(name)) return `${JSON.stringify(name)}, a path that leaves the folder`;
  if (!isSide(width) || !isSide(height)) return `${JSON.stringify(name)} with sides ${width} and ${height}`;
  const key = `${below}/${name}`;
  if (!pictures.has(id)) pictures.set(id, { key, path: join(root, key), width, height, objects: [] });
  return undefined;
}

const isSide = (value: unknown): value is number => typeof value === "number" && value > 0 && value < 1e6;

function addObject(value: unknown, { pictures }: Split): string | undefined {
  const picture = pictures.get(own(value, "image_id"));
  if (picture === undefined) return `a picture ${own(value, "image_id")}, which there isn't`;
  const box: unknown = own(value, "bbox");
  if (!Array.isArray(box) || box.length !== 4 || !box.every(Number.isFinite)) return `box ${JSON.stringify(box)}`;
  const { width, height, objects } = picture;
  const [x, y, w, h] = box as [number, number, number, number];
  objects.push({
    category: `${own(value, "category_id")}`,
    box: [x / width, y / height, w / width, h / height],
    group: own(value, "iscrowd") === 1,
  });
  return undefined;
}

function itemsOf({ pictures }: Split, { indexOf }: Classes, options: CocoOptions): LayoutItem[] {
  return Array.from(pictures.values()).flatMap(({ key, path, objects }) => {
    const known = objects.flatMap(({ category, box, group }): LayoutBox[] => {
      const index = indexOf.get(category);
      return index === undefined ? [] : [{ class: index, box, ...(group ? { group } : {}) }];
    });
    const boxes = chooseObjects(known, options);
    return boxes === undefined ? [] : [{ key, path, boxes }];
  });
}
