import { crc32 } from "node:zlib";
import { LatentError, nearest } from "../base/mod.ts";
import { elementBytes } from "../tensor/mod.ts";
import { disk } from "./disk.ts";
import type { FileLayer, ReadableFile } from "./layer.ts";
import { Opaque, PickledObject, type PickleValue } from "./pickle_value.ts";
import { quote } from "./scanner.ts";
import type { FileTensor, TensorFile } from "./tensor_file.ts";
import { safeDtype } from "./tensors.ts";
import { readTorchLegacy } from "./torch_legacy.ts";
import { TorchTensor } from "./torch_value.ts";
import { badTorch, damaged, readTorchZip, type StorageRange, type TorchContents } from "./torch_zip.ts";

const PIECE_BYTES = 4 << 20;
const MAX_TENSORS = 200_000;

/**
 * An open checkpoint of torch.save: what was saved is read as data, nothing of it runs. Its state dict's tensors are
 * read when they are asked for, by {@linkcode bytes} or as `loadTensors` does.
 */
export class TorchCheckpoint implements TensorFile {
  readonly #verified = new Set<string>();

  private constructor(
    /** Where it is. */
    readonly path: string,
    /** All that was saved: dicts as maps, classes and functions by their names alone. */
    readonly value: PickleValue,
    /** The tensors of its state dict: those under `state_dict`, or what was saved itself. */
    readonly entries: ReadonlyMap<string, FileTensor>,
    private readonly storages: ReadonlyMap<string, StorageRange>,
    private readonly source: ReadableFile,
  ) {}

