import { basename, extname, join, resolve } from "@std/path";
import { LatentError } from "../base/mod.ts";
import { readCaptions } from "./captions.ts";
import { chooseClasses, type Dataset, type Item, splitByHash } from "./dataset.ts";

/** Extensions of the pictures that a folder is searched for. */
export const pictureExtensions = [".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp"];

/** Options of {@linkcode imageFolder}. */
export interface ImageFolderOptions {
  /** About which share of the pictures is kept out of training, by a hash of the relative path. @default {0.05} */
  validation?: number;
  /** Only these classes, subfolders of its first level. @default all, and what lies directly inside */
  classes?: readonly string[];
}

/**
 * A folder of pictures as a data set. It is searched with all its subfolders (links are followed, names that begin
 * with a dot left out) and sorted by relative path. The subfolders of its first level are the classes, sorted by name;
 * pictures directly inside have no label. A `metadata.jsonl` in it gives captions.
 *
 * Throws a LatentError `data.missing` where there is no folder, `data.empty` where no picture is in it,
 * `data.class` for a class that there isn't, `data.metadata` for a `metadata.jsonl` that can't be used.
 */
export async function imageFolder(folder: string, options: ImageFolderOptions = {}): Promise<Dataset> {
  const root = resolve(folder);
  const all = await listPictures(root);
  const captions = await readCaptions(root, new Set(all));
  const classes = chooseClasses([...new Set(all.flatMap((key) => classOf(key) ?? []))].sort(), options.classes);
  const keys = options.classes ? all.filter((key) => classes.includes(classOf(key) ?? "")) : all;
  const labels = new Map(classes.map((name, label) => [name, label]));
  const items = keys.map((key): Item => {
    const label = labels.get(classOf(key) ?? "");
    const caption = captions.get(key);
    return {
      key,
      path: join(root, key),
      ...(label === undefined ? {} : { label }),
      ...(caption === undefined ? {} : { caption }),
    };
  });
  return { name: basename(root), classes, ...splitByHash(items, options.validation ?? 0.05, (item) => item.key) };
}

/** The first folder of a relative path. */
function classOf(key: string): string | undefined {
  const slash = key.indexOf("/");
  return slash < 0 ? undefined : key.slice(0, slash);
}

/** The pictures' paths relative to the root, sorted by code units, so that every machine has the same order. */
export async function listPictures(root: string): Promise<string[]> {
  const seen = { files: 0, keys: [] as string[] };
  try {
    await walk(root, "", [await Deno.realPath(root)], seen);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound || cause instanceof Deno.errors.NotADirectory)) throw cause;
    throw new LatentError("data.missing", {
      what: `there is no folder ${root}`,
      wanted: "a folder of images",
      mend: "Check the path; a relative one is taken from the folder in which the command was given.",
      cause,
    });
  }
  if (seen.keys.length === 0) throw emptyFolder(root, seen.files);
  return seen.keys.sort();
}

/** Collects the pictures below `root/prefix`; `parents` are the real paths above it, so that a link in a circle ends. */
async function walk(
  root: string,
  prefix: string,
  parents: string[],
  seen: { files: number; keys: string[] },
): Promise<void> {
  for await (const { name, isDirectory, isFile, isSymlink } of Deno.readDir(join(root, prefix))) {
    if (name.startsWith(".")) continue;
    const path = join(root, prefix, name);
    const target = isSymlink ? await Deno.stat(path).catch(() => undefined) : undefined;
    if (isDirectory || target?.isDirectory) {
      const real = await Deno.realPath(path);
      if (!parents.includes(real)) await walk(root, `${prefix}${name}/`, [...parents, real], seen);
    } else if (isFile || target?.isFile) {
      seen.files++;
      if (pictureExtensions.includes(extname(name).toLowerCase())) seen.keys.push(prefix + name);
    }
  }
}

function emptyFolder(root: string, files: number): LatentError {
  return new LatentError("data.empty", {
    what: `no image is in ${root}`,
    found: files === 0 ? "no file, in it or in its subfolders" : `${files} other file${files === 1 ? "" : "s"}`,
    wanted: `files that end in ${pictureExtensions.join(", ")}`,
    mend: "Give the folder that the images, or the folders of images, are in.",
  });
}
