import { LatentError, nearest, sha256 } from "../base/mod.ts";

/** One picture of a data set: where it lies and what is known of it. Plain data, for Workers and JSON. */
export interface Item {
  /** Names the picture within its set, the same on every machine: a path relative to the set's folder, with slashes. */
  key: string;
  /** The file, absolute. */
  path: string;
  /** Where in the file the picture is, if it is not all of it. */
  part?: Part;
  /** Index into the set's classes. */
  label?: number;
  /** The PNG of its label map, absolute. */
  map?: string;
  /** What is to be seen, in words. */
  caption?: string;
}

/** A picture within a file of many: so many bytes of a tar archive, or a cell of a Parquet file. */
export type Part = { offset: number; bytes: number } | { column: string; row: number };

/** A data set: plain data that can be sent to Workers. */
export interface Dataset<I extends Item = Item> {
  /** What to call it in a log: the folder's name, "emoji". */
  name: string;
  /** Names of the classes that the labels count; empty when there are none. */
  classes: string[];
  /** The items to train on, in file order. */
  train: I[];
  /** The items kept out of training, in file order; may be empty in a small set. */
  validation: I[];
}

/**
 * Items → train and validation. An item goes by the hash of its group alone, so that it stays where it is when others
 * are added, and items of one group stay together.
 *
 * @param share about which share goes to validation, of 0 … 1
 * @param group what an item is split by, its key for instance
 */
export function splitByHash<I extends Item>(
  items: Iterable<I>,
  share: number,
  group: (item: I) => string,
): { train: I[]; validation: I[] } {
  const { train = [], validation = [] } = Object.groupBy(
    items,
    (item) => hashShare(group(item)) < share ? "validation" : "train",
  );
  return { train, validation };
}

/** The classes that were asked for, in the order of all; throws a LatentError `data.class` for one that there isn't. */
export function chooseClasses(all: readonly string[], asked: readonly string[] = all): string[] {
  const unknown = asked.filter((name) => !all.includes(name));
  if (unknown.length > 0) {
    throw new LatentError("data.class", {
      what: `there is no class of images named ${unknown.join(" or ")}`,
      wanted: all.length === 0 ? "no classes: there are no subfolders" : all.join(", "),
      mend: unknown.flatMap((name) => nearest(name, all) ?? []).map((name) => `Did you mean ${name}?`).join(" "),
    });
  }
  return all.filter((name) => asked.includes(name));
}

/** A number of [0, 1) that depends on the text alone: the first 32 bits of its SHA-256. */
function hashShare(text: string): number {
  return parseInt(sha256(text).slice(0, 8), 16) / 2 ** 32;
}
