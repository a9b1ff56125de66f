import { basename, dirname, join } from "@std/path";
import { LatentError } from "../base/mod.ts";
import { disk } from "./disk.ts";
import type { FileLayer, WritableFile } from "./layer.ts";

/** How a file is written so that it appears whole. */
export interface AtomicOptions {
  /** Where to write. @default {disk} */
  layer?: FileLayer;
  /** Whether a file that has the path, or gets it meanwhile, may be replaced; else it is `file.exists`. @default {false} */
  replace?: boolean;
}

const SUFFIX = ".latent-partial";

/**
 * Writes a file so that after a crash at any moment its path has either what it had before or all of the new bytes:
 * temporary name in the same folder, write, fsync, rename (or link, to replace nothing), fsync of the folder.
 *
 * @param write appends the contents; when it throws, the temporary file is removed and the path stays as it was
 * @throws LatentError of the kind `file`
 */
export function writeAtomic(path: string, write: (file: WritableFile) => void, options: AtomicOptions = {}): void {
  const { layer = disk, replace = false } = options;
  if (!replace && layer.exists(path)) throw taken(path);
  const partial = partialPath(path);
  const file = layer.create(partial);
  try {
    try {
      write(file);
      file.sync();
    } finally {
      file.close();
    }
    if (replace) layer.rename(partial, path);
    else place(partial, path, layer);
  } catch (error) {
    discard(partial, layer);
    throw error;
  }
  layer.syncFolder(dirname(path));
}

/**
 * Gives a finished file its path unless something has that by now. A link does so in one step; where the file system has
 * no links an empty file takes the path first, which stays there after a crash in just that moment.
 */
function place(partial: string, path: string, layer: FileLayer): void {
  try {
    layer.link(partial, path);
  } catch (error) {
    if (error instanceof LatentError && error.code === "file.exists") throw taken(path);
    layer.create(path).close();
    return layer.rename(partial, path);
  }
  layer.remove(partial);
}

/**
 * Removes what writes that were killed have left in a folder, and returns the names. Only for a folder in which nobody
 * else is writing: a run folder under its lock.
 */
export function removePartials(folder: string, layer: FileLayer = disk): string[] {
  const names = layer.list(folder).filter((name) => name.startsWith(".") && name.endsWith(SUFFIX));
  for (const name of names) layer.remove(join(folder, name));
  return names;
}

/** Hidden, and random so that two programs that write the same path don't write into each other. */
function partialPath(path: string): string {
  return join(dirname(path), `.${basename(path)}.${crypto.randomUUID().slice(0, 8)}${SUFFIX}`);
}

/** The error that led here is the one to tell, whatever else goes wrong. */
function discard(partial: string, layer: FileLayer): void {
  try {
    layer.remove(partial);
  } catch { /* removePartials will find it */ }
}

function taken(path: string): LatentError {
  return new LatentError("file.exists", {
    what: `${path} exists`,
    mend: "choose another path or move the file away: nothing is overwritten",
  });
}
