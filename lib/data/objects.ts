import { LatentError } from "../base/mod.ts";
import { chooseClasses, type Dataset, type Item, splitByHash } from "./dataset.ts";
import type { LayoutBox } from "./layout.ts";

/** A picture and the objects in it. */
export interface LayoutItem extends Item {
  /** Their classes are indices into the set's. */
  boxes: LayoutBox[];
}

/** Which pictures and which of their objects are taken (taming-transformers, `annotated_objects_dataset.py`). */
export interface ObjectOptions {
  /** Only objects of these classes. @default all */
  classes?: readonly string[];
  /** Classes that are taken for another: name → name. @default none */
  merge?: Readonly<Record<string, string>>;
  /** Objects of at most this share of their picture's area are left out. @default {0.00001} */
  minArea?: number;
  /** Pictures with fewer objects are left out; the original's configs say 2. @default {1} */
  minObjects?: number;
  /** Pictures with more objects are left out. @default {30} */
  maxObjects?: number;
  /** The share kept out of training where the set has no validation of its own. @default {0.05} */
  validation?: number;
}

/** A class as a set's files name it. */
export interface Category {
  id: string;
  name: string;
}

/** The classes of a set: their names in the order of their indices, and the index for each id of its files. */
export interface Classes {
  names: string[];
  indexOf: Map<string, number>;
}

/** OpenImages' Person, which the original puts last. */
const lastId = "/m/01s55n";

/**
 * Numbers classes as the original does: by id, sorted as text, OpenImages' `/m/01s55n` last. A merged class has the
 * index of the one that it is taken for.
 *
 * @throws LatentError `data.class` for a name in `classes` or `merge` that there isn't
 */
export function numberClasses(all: readonly Category[], { classes, merge = {} }: ObjectOptions): Classes {
  const pairs = Object.entries(merge);
  const names = all.map(({ name }) => name);
  chooseClasses(names, pairs.flat());
  const chosen = new Set(chooseClasses(names, classes));
  const merged = new Map(pairs);
  const kept = all.filter(({ name }) => chosen.has(name) && !merged.has(name)).sort(byId);
  const indexOf = new Map(kept.map(({ id }, index) => [id, index]));
  const index = new Map(kept.map(({ name }, index) => [name, index]));
  for (const { id, name } of all) {
    const into = index.get(merged.get(name) ?? "");
    if (into !== undefined) indexOf.set(id, into);
  }
  return { names: kept.map(({ name }) => name), indexOf };
}

function byId(a: Category, b: Category): number {
  if (a.id === lastId || b.id === lastId) return Number(a.id === lastId) - Number(b.id === lastId);
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

/** The objects of a picture that are large enough; undefined where they are too few or too many. */
export function chooseObjects(
  boxes: readonly LayoutBox[],
  { minArea = 1e-5, minObjects = 1, maxObjects = 30 }: ObjectOptions,
): LayoutBox[] | undefined {
  const large = boxes.filter(({ box }) => box[2] * box[3] > minArea);
  return large.length >= minObjects && large.length <= maxObjects ? large : undefined;
}

/**
 * Pictures with objects as a data set, where there is no validation split, by the hash of their keys.
 *
 * @throws LatentError `data.empty` where there is none to train on
 */
export function objectSet(
  name: string,
  classes: string[],
  { train, validation }: { train: LayoutItem[]; validation?: LayoutItem[] | undefined },
  options: ObjectOptions,
): Dataset<LayoutItem> {
  if (train.length === 0) {
    throw new LatentError("data.empty", {
      what: `no picture of ${name} has as many objects as asked for`,
      wanted: `${options.minObjects ?? 1} to ${options.maxObjects ?? 30} of ${classes.length} classes`,
      mend: "Take other classes, or let the objects be fewer, more or smaller.",
    });
  }
  const split = validation === undefined
    ? splitByHash(train, options.validation ?? 0.05, (item) => item.key)
    : { train, validation };
  return { name, classes, ...split };
}

/** The error for a data set's file or folder that is not there. */
export function missing(what: string, wanted: string): LatentError {
  return new LatentError("data.missing", {
    what,
    wanted,
    mend: "Check the path; a relative one is taken from the folder in which the command was given.",
  });
}

/** The names in a folder, sorted; none where there is no such folder. */
export function namesOf(folder: string): string[] {
  try {
    return Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return [];
    throw error;
  }
}
