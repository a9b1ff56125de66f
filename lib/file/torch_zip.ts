import { crc32 } from "node:zlib";
import { LatentError, readZipDirectory, type ZipEntry, zipEntryStart } from "../base/mod.ts";
import type { ReadableFile } from "./layer.ts";
import { unpickle } from "./pickle.ts";
import { decoded } from "./pickle_machine.ts";
import { PICKLE_LIMITS, type PickleValue } from "./pickle_value.ts";
import { quote } from "./scanner.ts";
import { torchMakers } from "./torch_globals.ts";

/** Where a storage's bytes are in the file. */
export interface StorageRange {
  /** Its first byte. */
  offset: number;
  /** How many there are. */
  bytes: number;
  /** Their CRC-32, where the file has one. */
  checksum?: number;
}

/** A checkpoint that was read but for its tensors' elements. */
export interface TorchContents {
  /** What was saved. */
  value: PickleValue;
  /** The storages by their keys. */
  storages: ReadonlyMap<string, StorageRange>;
}

const newestVersion = 10; // of PyTorch's file format; torch.save writes 3

/**
 * Reads a checkpoint in the zip format of torch.save (PyTorch 1.6 and later): a folder with `data.pkl` and a stored file
 * `data/KEY` for each storage.
 *
 * @throws LatentError `file.zip`, `file.pickle`, `file.torch` for another zip archive, a TorchScript program, big-endian
 * data and sizes that disagree, `file.damaged` where a checksum does
 */
export function readTorchZip(file: ReadableFile, path: string): TorchContents {
  const entries = readZipDirectory(file, path);
  const [folder] = [...entries.keys()].map((name) => name.slice(0, name.indexOf("/") + 1));
  const record = (name: string) => {
    const entry = entries.get(folder + name);
    return entry && storedBytes(file, path, entry);
  };
  refuseProgram(path, entries, folder ?? "");
  const pickle = record("data.pkl");
  if (pickle === undefined) throw noCheckpoint(path, entries);
  checkVersion(path, record("version") ?? record(".data/version"));
  checkByteOrder(path, record("byteorder"));
  const storages = new Map<string, StorageRange>();
  const makers = torchMakers(({ key, bytes }, machine) => {
    const entry = entries.get(`${folder}data/${key}`);
    if (entry === undefined || entry.size !== bytes) {
      const found = entry === undefined ? "none" : `${entry.size} bytes`;
      return machine.fail(`storage ${quote(key)} of which the archive has ${found}`, `${bytes} bytes`);
    }
    storages.set(key, { offset: storedStart(file, path, entry), bytes, checksum: entry.checksum });
  });
  const { value, end } = unpickle(pickle, makers, { source: `data.pkl in ${path}` });
  if (end !== pickle.length) throw badTorch(path, `${pickle.length - end} bytes after what was saved`, "none");
  return { value, storages };
}

/** Where the bytes of an entry begin, which must be stored as they are. */
function storedStart(file: ReadableFile, path: string, entry: ZipEntry): number {
  if (!entry.deflated && entry.packedSize === entry.size) return zipEntryStart(file, path, entry);
  throw badTorch(path, `${entry.name} is compressed`, "files that are stored as they are, as torch.save does");
}

function storedBytes(file: ReadableFile, path: string, entry: ZipEntry): Uint8Array<ArrayBuffer> {
  if (entry.size > PICKLE_LIMITS.bytes) {
    throw badTorch(path, `${entry.name} has ${entry.size} bytes`, `at most ${PICKLE_LIMITS.bytes}`);
  }
  const bytes = new Uint8Array(entry.size);
  file.read(bytes, storedStart(file, path, entry));
  if (entry.checksum !== 0 && crc32(bytes) !== entry.checksum) throw damaged(path, entry.name);
  return bytes;
}

/** Programs of torch.jit have the same format, with code. */
function refuseProgram(path: string, entries: ReadonlyMap<string, ZipEntry>, folder: string): void {
  const isCode = (name: string) => name === `${folder}constants.pkl` || name.startsWith(`${folder}code/`);
  if ([...entries.keys()].some(isCode)) throw badTorch(path, "a TorchScript program", "weights, without code");
}

function checkVersion(path: string, record: Uint8Array | undefined): void {
  const text = decoded(record ?? new Uint8Array())?.trim() ?? "";
  const version = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (version >= 1 && version <= newestVersion) return;
  throw badTorch(path, `format version ${quote(text)}`, `1 to ${newestVersion}`);
}

function checkByteOrder(path: string, record: Uint8Array | undefined): void {
  const order = decoded(record ?? new TextEncoder().encode("little")); // files before PyTorch 2.1 don't say
  if (order !== "little") {
    throw badTorch(path, `byte order ${quote(order ?? "?")}`, "little: save it on such a machine");
  }
}

function noCheckpoint(path: string, entries: ReadonlyMap<string, ZipEntry>): LatentError {
  const names = [...entries.keys()].slice(0, 3).map(quote).join(", ");
  return badTorch(path, `a zip archive of ${names || "nothing"}`, "a folder with data.pkl, as torch.save writes");
}

/** The error for a file that is no checkpoint that can be read. */
export function badTorch(path: string, found: string, wanted: string): LatentError {
  return new LatentError("file.torch", {
    what: `${path} is not a checkpoint that can be read`,
    found,
    wanted,
    mend: "Save its state dict with torch.save, or as safetensors.",
  });
}

/** The error for bytes whose checksum is another. */
export function damaged(path: string, part: string): LatentError {
  return new LatentError("file.damaged", {
    what: `${path} is damaged`,
    found: `bytes of ${part} that don't have their checksum`,
    mend: "Copy or download it again.",
  });
}
