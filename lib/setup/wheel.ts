import { dirname, join } from "@std/path";
import { createHash } from "node:crypto";
import { LatentError, privateFolder, type WorkProgress } from "../base/mod.ts";
import { needBytes } from "./failure.ts";
import { openZip, type Zip, type ZipEntry } from "./zip.ts";

/** A Python wheel that was opened. */
export interface Wheel extends Disposable {
  /** Of its file. */
  path: string;
  /** The archive that it is. */
  zip: Zip;
  /** The text of a file of its `.dist-info` folder: "METADATA". Throws `file.wheel` where there is none. */
  info(name: string): Promise<string>;
}

const infoLimit = 16 << 20; // bytes; torch's RECORD has 1.3 MB

/** Opens a wheel. Throws `file.zip` as {@linkcode openZip} does, `file.wheel` for an archive without wheel metadata. */
export function openWheel(path: string): Wheel {
  const zip = openZip(path);
  const info = async (name: string): Promise<string> => {
    const entry = [...zip.entries.values()].find((entry) => entry.name.match(/^[^/]+\.dist-info\/(.+)$/)?.[1] === name);
    if (entry === undefined || entry.size > infoLimit) throw damaged(path, `it has no usable ${name}`);
    return await textOfEntry(zip, entry);
  };
  return { path, zip, info, [Symbol.dispose]: () => zip[Symbol.dispose]() };
}

/** The text of an entry. */
export async function textOfEntry(zip: Zip, entry: ZipEntry): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of zip.read(entry)) text += decoder.decode(piece, { stream: true });
  return text + decoder.decode();
}

/**
 * Unpacks the files of a wheel that are wanted into a folder, and checks each against the SHA-256 in the wheel's own
 * RECORD. The folder must be a temporary one: on failure it is left half full.
 *
 * Throws `file.wheel` when a file isn't in RECORD or is another than recorded, and `setup.disk_full` beforehand.
 */
export async function* unpackWheel(
  wheel: Wheel,
  folder: string,
  isWanted: (name: string) => boolean,
  signal?: AbortSignal,
): AsyncGenerator<WorkProgress> {
  const hashes = recordedHashes(await wheel.info("RECORD"));
  const entries = [...wheel.zip.entries.values()].filter((entry) => isWanted(entry.name));
  const total = entries.reduce((sum, entry) => sum + entry.size, 0);
  needBytes(privateFolder(folder), total);
  const label = `unpack ${wheel.path.split("/").at(-1)!.split("-")[0]}`;
  let done = 0;
  let told = 0;
  for (const entry of entries) {
    using target = createBelow(folder, entry.name);
    const hash = createHash("sha256");
    for await (const piece of wheel.zip.read(entry)) {
      hash.update(piece);
      for (let at = 0; at < piece.length;) at += target.writeSync(piece.subarray(at));
      done += piece.length;
      if (done < total && done - told < total / 100) continue;
      yield { type: "progress", label, done, total, unit: "B" };
      told = done;
      await new Promise((resolve) => setTimeout(resolve, 0)); // all of this reads and writes at once: let signals in
      signal?.throwIfAborted();
    }
    if (hash.digest("base64url") !== hashes.get(entry.name)) {
      throw damaged(wheel.path, `${entry.name} is not the file that its RECORD lists`);
    }
  }
}

function createBelow(folder: string, name: string): Deno.FsFile {
  const path = join(folder, name);
  privateFolder(dirname(path));
  return Deno.openSync(path, { write: true, createNew: true, mode: 0o600 });
}

/** The SHA-256 (base64url) of each file that a RECORD lists with one: lines of `name,sha256=…,size`, names quoted if need be. */
export function recordedHashes(record: string): Map<string, string> {
  const hashes = new Map<string, string>();
  for (const line of record.split(/\r?\n/)) {
    const [, quoted, plain, hash] = /^(?:"(.*)"|(.*)),sha256=([\w-]+)=*,\d*$/.exec(line) ?? [];
    const name = quoted?.replaceAll('""', '"') ?? plain;
    if (name !== undefined && hash !== undefined) hashes.set(name, hash);
  }
  return hashes;
}

/** The error for a wheel that isn't what it should be. */
export function damaged(path: string, why: string): LatentError {
  return new LatentError("file.wheel", {
    what: `${path} can't be used: ${why}`,
    wanted: "a whole wheel as PyTorch publishes it",
    mend: "Get the file again.",
  });
}
