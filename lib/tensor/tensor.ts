import {
  accumulated,
  alias,
  backward,
  fromBytes as bytesToHandle,
  fromFile as fileToHandle,
  gradients,
  type Meta,
  meta,
  operators,
  readBytes,
  setAccumulated,
} from "../../ffi/mod.ts";
import { LatentError } from "../base/mod.ts";
import { type Device, type DType, dtypeLabel, dtypeName, dtypeNumber, elementBytes } from "./dtype.ts";
import { TensorMethods } from "./methods.ts";
import { format } from "./print.ts";
import { adopt, plain, wrap } from "./result.ts";

/** The typed arrays that elements are read as. */
export type ElementArray =
  | Float32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>
  | Int8Array<ArrayBuffer>
  | Int16Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | BigInt64Array<ArrayBuffer>;

/** Numbers in rows: `[[1, 2], [3, 4]]`. */
export type Nested = number | boolean | readonly Nested[];

const deviceTypes: Record<number, string> = { 0: "cpu", 1: "cuda", 6: "xla", 13: "mps", 14: "meta", 18: "xpu" };

/**
 * An array on a device, with PyTorch's methods. Its memory is explicit: it is freed by the {@linkcode scope} it was
 * made in, by `using`, or by `dispose()`.
 */
export class Tensor extends TensorMethods {
  #meta: Meta | undefined;

  /** What tells it from a generator. */
  override get kind(): "tensor" {
    return "tensor";
  }

