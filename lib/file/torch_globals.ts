import { Buffer } from "node:buffer";
import { type DType, elementBytes } from "../tensor/mod.ts";
import { isArray, type PickleCounter, type PickleMakers } from "./pickle_machine.ts";
import { CONTAINER_STEPS, Opaque, PickledObject, type PickleValue } from "./pickle_value.ts";
import { TorchStorage, TorchTensor } from "./torch_value.ts";

const MAX_RANK = 64;
const EXPANDED_BYTES = 64 << 20; // of a tensor that repeats elements, where its storage is smaller

/** Types of storages; of others nothing can be read. */
const STORAGES: Record<string, DType> = {
  "torch.FloatStorage": "float32",
  "torch.DoubleStorage": "float64",
  "torch.HalfStorage": "float16",
  "torch.BFloat16Storage": "bfloat16",
  "torch.LongStorage": "int64",
  "torch.IntStorage": "int32",
  "torch.ShortStorage": "int16",
  "torch.CharStorage": "int8",
  "torch.ByteStorage": "uint8",
  "torch.BoolStorage": "bool",
  "torch.ComplexFloatStorage": "complex64",
  "torch.ComplexDoubleStorage": "complex128",
};
const UNTYPED = ["torch.UntypedStorage", "torch.storage.UntypedStorage"];

/** Dtypes that tensors of untyped storages name. */
const DTYPES: readonly DType[] = [
  ...(["float64", "float32", "float16", "bfloat16", "complex64", "complex128", "bool"] as const),
  ...(["int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8"] as const),
  ...(["float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu"] as const),
];

type Args = readonly PickleValue[];
type Maker = (args: Args, machine: PickleCounter) => PickleValue | undefined;

/**
 * Rebuilds what torch.save writes: tensors, parameters, storages, ordered dicts, sizes, numpy's scalars, bytes. What is
 * not in this list stays an {@linkcode Opaque}, its arguments forgotten.
 *
 * @param found called with each storage
 */
export function torchMakers(found: (storage: TorchStorage, machine: PickleCounter) => void): PickleMakers {
  const storages = new Map<string, TorchStorage>();
  return {
    reduce: (callable, args, machine) =>
      (Object.hasOwn(MAKERS, callable) ? MAKERS[callable]!(args, machine) : undefined) ?? new Opaque(callable),
    persistent(id, machine) {
      const storage = storageOf(id, machine);
      if (!(storage instanceof TorchStorage)) return storage;
      const known = storages.get(storage.key);
      if (known?.bytes === storage.bytes && known.dtype === storage.dtype) return known;
      if (known !== undefined) machine.fail(`storage ${storage.key} in two sizes or types`, "one");
      storages.set(storage.key, storage);
      found(storage, machine);
      return storage;
    },
  };
}

/** `("storage", type, key, location, number of elements)`, in old files with a view of another storage, or None. */
function storageOf(id: PickleValue, machine: PickleCounter): PickleValue {
  const [kind, type, key, , count, view = null] = isArray(id) ? id : [];
  const bad = () => machine.fail("a persistent id that is no storage", "a storage's type, key, place and size");
  if (kind !== "storage" || !(type instanceof Opaque) || typeof key !== "string" || !isCount(count)) return bad();
  if (view !== null) machine.fail("a storage that is a part of another", "whole storages, as since PyTorch 0.4");
  if (UNTYPED.includes(type.name)) return new TorchStorage(key, undefined, count);
  const dtype = Object.hasOwn(STORAGES, type.name) ? STORAGES[type.name]! : undefined;
  if (dtype === undefined) return new Opaque(type.name);
  const bytes = count * elementBytes(dtype);
  return Number.isSafeInteger(bytes) ? new TorchStorage(key, dtype, bytes) : bad();
}

/** By module and name. Undefined is for what is known and can't be had as data: it stays opaque. */
const MAKERS: Record<string, Maker> = {
  "torch._utils._rebuild_tensor": ([storage, start, shape, strides], m) => tensor(m, storage, start, shape, strides),
  "torch._utils._rebuild_tensor_v2": ([storage, start, shape, strides, , , metadata], m) =>
    isPlain(metadata) ? tensor(m, storage, start, shape, strides) : undefined,
  "torch._utils._rebuild_tensor_v3": ([storage, start, shape, strides, , , dtype, metadata], m) =>
    isPlain(metadata) ? tensor(m, storage, start, shape, strides, dtype) : undefined,
  "torch._utils._rebuild_parameter": ([data]) => data,
  "torch._utils._rebuild_parameter_with_state": ([data]) => data,
  "torch._tensor._rebuild_from_type_v2": ([make, , args], m) =>
    make instanceof Opaque && isArray(args) && make.name.startsWith("torch._utils._rebuild_tensor")
      ? MAKERS[make.name]?.(args, m)
      : undefined,
  "torch.Size": ([sizes]) => isArray(sizes) ? sizes : undefined,
  "collections.OrderedDict": ([pairs = []], m) => dict(pairs, m),
  "collections.defaultdict": () => new Map(),
  "_codecs.encode": ([text, encoding], m) =>
    typeof text === "string" && encoding === "latin1" ? latin1(text, m) : undefined,
  "numpy.dtype": ([code]) => typeof code === "string" ? new NumpyType(code) : undefined,
  "numpy.core.multiarray.scalar": ([type, bytes]) => scalar(type, bytes),
  "numpy._core.multiarray.scalar": ([type, bytes]) => scalar(type, bytes),
};
for (const module of ["builtins", "__builtin__"]) {
  MAKERS[`${module}.set`] = MAKERS[`${module}.frozenset`] = ([items = []]) => isArray(items) ? items : undefined;
  MAKERS[`${module}.bytearray`] = MAKERS[`${module}.bytes`] = ([bytes = new Uint8Array()]) =>
    bytes instanceof Uint8Array ? bytes : undefined;
}

