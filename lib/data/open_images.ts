import { basename, join, resolve } from "@std/path";
import { LatentError } from "../base/mod.ts";
import type { Dataset } from "./dataset.ts";
import type { LayoutBox } from "./layout.ts";
import { fieldsOf, linesOf } from "./lines.ts";
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
import { Problems } from "./problems.ts";

/**
 * OpenImages with boxes and classes: `class-descriptions-boxable.csv`, `train-annotations-bbox.csv` (whatever version
 * stands before these names), the pictures in `train`, and the same of `validation`. Files are read line by line
 * (the training boxes are 2.3 GB); what is kept of them is in memory, about 200 bytes a box.
 *
 * The classes are in the original's order, by their id, `/m/01s55n` (Person) last. Which pictures and objects are taken
 * is in {@linkcode ObjectOptions}.
 *
 * Throws LatentErrors: `data.missing` for files that are not there, `data.metadata` for ones that can't be used,
 * `data.class`, `data.empty`.
 */
export async function openImages(folder: string, options: ObjectOptions = {}): Promise<Dataset<LayoutItem>> {
  const root = resolve(folder);
  const files = namesOf(root);
  const file = (name: string) => files.findLast((one) => one === name || one.endsWith(`-${name}`));
  const [descriptions, train] = ["class-descriptions-boxable.csv", "train-annotations-bbox.csv"].map(file);
  const validation = file("validation-annotations-bbox.csv");
  if (descriptions === undefined || train === undefined) {
    throw missing(
      `${root} is no folder of OpenImages' form`,
      "class-descriptions-boxable.csv, train-annotations-bbox.csv, and the pictures in train",
    );
  }
  const classes = numberClasses(await readClasses(join(root, descriptions)), options);
  const read = (split: string, name: string) => readBoxes(root, split, name, classes, options);
  return objectSet(basename(root), classes.names, {
    train: await read("train", train),
    validation: validation === undefined ? undefined : await read("validation", validation),
  }, options);
}

/** Lines of `/m/011k07,Tortoise`. */
async function readClasses(path: string): Promise<Category[]> {
  const problems = new Problems();
  const categories: Category[] = [];
  for await (const lines of linesOf(path)) {
    for (const line of lines) {
      const [id, name] = fieldsOf(line);
      if (id?.startsWith("/") && name) categories.push({ id, name });
      else if (line !== "" && categories.length > 0) problems.add("a line", line.slice(0, 60), "/m/011k07,Tortoise");
    }
  }
  problems.refuse(path, "lines", "Fetch the file again.");
  return categories;
}

const columns = ["ImageID", "LabelName", "XMin", "XMax", "YMin", "YMax"] as const;
const flags = { IsGroupOf: "group", IsOccluded: "occluded", IsDepiction: "depiction", IsInside: "inside" } as const;

/** Pictures in the order of their first boxes. */
async function readBoxes(
  root: string,
  split: string,
  file: string,
  { indexOf }: Classes,
  options: ObjectOptions,
): Promise<LayoutItem[]> {
  const boxes = new Map<string, LayoutBox[]>();
  for await (const { image, category, object } of rowsOf(join(root, file))) {
    const index = indexOf.get(category);
    if (index === undefined) continue;
    const known = boxes.get(image);
    if (known === undefined) boxes.set(image, [{ class: index, ...object }]);
    else known.push({ class: index, ...object });
  }
  return Array.from(boxes).flatMap(([image, found]) => {
    const chosen = chooseObjects(found, options);
    const key = `${split}/${image.padStart(16, "0")}.jpg`;
    return chosen === undefined ? [] : [{ key, path: join(root, key), boxes: chosen }];
  });
}

/** A line of a file of boxes. */
interface Row {
  image: string;
  category: string;
  object: Omit<LayoutBox, "class">;
}

async function* rowsOf(path: string): AsyncGenerator<Row, void, undefined> {
  const problems = new Problems();
  let rowOf: ((line: string) => Row | string) | undefined;
  let number = 0;
  for await (const lines of linesOf(path)) {
    for (const line of lines) {
      number++;
      if (rowOf === undefined) rowOf = rowReader(line, path);
      else if (line !== "") {
        const row = rowOf(line);
        if (typeof row === "string") problems.add(`line ${number}`, row, columns.join(","));
        else yield row;
      }
    }
  }
  problems.refuse(path, "lines", "Correct them, or fetch the file again.");
}

/** Reads lines by the columns that the first line names. */
function rowReader(head: string, path: string): (line: string) => Row | string {
  const names = fieldsOf(head.replace(/^\ufeff/, ""));
  const lost = columns.filter((name) => !names.includes(name));
  if (lost.length > 0) {
    throw new LatentError("data.metadata", {
      what: `${path} has no column ${lost.join(", ")}`,
      found: head.slice(0, 120),
      wanted: columns.join(","),
    });
  }
  const [image, category, ...sides] = columns.map((name) => names.indexOf(name)) as [number, number, ...number[]];
  const bits = Object.entries(flags).map(([name, flag]) => [names.indexOf(name), flag] as const);
  return (line) => {
    const fields = fieldsOf(line);
    const id = fields[image] ?? "";
    if (!/^[\w-]{1,64}$/.test(id)) return `picture ${JSON.stringify(id.slice(0, 40))}`;
    const [left, right, top, bottom] = sides.map((at) => fields[at] ? Number(fields[at]) : NaN);
    const object: Row["object"] = { box: [left!, top!, right! - left!, bottom! - top!] };
    if (!object.box.every(Number.isFinite)) return `sides ${sides.map((at) => fields[at]).join(", ")}`;
    for (const [at, flag] of bits) if (fields[at] === "1") object[flag] = true;
    return { image: id, category: fields[category] ?? "", object };
  };
}
