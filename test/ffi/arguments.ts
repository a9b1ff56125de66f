import type { Parameter } from "../../ffi/generate.ts";
import type { Draw } from "./draw.ts";
import { flag, int64, type Item, none, number, numbers, omitted, text } from "./items.ts";
import type { Pool } from "./pool.ts";

const small = [0, 1, 1, 2, 2, 3, 4, 8, -1, -1, -2];
const large = [-3, 7, 64, 1000, 1e9, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 40, 2 ** 53, -(2 ** 31), -(2 ** 53), 2 ** 16];
const longs = [2n ** 63n - 1n, -(2n ** 63n), 2n ** 62n, 2n ** 32n, -1n, 0n, 3n];
const reals = [0, 1, -1, 0.5, 2, 1e-8, 1e-300, 1e300, 1e9, -0, NaN, Infinity, -Infinity, 2 ** 31, 2 ** 53];
const strings = ["none", "tanh", "same", "valid", "L", "U", "gesvd", "gesdd", "mean", "", "\0", "x".repeat(3000)];
const devices = ["cpu", "cpu", "meta", "cuda", "cuda:7", "cpu:1", "mps", "xla", "mkldnn", "", "nonsense", "cpu:-1"];

/** A whole number, sensible mostly. */
export const whole = (draw: Draw): number => draw.chance(0.75) ? draw.of(small) : draw.of(large);

/** A number of any kind. */
export const real = (draw: Draw): number => draw.of(reals);

/** An integer that a double may not hold. */
export const long = (draw: Draw): bigint => draw.of(longs);

/** An argument for a parameter: of the right kind mostly, of a sensible value often. */
export function argument(draw: Draw, pool: Pool, p: Parameter): Item {
  if (draw.chance(0.04)) return anything(draw, pool);
  if (p.hasDefault && draw.chance(0.3)) return omitted;
  if (p.optional && draw.chance(0.4)) return none;
  return p.list ? list(draw, pool, p) : single(draw, pool, p.type);
}

/** An item of any kind. */
export function anything(draw: Draw, pool: Pool): Item {
  const type = draw.of(["Tensor", "Generator", "bool", "str", "Device", "int", "Scalar", "none", "list", "numbers"]);
  if (type === "none") return draw.of([none, omitted]);
  if (type === "list") return pool.list(draw, draw.below(4));
  return type === "numbers" ? numbers(draw.list(draw.below(6), () => draw.of(reals))) : single(draw, pool, type);
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
      return pool.generator(draw);
    case "bool":
      return flag(draw.chance(0.5));
    case "str":
      return text(draw.of(strings));
    case "Device":
      return text(draw.of(devices));
    case "ScalarType":
      return number(draw.chance(0.7) ? draw.of([0, 1, 3, 4, 5, 6, 6, 7, 9, 11, 15, 24]) : draw.below(60) - 3);
    case "Layout":
    case "MemoryFormat":
      return number(draw.chance(0.6) ? draw.below(4) : draw.of([4, 7, 8, 9, 99, -1, 2 ** 31, 2 ** 40]));
    case "float":
      return number(draw.of(reals));
    case "Scalar":
      return draw.chance(0.1) ? int64(draw.of(longs)) : number(draw.chance(0.5) ? whole(draw) : draw.of(reals));
    default:
      return draw.chance(0.08) ? int64(draw.of(longs)) : number(draw.chance(0.03) ? draw.of(reals) : whole(draw));
  }
}