/** Whether a tensor has none of the flags (conjugated, negated) with which its elements would mean something else. */
function isPlain(metadata: PickleValue | undefined): boolean {
  return metadata === undefined || metadata === null || metadata instanceof Map && metadata.size === 0;
}

function isCount(value: PickleValue | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** Sizes or strides, as a list that the rest of the pickle doesn't change. */
function counts(values: PickleValue | undefined): readonly number[] | undefined {
  if (!isArray(values) || values.length > MAX_RANK || !values.every(isCount)) return undefined;
  return Object.isFrozen(values) ? values as number[] : [...values] as number[];
}

/** A tensor whose elements all lie in its storage; undefined where that is nothing that can be read. */
function tensor(
  machine: PickleCounter,
  storage: PickleValue | undefined,
  start: PickleValue | undefined,
  shape: PickleValue | undefined,
  strides: PickleValue | undefined,
  named?: PickleValue,
): TorchTensor | undefined {
  if (storage instanceof Opaque) return undefined;
  const [sizes, steps] = [counts(shape), counts(strides)];
  if (!(storage instanceof TorchStorage) || !isCount(start) || sizes === undefined || steps?.length !== sizes.length) {
    machine.fail("a tensor without storage, start, sizes and strides", `them, at most ${MAX_RANK} dimensions`);
  }
  const dtype = dtypeOf(storage, named);
  if (dtype === undefined) return undefined;
  const made = new TorchTensor(storage, dtype, sizes, steps, start);
  const bytes = made.numel * elementBytes(dtype);
  const end = (start + made.span) * elementBytes(dtype);
  if (!Number.isSafeInteger(end) || made.numel > 0 && end > storage.bytes) {
    machine.fail(`a tensor of shape [${sizes}] that reaches out of its storage`, `${storage.bytes} bytes`);
  }
  if (!isReal(sizes) || bytes > Math.max(storage.bytes, EXPANDED_BYTES)) {
    machine.fail(`a tensor of shape [${sizes}] in ${storage.bytes} bytes`, "elements that the file has");
  }
  return made;
}

/** Whether the product of sizes is exact at each step, so that none hides behind a zero. */
function isReal(sizes: readonly number[]): boolean {
  let product = 1;
  return sizes.every((size) => Number.isSafeInteger(product *= size === 0 ? 1 : size));
}

function dtypeOf(storage: TorchStorage, named: PickleValue | undefined): DType | undefined {
  if (!(named instanceof Opaque)) return storage.dtype;
  return DTYPES.find((dtype) => named.name === `torch.${dtype}`);
}

function dict(pairs: PickleValue, machine: PickleCounter): ReadonlyMap<PickleValue, PickleValue> | undefined {
  if (!isArray(pairs)) return undefined;
  machine.spend(CONTAINER_STEPS * pairs.length);
  return new Map(pairs.map((pair) => {
    const [key, value] = isArray(pair) ? pair : [];
    if (typeof key !== "string" && typeof key !== "number" || value === undefined) {
      machine.fail("a dict of what is no pair of key and value", "pairs");
    }
    return [key, value];
  }));
}

function latin1(text: string, machine: PickleCounter): Uint8Array<ArrayBuffer> | undefined {
  machine.spend(Math.ceil(text.length / 8)); // the same text may be asked for again and again
  return /[\u0100-\uffff]/.test(text) ? undefined : new Uint8Array(Buffer.from(text, "latin1"));
}

/** An element type of numpy; of use for scalars alone. */
class NumpyType extends PickledObject {
  readonly name = "a numpy dtype";
  #bigEndian = false;

  /** @param code kind and bytes of an element: `f8` */
  constructor(readonly code: string) {
    super();
  }

  /** `(3, "<", None, …)`: the byte order is its second. */
  override build(state: PickleValue): void {
    this.#bigEndian = isArray(state) && state[1] === ">";
  }

  read(bytes: Uint8Array): PickleValue | undefined {
    const read = Object.hasOwn(SCALARS, this.code) ? SCALARS[this.code] : undefined;
    if (read === undefined || bytes.length !== Number(this.code.slice(1))) return undefined;
    return read(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), !this.#bigEndian);
  }
}

const SCALARS: Record<string, (view: DataView, littleEndian: boolean) => PickleValue> = {
  b1: (view) => view.getUint8(0) !== 0,
  i1: (view) => view.getInt8(0),
  u1: (view) => view.getUint8(0),
  i2: (view, little) => view.getInt16(0, little),
  u2: (view, little) => view.getUint16(0, little),
  i4: (view, little) => view.getInt32(0, little),
  u4: (view, little) => view.getUint32(0, little),
  i8: (view, little) => small(view.getBigInt64(0, little)),
  u8: (view, little) => small(view.getBigUint64(0, little)),
  f2: (view, little) => view.getFloat16(0, little),
  f4: (view, little) => view.getFloat32(0, little),
  f8: (view, little) => view.getFloat64(0, little),
};

function small(value: bigint): number | bigint {
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function scalar(type: PickleValue | undefined, bytes: PickleValue | undefined): PickleValue | undefined {
  const data = typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes; // Python 2's str, where it was ASCII
  return type instanceof NumpyType && data instanceof Uint8Array ? type.read(data) : undefined;
}