  /**
   * Opens a `.ckpt`, `.pt`, `.pth` or `.bin` file in the zip format of PyTorch 1.6 and later or in the one before.
   *
   * @throws LatentError `file.torch` for another file, `file.pickle` for what goes beyond a checkpoint, others of the
   * kind `file`
   */
  static open(path: string, layer: FileLayer = disk): TorchCheckpoint {
    const file = layer.open(path);
    try {
      const { value, storages } = contentsOf(file, path);
      return new TorchCheckpoint(path, value, entriesOf(value, storages, path), storages, file);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** The tensor of a name; throws `file.tensor`, with the nearest name, where there is none that can be read. */
  entry(name: string): FileTensor {
    const entry = this.entries.get(name);
    if (entry === undefined) throw unknown(this, name);
    return entry;
  }

  /** A copy of a tensor's bytes: little-endian, row-major. */
  bytes(name: string): Uint8Array {
    const tensor = this.#tensor(name);
    this.verify(name);
    const size = elementBytes(tensor.dtype);
    const span = new Uint8Array(tensor.span * size);
    this.source.read(span, startOf(tensor, this.storages));
    return tensor.isContiguous ? span : gathered(span, tensor, size);
  }

  /** Throws `file.damaged` where the memory that a tensor is in has another checksum than the file says. */
  verify(name: string): void {
    const { storage } = this.#tensor(name);
    const { offset, bytes, checksum = 0 } = this.storages.get(storage.key)!;
    if (checksum === 0 || this.#verified.has(storage.key)) return; // 0 is what PyTorch writes without checksums
    let found = 0;
    for (let at = 0; at < bytes; at += PIECE_BYTES) {
      const piece = new Uint8Array(Math.min(PIECE_BYTES, bytes - at));
      this.source.read(piece, offset + at);
      found = crc32(piece, found);
    }
    if (found !== checksum) throw damaged(this.path, `tensor ${quote(name)}`);
    this.#verified.add(storage.key);
  }

  /** Closes the file. Tensors that were read stay. */
  [Symbol.dispose](): void {
    this.source.close();
  }

  #tensor(name: string): TorchTensor {
    this.entry(name);
    return stateOf(this.value)!.get(name) as TorchTensor; // what entries are made of
  }
}

/** What a value is, for people. */
export function describeValue(value: PickleValue | undefined): string {
  if (value === undefined) return "nothing";
  if (value instanceof Opaque) return `an object of ${value.name}`;
  if (value instanceof PickledObject) return value.name;
  if (value instanceof Map) return `a dict of ${value.size}`;
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  return Array.isArray(value) ? `a list of ${value.length}` : `the ${typeof value} ${String(value).slice(0, 40)}`;
}

function contentsOf(file: ReadableFile, path: string): TorchContents {
  const head = new Uint8Array(Math.min(file.size, 512));
  file.read(head, 0);
  if (head[0] === 0x50 && head[1] === 0x4b) return readTorchZip(file, path);
  if (head[0] === 0x80) return readTorchLegacy(file, path);
  const text = new TextDecoder("latin1").decode(head);
  const [, what] = OTHERS.find(([pattern]) => pattern.test(text)) ?? ["", "none of PyTorch's formats"];
  throw badTorch(path, what, "a checkpoint of torch.save");
}

/** What people take for checkpoints, by how it begins. */
const OTHERS: [start: RegExp, what: string][] = [
  [/^$/, "an empty file"],
  [/^version https:\/\/git-lfs/, "a pointer of Git LFS: the file itself was not fetched"],
  [/^\s*<(!doctype|html)/i, "a web page: the download gave an error or a login page"],
  [/^.{8}\{/s, "a safetensors file"],
  [/^.{257}ustar/s, "a tar archive, as PyTorch wrote before version 0.1.10: load and save it again there"],
];

/** The dict of tensors in what was saved. */
function stateOf(value: PickleValue): ReadonlyMap<PickleValue, PickleValue> | undefined {
  if (!(value instanceof Map)) return undefined;
  const inner: PickleValue | undefined = value.get("state_dict");
  return inner instanceof Map ? inner : value;
}

function entriesOf(
  value: PickleValue,
  storages: ReadonlyMap<string, StorageRange>,
  path: string,
): Map<string, FileTensor> {
  const tensors = [...stateOf(value) ?? []].filter((item): item is [string, TorchTensor] =>
    typeof item[0] === "string" && item[1] instanceof TorchTensor
  );
  if (tensors.length > MAX_TENSORS) throw badTorch(path, `${tensors.length} tensors`, `at most ${MAX_TENSORS}`);
  const users = new Map<string, number>();
  for (const [, { storage: { key } }] of tensors) users.set(key, (users.get(key) ?? 0) + 1);
  return new Map(tensors.flatMap(([name, tensor]) => {
    const dtype = safeDtype(tensor.dtype);
    if (dtype === undefined) return [];
    const size = elementBytes(tensor.dtype);
    const offset = startOf(tensor, storages);
    const entry: FileTensor = { name, dtype, shape: [...tensor.shape], offset, bytes: tensor.numel * size };
    const { strides, storage } = tensor;
    if (users.get(storage.key)! > 1) {
      const memory = { offset: storages.get(storage.key)!.offset, elements: Math.floor(storage.bytes / size) };
      entry.view = { memory, start: tensor.start, strides };
    } else if (!tensor.isContiguous) {
      entry.view = { memory: { offset, elements: tensor.span }, start: 0, strides };
    }
    return [[name, entry]];
  }));
}

/** The place of a tensor's first element in the file. */
function startOf({ storage, dtype, start, numel }: TorchTensor, storages: ReadonlyMap<string, StorageRange>): number {
  return storages.get(storage.key)!.offset + (numel === 0 ? 0 : start * elementBytes(dtype));
}

/** The elements one after the other in row-major order. */
function gathered(span: Uint8Array, { shape, strides, numel }: TorchTensor, size: number): Uint8Array {
  const rows = new Uint8Array(numel * size);
  let at = 0;
  const walk = (dimension: number, from: number) => {
    if (dimension === shape.length) {
      rows.set(span.subarray(from * size, (from + 1) * size), at);
      at += size;
      return;
    }
    for (let i = 0; i < shape[dimension]!; i++) walk(dimension + 1, from + i * strides[dimension]!);
  };
  walk(0, 0);
  return rows;
}

function unknown({ path, value, entries }: TorchCheckpoint, name: string): LatentError {
  const held = stateOf(value)?.get(name);
  if (held !== undefined) {
    const found = held instanceof TorchTensor ? `elements of ${held.dtype}` : describeValue(held);
    const mend = "convert it with PyTorch";
    return new LatentError("file.tensor", {
      what: `${path}: ${quote(name)} is no tensor that can be read`,
      found,
      mend,
    });
  }
  const near = nearest(name, entries.keys());
  return new LatentError("file.tensor", {
    what: `${path} has no tensor ${quote(name)}`,
    found: entries.size === 0 ? describeValue(value) : `${entries.size} tensors`,
    mend: near === undefined ? "list the names that it has" : `did you mean ${quote(near)}?`,
  });
}