  #known(): Meta {
    return this.#meta ??= meta(this);
  }

  /** The size of each dimension. */
  get shape(): readonly number[] {
    return this.#known().shape;
  }

  /** The type of an element. */
  get dtype(): DType {
    return dtypeName(this.#known().dtype);
  }

  /** Where it lives. */
  get device(): Device {
    const { deviceType, deviceIndex } = this.#known();
    const type = deviceTypes[deviceType] ?? `device ${deviceType}`;
    return type === "cpu" || deviceIndex < 0 ? type : `${type}:${deviceIndex}`;
  }

  /** The number of elements. */
  get numel(): number {
    return this.shape.reduce((product, size) => product * size, 1);
  }

  /** Whether autograd records what is done with it. */
  get requiresGrad(): boolean {
    return meta(this).requiresGrad;
  }

  /** The gradient that backward has accumulated in this leaf; a tensor of the caller's. */
  get grad(): Tensor | null {
    const value = accumulated([this])[0]!;
    return value === 0 ? null : wrap(value);
  }

  set grad(value: Tensor | null) {
    setAccumulated([this], [value]);
  }

  /**
   * Accumulates the gradients of this tensor in the leaves it was made from, or in `inputs` alone.
   *
   * @param gradient its weights, of its shape; needed unless it is a scalar
   */
  backward(
    gradient?: Tensor,
    options: { retainGraph?: boolean; createGraph?: boolean; inputs?: readonly Tensor[] } = {},
  ): void {
    const { retainGraph = false, createGraph = false, inputs = [] } = options;
    backward([this], gradient === undefined ? [] : [gradient], retainGraph, createGraph, inputs);
  }

  /**
   * The value of a tensor with one element, true as 1; waits for a GPU.
   *
   * @throws LatentError `tensor.shape` where there are more or none, `tensor.dtype` for a complex one
   */
  item(): number {
    if (this.numel !== 1) {
      throw new LatentError("tensor.shape", { what: "Only one element is a number", found: this.describe() });
    }
    readableDtype(this);
    const value = plain(operators._local_scalar_dense, [this]);
    if (value === null) throw noNumbers(this);
    return Number(value);
  }

  /**
   * A copy of the elements in row-major order: float16, bfloat16 and float8 as float32, bool as uint8, unsigned
   * integers of 16 bits and more as int64.
   *
   * @throws LatentError `tensor.dtype` for complex elements, which JavaScript has no array for
   */
  data(): ElementArray {
    const dtype = readableDtype(this);
    return asElements(this.bytes(dtype).buffer, dtype);
  }

  /** The elements in rows, as nested arrays of numbers; integers beyond 2^53 are rounded. */
  tolist(): Nested {
    return nest(Array.from(this.data() as ArrayLike<number | bigint>, Number), this.shape);
  }

  /** A copy of the bytes in row-major order. @param dtype what to convert to first */
  bytes(dtype: DType = this.dtype): Uint8Array<ArrayBuffer> {
    using moved = this.to({ dtype, device: "cpu" });
    using row = moved.contiguous();
    const bytes = new Uint8Array(this.numel * elementBytes(dtype));
    readBytes(row, bytes);
    return bytes;
  }

  /** Another handle of the same tensor, to be freed on its own. */
  share(): Tensor {
    return wrap(alias(this));
  }

  /** Dtype, shape and device in one line; does not throw. */
  override describe(): string {
    if (!this.alive) return "a freed tensor";
    return `${dtypeLabel(this.#known().dtype)} [${this.shape.join(", ")}] on ${this.device}`;
  }

  /** Values and what it is, as PyTorch prints them; of values that no array holds, such as complex ones, only the shape. */
  override toString(): string {
    return this.alive ? format(this, dtypeLabel(this.#known().dtype)) : "tensor(freed)";
  }

  /** What console.log shows. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  /** What a notebook shows: the values, and above them what the tensor is. */
  [Symbol.for("Jupyter.display")](): Record<string, string> {
    const text = this.toString();
    return { "text/plain": text, "text/html": `<div>${this.describe()}</div><pre>${text}</pre>` };
  }
}

adopt(Tensor);

/** Options of {@linkcode tensor}. */
export interface TensorOptions {
  /** What the elements are converted to. @default {float32 for numbers, uint8 for a Uint8Array and so on, bool for booleans} */
  dtype?: DType;
  /** The size of each dimension. @default {the shape of the nested arrays, or one dimension} */
  shape?: readonly number[];
  /** Where it goes. @default {"cpu"} */
  device?: Device;
}

/** A tensor with a copy of the values. @throws LatentError `tensor.shape` when rows differ in length or the count is wrong */
export function tensor(values: Nested | ElementArray | Uint8ClampedArray, options: TensorOptions = {}): Tensor {
  const [array, found, shape] = ArrayBuffer.isView(values)
    ? [values as ElementArray, arrayDtype(values), [values.length]] as const
    : fromNested(values, options.dtype);
  const wanted = options.shape ?? shape;
  const count = wanted.reduce((product, size) => product * size, 1);
  if (count !== array.length) {
    throw new LatentError("tensor.shape", {
      what: "The values do not fill the shape",
      found: `${array.length} values`,
      wanted: `${count} for [${wanted.join(", ")}]`,
    });
  }
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  const made = wrap(bytesToHandle(bytes, dtypeNumber(found), wanted));
  const dtype = options.dtype ?? found;
  const device = options.device ?? "cpu";
  if (dtype === found && device === "cpu") return made;
  using source = made;
  return source.to({ dtype, device });
}

/** A CPU tensor of raw bytes in the machine's (little-endian) order. */
export function fromBytes(bytes: Uint8Array<ArrayBuffer>, options: { dtype: DType; shape: readonly number[] }): Tensor {
  return wrap(bytesToHandle(bytes, dtypeNumber(options.dtype), options.shape));
}

/** Where a tensor stands in a file. */
export interface FileRange {
  /** Bytes from the start of the file. */
  offset: number;
  /** The type of its elements, in the machine's (little-endian) order. */
  dtype: DType;
  /** The size of each dimension, rows one after the other. */
  shape: readonly number[];
  /** Share the file's pages (changes stay private) instead of reading them. The file must not shrink meanwhile. @default {false} */
  mapped?: boolean;
}

/** A CPU tensor of a range of a file. @throws LatentError `file.unreadable` when the range lies outside */
export function fromFile(path: string, { offset, dtype, shape, mapped = false }: FileRange): Tensor {
  return wrap(fileToHandle(path, offset, dtypeNumber(dtype), shape, mapped));
}

/** Options of {@linkcode grad}. */
export interface GradOptions {
  /** Weights of the outputs, needed where they are no scalars. */
  weights?: readonly Tensor[];
  /** Keep the graph, so that it can be gone through again. @default {false} */
  retainGraph?: boolean;
  /** Record what is done here, for gradients of gradients. @default {false} */
  createGraph?: boolean;
  /** Give null for inputs that the outputs do not depend on, instead of an error. @default {false} */
  allowUnused?: boolean;
}

/** Gradients of outputs by inputs, accumulated nowhere. */
export function grad(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  options: GradOptions = {},
): (Tensor | null)[] {
  const { weights = [], retainGraph = false, createGraph = false, allowUnused = false } = options;
  return gradients(outputs, inputs, weights, { retainGraph, createGraph, allowUnused })
    .map((value) => value === 0 ? null : wrap(value));
}

/** What backward has accumulated in each leaf, in one native call. */
export function grads(leaves: readonly Tensor[]): (Tensor | null)[] {
  return accumulated(leaves).map((value) => value === 0 ? null : wrap(value));
}

/** Forgets what backward has accumulated. */
export function clearGrads(leaves: readonly Tensor[]): void {
  setAccumulated(leaves, leaves.map(() => null));
}

function fromNested(values: Nested, dtype: DType | undefined): [ElementArray, DType, number[]] {
  const shape: number[] = [];
  for (let row = values; Array.isArray(row); row = row[0]!) {
    shape.push(row.length);
    if (row.length === 0) break;
  }
  const flat: (number | boolean)[] = [];
  flatten(values, shape, 0, flat);
  const booleans = flat.length > 0 && flat.every((v) => typeof v === "boolean");
  if (booleans) return [Uint8Array.from(flat, Number), "bool", shape];
  // Through float64, which holds what float32 and integers up to 2^53 are made of; without a dtype numbers mean float32.
  if (dtype === undefined || dtype === "float32") return [Float32Array.from(flat, Number), "float32", shape];
  return [Float64Array.from(flat, Number), "float64", shape];
}

function flatten(values: Nested, shape: readonly number[], depth: number, into: (number | boolean)[]): void {
  if (typeof values === "number" || typeof values === "boolean") {
    if (depth === shape.length) return void into.push(values);
  } else if (depth < shape.length && values.length === shape[depth]) {
    return values.forEach((row) => flatten(row, shape, depth + 1, into));
  }
  throw new LatentError("tensor.shape", {
    what: "The rows differ in length",
    wanted: `nested arrays of shape [${shape.join(", ")}], as the first row has`,
  });
}

function nest(flat: readonly number[], shape: readonly number[]): Nested {
  if (shape.length <= 1) return shape.length === 0 ? flat[0]! : [...flat];
  const step = flat.length / Math.max(shape[0]!, 1);
  return Array.from({ length: shape[0]! }, (_, i) => nest(flat.slice(i * step, (i + 1) * step), shape.slice(1)));
}

function arrayDtype(array: ArrayBufferView): DType {
  if (array instanceof Float32Array) return "float32";
  if (array instanceof Float64Array) return "float64";
  if (array instanceof Uint8Array || array instanceof Uint8ClampedArray) return "uint8";
  if (array instanceof Int8Array) return "int8";
  if (array instanceof Int16Array) return "int16";
  if (array instanceof Int32Array) return "int32";
  if (array instanceof BigInt64Array) return "int64";
  throw new LatentError("tensor.dtype", {
    what: `A ${array.constructor.name} has no dtype`,
    wanted: "a typed array of floats or integers",
  });
}

/** What elements of a tensor are read as: a dtype that JavaScript has a typed array for. */
function readableDtype(x: Tensor): DType {
  const { dtype } = x;
  if (dtype.startsWith("complex")) throw noNumbers(x);
  if (/^(b?float16|float8)/.test(dtype)) return "float32";
  if (dtype === "bool") return "uint8";
  return dtype.startsWith("uint") && dtype !== "uint8" ? "int64" : dtype;
}

function asElements(buffer: ArrayBuffer, dtype: DType): ElementArray {
  switch (dtype) {
    case "float32":
      return new Float32Array(buffer);
    case "float64":
      return new Float64Array(buffer);
    case "int8":
      return new Int8Array(buffer);
    case "int16":
      return new Int16Array(buffer);
    case "int32":
      return new Int32Array(buffer);
    case "int64":
      return new BigInt64Array(buffer);
    default:
      return new Uint8Array(buffer);
  }
}

function noNumbers(x: Tensor): LatentError {
  return new LatentError("tensor.dtype", {
    what: "The elements are no numbers of JavaScript",
    found: x.describe(),
    wanted: "real numbers",
    mend: 'Read the parts of complex ones: call("aten::view_as_real", x) is [..., 2].',
  });
}
