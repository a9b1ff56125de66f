/**
 * Arguments for the shim, good and bad, drawn from a seed: what fuzz.ts calls operators and exports with.
 *
 * @module
 */
import type { Parameter } from "../../ffi/generate.ts";
import { Handle, raw } from "../../ffi/handle.ts";
import type { Frame } from "../../ffi/frame.ts";
import { frameCells, Kind } from "../../ffi/symbols.ts";
import { type DType, fromBytes, Generator, type Tensor, tensor } from "../../lib/tensor/mod.ts";

/** Draws that depend on a seed alone (mulberry32). */
export class Draw {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A number from 0 to 1. */
  real(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(this.#state ^ this.#state >>> 15, this.#state | 1);
    t ^= t + Math.imul(t ^ t >>> 7, t | 61);
    return ((t ^ t >>> 14) >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 to `below` - 1. */
  below(below: number): number {
    return Math.floor(this.real() * below);
  }

  chance(share: number): boolean {
    return this.real() < share;
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  list<T>(length: number, one: () => T): T[] {
    return Array.from({ length }, one);
  }
}

/** An item as it stands in a frame, and how a log names it. */
export interface Item {
  kind: number;
  count: number;
  cells: readonly (number | bigint)[] | string;
  says: string;
}

const item = (kind: number, count: number, cells: Item["cells"], says: string): Item => ({ kind, count, cells, says });
const none = item(Kind.none, 0, [], "none");
const omitted = item(Kind.default, 0, [], "default");
const boolean = (value: boolean) => item(Kind.boolean, value ? 1 : 0, [], String(value));
const number = (value: number) => item(Kind.number, 1, [value], String(value));
const numbers = (values: number[]) => item(Kind.numbers, values.length, values, `[${values.join(", ")}]`);
const text = (value: string) => item(Kind.string, value.length, value, JSON.stringify(value));

/** Writes items from cell 0 on, as far as the frame goes: headers may lie about what follows. */
export function write(frame: Frame, items: readonly Item[]): void {
  const { buffer } = frame.cells;
  const longs = new BigInt64Array(buffer);
  const bytes = new Uint8Array(buffer);
  let at = 0;
  for (const { kind, count, cells } of items) {
    const size = typeof cells === "string" ? (cells.length + 7) >> 3 : cells.length;
    if (at + 1 + size > frameCells) return;
    new Int32Array(buffer).set([kind, count], 2 * at);
    if (typeof cells === "string") bytes.set(new TextEncoder().encode(cells).subarray(0, 8 * size), 8 * at + 8);
    else {cells.forEach((cell, i) => {
        if (typeof cell === "bigint") longs[at + 1 + i] = cell;
        else frame.cells[at + 1 + i] = cell;
      });}
    at += 1 + size;
  }
}

/** What calls draw their tensors from: many dtypes and shapes, views, a scalar, an empty one, NaN, the meta device. */
export class Pool {
  readonly tensors: Tensor[] = [];
  readonly generator: Generator;
  readonly #stale: number;

  constructor(draw: Draw) {
    const shapes = [[], [0], [1], [3], [8], [2, 3], [3, 2], [4, 4], [2, 0, 3], [2, 4, 4], [3, 4, 5], [1, 4, 4, 4]];
    const images = [[2, 4, 8, 8], [4, 4, 3, 3], [8, 4, 1, 1], [1, 1, 5, 7], [2, 3, 4, 5, 2], [1, 2, 1, 2, 1, 2]];
    const make = (shape: readonly number[], dtype: DType) => {
      const size = shape.reduce((product, n) => product * n, 1);
      const values = Float64Array.from(draw.list(size, () => dtype === "int64" ? draw.below(4) : draw.real() * 4 - 2));
      return tensor(values, { shape, dtype });
    };
    for (const shape of [...shapes, ...images]) this.tensors.push(make(shape, "float32"));
    for (const shape of shapes) this.tensors.push(make(shape, draw.of(["int64", "int64", "bool", "uint8", "float64"])));
    for (const shape of images) this.tensors.push(make(shape, draw.of(["bfloat16", "float16", "int32", "complex64"])));
    const [wide, image] = [make([4, 6], "float32"), make([2, 4, 6, 6], "float32")];
    this.tensors.push(make([4], "float8_e4m3fn"), wide, wide.transpose(0, 1), image, image.narrow(3, 1, 4));
    this.tensors.push(image.contiguous({ memoryFormat: "channels_last" }), make([1], "float32").expand([100, 200]));
    this.tensors.push(tensor([NaN, Infinity, -Infinity, 0]), make([5, 5], "float32").mul(NaN));
    this.tensors.push(fromBytes(new Uint8Array(64).fill(255), { dtype: "int64", shape: [8] }));
    this.tensors.push(tensor([-(2n ** 63n), 2n ** 63n - 1n].map(Number), { dtype: "int64" }));
    this.tensors.push(make([2, 4, 4, 4], "float32").to({ device: "meta" }), make([], "int64").to({ device: "meta" }));
    for (const at of [3, 6, 9, 12, 13, 14]) this.tensors[at]!.requiresGrad_();
    this.generator = Generator.seeded(1);
    const gone = tensor(1);
    this.#stale = gone[raw];
    gone.dispose();
  }

  /** A tensor, mostly one that is alive. */
  tensor(draw: Draw): Item {
    if (draw.chance(0.06)) return this.#wrong(draw);
    const tensor = draw.of(this.tensors);
    return item(Kind.tensor, 1, [tensor[raw]], tensor.describe());
  }

  generators(draw: Draw): Item {
    const { kind, cells, says } = draw.chance(0.3) ? this.tensor(draw) : this.#of(this.generator);
    return item(draw.chance(0.9) ? Kind.generator : kind, 1, cells, `generator ${says}`);
  }

  list(draw: Draw, length: number): Item {
    const one = draw.of(this.tensors);
    const alike = draw.chance(0.5);
    const pick = () => alike && draw.chance(0.9) ? this.#of(one) : draw.chance(0.05) ? number(0) : this.tensor(draw);
    const items = draw.list(length, pick);
    return item(Kind.tensors, length, items.flatMap((i) => [...i.cells as number[]]), `[${items.map((i) => i.says)}]`);
  }

  /** These tensors as a list. */
  of(tensors: readonly Tensor[]): Item {
    return item(Kind.tensors, tensors.length, tensors.map((t) => t[raw]), `[${tensors.map((t) => t.describe())}]`);
  }

  #of(handle: Handle): Item {
    return item(Kind.tensor, 1, [handle[raw]], handle.describe());
  }

  #wrong(draw: Draw): Item {
    const neighbour = draw.of(this.tensors)[raw] + draw.of([1, 0.5, 2 ** 24, -(2 ** 24), 2 ** 52]);
    const handle = draw.of([this.#stale, this.generator[raw], neighbour, ...badDoubles]);
    return item(Kind.tensor, 1, [handle], `handle ${handle}`);
  }
}

/** Doubles that are no handle, no count, no size. */
export const badDoubles = [
  NaN,
  Infinity,
  -Infinity,
  -1,
  0,
  -0,
  0.5,
  1,
  1e300,
  -1e300,
  5e-324,
  2 ** 53,
  2 ** 63,
  2 ** 24,
];

/** int32 that are no index, no count, no number of an operator. */
export const badInts = [-1, -2, -(2 ** 31), 2 ** 31 - 1, 1024, 4096, 131073, 1e6];

const small = [0, 1, 1, 2, 2, 3, 4, 8, -1, -1, -2];
const large = [-3, 7, 64, 1000, 1e9, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 40, 2 ** 53, -(2 ** 31), -(2 ** 53), 2 ** 16];
const longs = [2n ** 63n - 1n, -(2n ** 63n), 2n ** 62n, 2n ** 32n, -1n, 0n, 3n];
const reals = [0, 1, -1, 0.5, 2, 1e-8, 1e-300, 1e300, 1e9, -0, NaN, Infinity, -Infinity, 2 ** 31, 2 ** 53, -(2 ** 63)];
const strings = ["none", "tanh", "same", "valid", "L", "U", "gesvd", "gesdd", "mean", "", "\0", "x".repeat(3000)];
const devices = ["cpu", "cpu", "meta", "cuda", "cuda:7", "cpu:1", "mps", "xla", "mkldnn", "", "nonsense", "cpu:-1"];
const dtypes = [0, 1, 3, 4, 5, 6, 6, 7, 9, 11, 15, 24];

const whole = (draw: Draw) => draw.chance(0.75) ? draw.of(small) : draw.of(large);

/** An argument for a parameter: of the right kind mostly, of a sensible value often. */
export function argument(draw: Draw, pool: Pool, p: Parameter): Item {
  if (draw.chance(0.04)) return anything(draw, pool);
  if (p.hasDefault && draw.chance(0.3)) return omitted;
  if (p.optional && draw.chance(0.4)) return none;
  return p.list ? list(draw, pool, p) : single(draw, pool, p.type);
}

function list(draw: Draw, pool: Pool, { type, sized }: Parameter): Item {
  const length = draw.chance(0.05) ? draw.of([7, 20, 70]) : sized && draw.chance(0.8) ? 2 : draw.below(5);
  if (type.startsWith("Tensor")) return pool.list(draw, length);
  if (sized && draw.chance(0.2)) return single(draw, pool, type);
  const alike = whole(draw);
  return numbers(draw.list(length, () => draw.chance(0.4) ? alike : draw.chance(0.03) ? 0.5 : whole(draw)));
}

function single(draw: Draw, pool: Pool, type: string): Item {
  switch (type) {
    case "Tensor":
      return pool.tensor(draw);
    case "Generator":
      return pool.generators(draw);
    case "bool":
      return boolean(draw.chance(0.5));
    case "str":
      return text(draw.of(strings));
    case "Device":
      return text(draw.of(devices));
    case "ScalarType":
      return number(draw.chance(0.7) ? draw.of(dtypes) : draw.below(60) - 3);
    case "Layout":
    case "MemoryFormat":
      return number(draw.chance(0.6) ? draw.below(4) : draw.of([4, 7, 8, 9, 99, -1, 2 ** 31, 2 ** 40]));
    case "float":
      return number(draw.of(reals));
    case "Scalar":
      return draw.chance(0.1) ? int64(draw) : number(draw.chance(0.5) ? whole(draw) : draw.of(reals));
    default:
      return draw.chance(0.08) ? int64(draw) : number(draw.chance(0.03) ? draw.of(reals) : whole(draw));
  }
}

function int64(draw: Draw): Item {
  const value = draw.of(longs);
  return item(Kind.int64, 1, [value], `${value}n`);
}

/** An item of any kind. */
export function anything(draw: Draw, pool: Pool): Item {
  const type = draw.of(["Tensor", "Generator", "bool", "str", "Device", "int", "Scalar", "none", "list", "numbers"]);
  if (type === "none") return draw.of([none, omitted]);
  if (type === "list") return pool.list(draw, draw.below(4));
  return type === "numbers" ? numbers(draw.list(draw.below(6), () => draw.of(reals))) : single(draw, pool, type);
}

/** The items with a lie in them: another kind, another count, one too few. */
export function corrupted(draw: Draw, items: readonly Item[]): Item[] {
  if (items.length === 0 || draw.chance(0.3)) return items.slice(0, -1);
  const at = draw.below(items.length);
  const { kind, count, cells, says } = items[at]!;
  const lie = draw.chance(0.5)
    ? item(draw.of([...badInts, draw.below(10)]), count, cells, `${says} as another kind`)
    : item(kind, draw.of([...badInts, 131071, 2, 0]), cells, `${says} of another count`);
  return items.with(at, lie);
}
