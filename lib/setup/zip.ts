import { badZip, type ByteSource, readZipDirectory, unzip, type ZipEntry } from "../base/mod.ts";

export type { ZipEntry };

/** A zip archive that was opened: its directory is in memory, its contents are read when asked for. */
export interface Zip extends Disposable {
  /** The files by name; folders are left out. */
  entries: Map<string, ZipEntry>;
  /** The unpacked bytes of an entry, in pieces. Throws `file.zip` when they are not as many as the directory says. */
  read(entry: ZipEntry): AsyncGenerator<Uint8Array<ArrayBuffer>>;
}

/**
 * Opens a zip archive of stored and deflated files (a Python wheel); its directory is checked before anything is read,
 * as {@linkcode readZipDirectory} says.
 */
export function openZip(path: string): Zip {
  const file = Deno.openSync(path);
  try {
    const source = { size: file.statSync().size, read: readerOf(path, file) };
    return {
      entries: readZipDirectory(source, path),
      read: (entry) => unzip(source, path, entry),
      [Symbol.dispose]: () => file.close(),
    };
  } catch (error) {
    file.close();
    throw error;
  }
}

function readerOf(path: string, file: Deno.FsFile): ByteSource["read"] {
  return (into, offset) => {
    file.seekSync(offset, Deno.SeekMode.Start);
    for (let read = 0; read < into.length;) {
      const count = file.readSync(into.subarray(read));
      if (count === null) throw badZip(path, "it is cut off");
      read += count;
    }
  };
}
