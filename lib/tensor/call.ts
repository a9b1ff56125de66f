import { type Argument, callOperator, Operator, type Plain } from "../../ffi/mod.ts";
import { Generator } from "./generator.ts";
import { wrap } from "./result.ts";
import type { Tensor } from "./tensor.ts";

export type { Argument, Plain };

const known = new Map<string, Operator>();

/**
 * Calls any of libtorch's operators by name and overload: `call("aten::fft_rfft", x)`. Dtypes are libtorch's numbers
 * here. Operators outside of `ffi/operators.txt` check their arguments as well as libtorch does, some not at all.
 */
export function call(name: string, ...args: Argument[]): (Tensor | Tensor[] | Generator | Plain)[] {
  const operator = known.get(name) ?? new Operator(name);
  known.set(name, operator);
  return callOperator(operator, args).map((result) => {
    if (typeof result !== "object" || result === null || Array.isArray(result)) return result;
    if ("tensor" in result) return wrap(result.tensor);
    return "tensors" in result ? result.tensors.map(wrap) : new Generator(result.generator);
  });
}
