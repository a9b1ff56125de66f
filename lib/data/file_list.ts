import { basename, join, resolve } from "@std/path";
import { LatentError } from "../base/mod.ts";
import { type Dataset, type Item, splitByHash } from "./dataset.ts";
import { listPictures } from "./folder.ts";
import { linesOf } from "./lines.ts";
import { leavesFolder, Problems } from "./problems.ts";

/** Options of {@linkcode fileList}. */
export interface FileListOptions {
  /** Text files whose lines are paths relative to the folder: the pictures to train on, and those kept out. */
  lists: { train: string; validation?: string };
  /** Where there is no list for it: about which share is kept out of training, by a hash of the path. @default {0.05} */
  validation?: number;
}

/**
 * The pictures of a folder that lists name, in the order of the lists: as the original splits LSUN
 * (`church_outdoor_train.txt`), CelebA-HQ and FFHQ (`ffhqtrain.txt`). The lists of CelebA-HQ name `.npy` files; such a
 * name stands for the picture of the same name with another ending.
 *
 * Throws LatentErrors: `data.missing` where there is no such folder or list, `data.metadata` that lists lines which
 * name no picture of the folder, or one a second time; `data.empty` for a list of nothing.
 */
export async function fileList(folder: string, { lists, validation }: FileListOptions): Promise<Dataset> {
  const root = resolve(folder);
  const known = new Set(await listPictures(root));
  const stems = new Map(Array.from(known, (key) => [stemOf(key), key]));
  const read = (path: string) => readList(path, root, (line) => known.has(line) ? line : substitute(line, stems));
  const train = await read(lists.train);
  const split = lists.validation === undefined
    ? splitByHash(train, validation ?? 0.05, (item) => item.key)
    : { train, validation: await read(lists.validation) };
  return { name: basename(root), classes: [], ...split };
}

const stemOf = (key: string) => key.replace(/\.[^./]*$/, "");

/** The picture that a NumPy array was made of. */
function substitute(line: string, stems: ReadonlyMap<string, string>): string | undefined {
  return line.endsWith(".npy") ? stems.get(stemOf(line)) : undefined;
}

async function readList(path: string, root: string, find: (line: string) => string | undefined): Promise<Item[]> {
  const keys = new Set<string>();
  const problems = new Problems();
  let number = 0;
  for await (const lines of linesOf(path)) {
    for (const line of lines) {
      number++;
      if (line === "") continue;
      const key = find(line);
      const problem = key !== undefined ? "a picture for the second time" : whyNot(line);
      if (key === undefined || keys.has(key)) problems.add(`line ${number}`, problem, `a picture in ${root}`);
      else keys.add(key);
    }
  }
  problems.refuse(path, "lines", "Give the folder that the paths of the list begin in, or correct the list.");
  if (keys.size > 0) return Array.from(keys, (key) => ({ key, path: join(root, key) }));
  throw new LatentError("data.empty", { what: `${path} names no picture`, wanted: "a path in each line" });
}

function whyNot(line: string): string {
  const name = JSON.stringify(line.slice(0, 80));
  return `${name}, ${leavesFolder(line) ? "a path that leaves the folder" : "which is not there"}`;
}
