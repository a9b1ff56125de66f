import { raw } from "../../ffi/handle.ts";
import { Kind } from "../../ffi/symbols.ts";
import { type DType, fromBytes, Generator, type Tensor, tensor } from "../../lib/tensor/mod.ts";
import type { Draw } from "./draw.ts";
import { type Item, item, number, one } from "./items.ts";

/** Doubles that are no handle, no count, no size. */
export const badDoubles = [NaN, Infinity, -Infinity, -1, 0, 0.5, 1, 1e300, -1e300, 5e-324, 2 ** 53, 2 ** 63, 2 ** 24];

/** Dtypes by the letters of {@linkcode Pool.add}. */
export const dtypes: Record<string, DType> = {
  "": "float32",
  i: "int64",
  b: "bool",
  u: "uint8",
  d: "float64",
  h: "float16",
  g: "bfloat16",
  n: "int32",
  c: "complex64",
  q: "float8_e4m3fn",
  w: "uint16",
};

/** What calls draw their tensors from: many dtypes and shapes, views, a scalar, empty ones, NaN, the meta device. */
export class Pool {
  readonly tensors: Tensor[] = [];
  readonly #generator: Generator;
  readonly #stale: number;

  constructor(draw: Draw) {
    const shapes =
      "[] [0] [1] [3] [8] [2,3] [3,2] [4,4] [2,0,3] [2,4,4] [3,4,5] [1,4,4,4] [2,4,8,8] [4,4,3,3] [1,1,5,7]";
    for (const shape of `${shapes} [2,3,4,5,2] [1,2,1,2,1,2]`.split(" ")) {
      this.add(draw, shape).requiresGrad_(draw.chance(0.4));
      this.add(draw, draw.of(["", ...Object.keys(dtypes)]) + shape);
    }
    const [wide, image] = [this.add(draw, "[4,6]"), this.add(draw, "[2,4,6,6]")];
    this.tensors.push(wide.transpose(0, 1), image.narrow(3, 1, 4), image.contiguous({ memoryFormat: "channels_last" }));
    this.tensors.push(this.add(draw, "[1]").expand([100, 200]), tensor([NaN, Infinity, -Infinity, 0]), wide.mul(NaN));
    this.tensors.push(fromBytes(new Uint8Array(64).fill(255), { dtype: "int64", shape: [8] }));
    this.tensors.push(tensor(new BigInt64Array([-(2n ** 63n), 2n ** 63n - 1n])));
    this.tensors.push(image.to({ device: "meta" }), this.add(draw, "i[]").to({ device: "meta" }));
    this.#generator = Generator.seeded(1);
    const gone = tensor(1);
    this.#stale = gone[raw];
    gone.dispose();
  }

  /** Makes a tensor of valid.ts's notation: integers are 0 or 1, the others from -2 to 2. */
  add(draw: Draw, notation: string): Tensor {
    const at = notation.indexOf("[");
    const dtype = dtypes[notation.slice(0, at)]!;
    const shape: number[] = JSON.parse(notation.slice(at));
    const integral = dtype.includes("int") || dtype === "bool";
    const one = () => integral ? draw.below(2) : draw.real() * 4 - 2;
    const values = Float64Array.from(draw.list(shape.reduce((product, n) => product * n, 1), one));
    const made = tensor(values, { shape, dtype });
    this.tensors.push(made);
    return made;
  }

  /** A tensor, mostly one that is alive. */
  tensor(draw: Draw): Item {
    if (!draw.chance(0.05)) return one(draw.of(this.tensors));
    const neighbour = draw.of(this.tensors)[raw] + draw.of([1, 0.5, 2 ** 24, -(2 ** 24), 2 ** 52]);
    const handle = draw.of([this.#stale, this.#generator[raw], neighbour, ...badDoubles]);
    return item(Kind.tensor, 1, [handle], `handle ${handle}`);
  }

  /** The generator, mostly. */
  generator(draw: Draw): Item {
    const { cells, says } = draw.chance(0.3) ? this.tensor(draw) : one(this.#generator);
    return item(draw.chance(0.9) ? Kind.generator : Kind.tensor, 1, cells, `generator ${says}`);
  }

  /** Tensors, often of one shape, seldom with a missing or dead one. */
  list(draw: Draw, length: number): Item {
    const alike = draw.chance(0.5) ? one(draw.of(this.tensors)) : undefined;
    const items = draw.list(length, () => draw.chance(0.03) ? number(0) : alike ?? this.tensor(draw));
    const cells = items.flatMap((i) => i.cells as number[]);
    return item(Kind.tensors, length, cells, `[${items.map((i) => i.says).join("; ")}]`);
  }
}
