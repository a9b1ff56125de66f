import { elementBytes } from "../tensor/mod.ts";
import type { ReadableFile } from "./layer.ts";
import { unpickle } from "./pickle.ts";
import { isArray, type PickleMakers } from "./pickle_machine.ts";
import { PICKLE_LIMITS, type PickleValue } from "./pickle_value.ts";
import { quote } from "./scanner.ts";
import { torchMakers } from "./torch_globals.ts";
import type { TorchStorage } from "./torch_value.ts";
import { badTorch, type StorageRange, type TorchContents } from "./torch_zip.ts";

const magic = 0x1950a86a20f9469cfc6cn;
const version = 1001;

/**
 * Reads a checkpoint in the format of torch.save before PyTorch 1.6 (torchvision's older weights, lpips' heads): five
 * pickles one after the other (magic number, version, machine, what was saved, keys of the storages), then the storages,
 * each with its number of elements before it.
 *
 * @throws LatentError `file.pickle`, `file.torch`
 */
export function readTorchLegacy(file: ReadableFile, path: string): TorchContents {
  const head = new Uint8Array(Math.min(file.size, PICKLE_LIMITS.bytes));
  file.read(head, 0);
  const found = new Map<string, TorchStorage>();
  let at = 0;
  const next = (makers: PickleMakers): PickleValue => {
    const { value, end } = unpickle(head, makers, { source: path, start: at });
    at = end;
    return value;
  };
  const plain = torchMakers((_, machine) => machine.fail("a storage", "plain data"));
  if (next(plain) !== magic) throw badTorch(path, "a pickle of another program", "one of torch.save");
  if (next(plain) !== version) throw badTorch(path, "another version of the format", `version ${version}`);
  const machine = next(plain);
  if (!(machine instanceof Map) || machine.get("little_endian") !== true) {
    throw badTorch(path, "a file of a big-endian machine", "little-endian");
  }
  const value = next(torchMakers((storage) => void found.set(storage.key, storage)));
  return { value, storages: ranges(file, path, found, next(plain), at) };
}

/** Where the storages are: in the order of their keys, from `at` to the file's end. */
function ranges(
  file: ReadableFile,
  path: string,
  found: ReadonlyMap<string, TorchStorage>,
  keys: PickleValue,
  at: number,
): Map<string, StorageRange> {
  const placed = new Map<string, StorageRange>();
  for (const key of isArray(keys) ? keys : []) {
    const storage = typeof key === "string" && !placed.has(key) ? found.get(key) : undefined;
    if (storage === undefined) throw badTorch(path, "a storage that no tensor is in, or twice", "each storage once");
    const count = new Uint8Array(8);
    if (at + 8 + storage.bytes > file.size) throw badTorch(path, `${file.size} bytes`, "more: it is cut short");
    file.read(count, at);
    const elements = Number(new DataView(count.buffer).getBigInt64(0, true));
    if (elements * (storage.dtype === undefined ? 1 : elementBytes(storage.dtype)) !== storage.bytes) {
      throw badTorch(path, `storage ${quote(storage.key)} of ${elements} elements`, `${storage.bytes} bytes`);
    }
    placed.set(storage.key, { offset: at + 8, bytes: storage.bytes });
    at += 8 + storage.bytes;
  }
  if (placed.size !== found.size) throw badTorch(path, `${placed.size} storages`, `${found.size}`);
  if (at !== file.size) throw badTorch(path, `${file.size - at} bytes after its last storage`, "none");
  return placed;
}
