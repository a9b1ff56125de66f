import { basename, join, resolve } from "@std/path";
import { parse } from "yaml";
import { LatentError } from "../base/mod.ts";
import { type Dataset, type Item, splitByHash } from "./dataset.ts";
import { imageFolder, type ImageFolderOptions } from "./folder.ts";
import { linesOf } from "./lines.ts";
import { namesOf } from "./objects.ts";
import { own } from "./problems.ts";

/** Options of {@linkcode classFolders}. */
export interface ClassFolderOptions extends ImageFolderOptions {
  /** A file that numbers the folders: `index_synset.yaml`, `imagenet_class_index.json`. @default sorted by name */
  index?: string;
  /** A file of lines `n01440764 tench, Tinca tinca`. @default `synset_human.txt` and such, if there is one */
  names?: string;
}

/** Names under which files of names are found beside ImageNet. */
const nameFiles = ["synset_human.txt", "LOC_synset_mapping.txt", "synset_words.txt", "words.txt"];

/**
 * ImageNet, or a set in its form: pictures in a folder for each class, those in `train` and in `val` (or `validation`),
 * or without these, split by hash. A class's index is its place among the folders sorted by name, as torchvision's
 * `ImageFolder` counts and the original too; or what `index` says, which lets a part of the classes keep the published
 * numbers. A class is called by its folder, or by what `names` says of it, which is then also each picture's caption;
 * of two classes with one name each has its folder behind it: "crane (n03126707)".
 *
 * Throws LatentErrors: those of `imageFolder`, and `data.class` for a folder that is in `val` alone or not in `index`,
 * `data.metadata` for files that are no such thing.
 */
export async function classFolders(folder: string, options: ClassFolderOptions = {}): Promise<Dataset> {
  const root = resolve(folder);
  const inside = namesOf(root);
  const [train, val] = [["train"], ["val", "validation"]].map((names) => names.find((name) => inside.includes(name)));
  const chosen = options.classes && { classes: options.classes };
  const all = await imageFolder(join(root, train ?? ""), { ...chosen, validation: 0 });
  const rest = train && val ? await imageFolder(join(root, val), { ...chosen, validation: 0 }) : undefined;
  const indexFile = options.index;
  const index = indexFile === undefined ? all.classes : await readIndex(indexFile);
  const unknown = [...new Set([...all.classes, ...rest?.classes ?? []])].filter((name) => !index.includes(name));
  if (unknown.length > 0) throw unknownFolders(unknown, indexFile ?? join(root, train ?? ""));
  const names = await namesFor(index, options.names ?? nameFiles.find((name) => inside.includes(name)), root);
  const itemsOf = ({ train, classes }: Dataset, below: string): Item[] => {
    const known = classes.map((name) => ({ label: index.indexOf(name), caption: names.get(name) }));
    return train.map((item) => labelled(item, known[item.label ?? -1], below));
  };
  const first = itemsOf(all, train ? `${train}/` : "");
  const split = rest === undefined
    ? splitByHash(first, options.validation ?? 0.05, (item) => item.key)
    : { train: first, validation: itemsOf(rest, `${val}/`) };
  return { name: basename(root), classes: unique(index, names), ...split };
}

/** An item of a class, its key with the folder of its split. */
function labelled(
  { key, path, caption }: Item,
  known: { label: number; caption: string | undefined } | undefined,
  below: string,
): Item {
  const words = caption ?? known?.caption;
  return {
    key: below + key,
    path,
    ...(known === undefined ? {} : { label: known.label }),
    ...(words === undefined ? {} : { caption: words }),
  };
}

/** The folders in the order of their numbers; a number that no folder has is an empty name. */
async function readIndex(path: string): Promise<string[]> {
  const wanted = "a number and a folder for each class: `0: n01440764`";
  const bad = (found: string, cause?: unknown) =>
    new LatentError("data.metadata", { what: `${path} does not number classes`, found, wanted, cause });
  let table: unknown;
  try {
    table = parse(await Deno.readTextFile(path));
  } catch (cause) {
    throw bad(cause instanceof Error ? cause.message : "", cause);
  }
  const index: string[] = [];
  for (const key of typeof table === "object" && table !== null ? Object.keys(table) : []) {
    const value = own(table, key);
    const folder: unknown = Array.isArray(value) ? value[0] : value;
    if (!/^\d{1,6}$/.test(key) || typeof folder !== "string") throw bad(JSON.stringify({ [key]: value }));
    index[Number(key)] = folder;
  }
  if (index.length === 0) throw bad("nothing of the kind");
  return Array.from(index, (folder) => folder ?? "");
}

/** What the classes are called, by their folders. @param file absolute, or relative to the root */
async function namesFor(folders: string[], file: string | undefined, root: string): Promise<Map<string, string>> {
  const wanted = new Set(folders);
  const names = new Map<string, string>();
  if (file === undefined) return names;
  const path = nameFiles.includes(file) ? join(root, file) : file;
  for await (const lines of linesOf(path)) {
    for (const line of lines) {
      const [, folder = "", name = ""] = /^(\S+)\s+(.*\S)/.exec(line) ?? [];
      if (wanted.has(folder)) names.set(folder, name);
    }
  }
  return names;
}

function unique(index: string[], names: Map<string, string>): string[] {
  const called = index.map((folder) => names.get(folder) ?? folder);
  const times = Map.groupBy(called, (name) => name);
  return called.map((name, i) => times.get(name)!.length > 1 ? `${name} (${index[i]})` : name);
}

function unknownFolders(folders: string[], where: string): LatentError {
  return new LatentError("data.class", {
    what: `${folders.length} folders of images have no number: ${folders.slice(0, 5).join(", ")}`,
    wanted: `those of ${where}`,
    mend: "Put every class into the training folder, or leave out those that aren't there.",
  });
}
