import { statfsSync } from "node:fs";
import { LatentError } from "../base/mod.ts";
import { fileError, type FileLayer, type ReadableFile, type WritableFile } from "./layer.ts";

/** The real file system. */
export const disk: FileLayer = {
  create: (path) => attempt(path, "created", () => writable(path)),
  open: (path) => attempt(path, "opened", () => readable(path)),
  exists: (path) => attempt(path, "looked for", () => present(path)),
  rename: (from, to) => attempt(from, `renamed to ${to}`, () => Deno.renameSync(from, to)),
  link: (from, to) => attempt(to, `linked to ${from}`, () => Deno.linkSync(from, to)),
  remove: (path) => attempt(path, "removed", () => Deno.removeSync(path)),
  list: (folder) => attempt(folder, "listed", () => [...Deno.readDirSync(folder)].map((entry) => entry.name)),
  syncFolder: (folder) =>
    attempt(folder, "synced", () => {
      using handle = Deno.openSync(folder, { read: true });
      handle.syncSync();
    }),
  freeBytes: (folder) =>
    attempt(folder, "asked for its free space", () => {
      const { bavail, bsize } = statfsSync(folder);
      return bavail * bsize;
    }),
};

function attempt<T>(path: string, doing: string, body: () => T): T {
  try {
    return body();
  } catch (cause) {
    throw fileError(path, doing, cause);
  }
}

function present(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function writable(path: string): WritableFile {
  const file = Deno.openSync(path, { write: true, createNew: true });
  const writeAll = (bytes: Uint8Array) => {
    for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
  };
  return {
    write: (bytes) => attempt(path, "written", () => writeAll(bytes)),
    writeAt: (bytes, offset) =>
      attempt(path, "written", () => {
        file.seekSync(offset, Deno.SeekMode.Start);
        writeAll(bytes);
        file.seekSync(0, Deno.SeekMode.End);
      }),
    sync: () => attempt(path, "synced", () => file.syncSync()),
    close: () => file.close(),
  };
}

function readable(path: string): ReadableFile {
  if (!Deno.statSync(path).isFile) throw notRegular(path); // looked at first: opening a pipe would wait for its writer
  const file = Deno.openSync(path, { read: true });
  return {
    size: file.statSync().size,
    read: (into, offset) => attempt(path, "read", () => readAll(path, file, into, offset)),
    close: () => file.close(),
  };
}

function readAll(path: string, file: Deno.FsFile, into: Uint8Array, offset: number): void {
  file.seekSync(offset, Deno.SeekMode.Start);
  for (let done = 0; done < into.length;) {
    const count = file.readSync(into.subarray(done));
    if (count === null) {
      throw new LatentError("file.truncated", {
        what: `${path} ended while it was read`,
        found: `${offset + done} bytes`,
        wanted: `at least ${offset + into.length} bytes`,
        mend: "another program cut it short: get the file again",
      });
    }
    done += count;
  }
}

function notRegular(path: string): LatentError {
  return new LatentError("file.folder", {
    what: `${path} is not a regular file`,
    mend: "give the path of a file, not of a folder, a pipe or a device",
  });
}
