import type { Argument, Result } from "./frame.ts";
import { Handle } from "./handle.ts";
import { checked, native } from "./open.ts";

/** One of libtorch's operators; its number is asked for at the first call. */
export class Operator {
  #number = -1;

  /** @param name with namespace and overload, as `aten::add.Tensor` */
  constructor(readonly name: string) {}

  /** The shim's number of it. */
  get number(): number {
    if (this.#number < 0) {
      const { symbols, frame } = native();
      const [base, overload = ""] = this.name.split(".");
      frame.begin().put(base).put(overload);
      this.#number = checked(symbols.latent_operator(frame.index), this.name);
    }
    return this.#number;
  }
}

/** Calls an operator that gives one tensor; returns its handle. The fast path of {@linkcode callOperator}. */
export function callForTensor(operator: Operator, args: readonly Argument[]): number {
  const number = operator.number;
  const { symbols, frame } = native();
  frame.begin();
  for (let i = 0; i < args.length; i++) frame.put(args[i]);
  const status = symbols.latent_call(frame.index, number, args.length);
  if (status === 1) return frame.takeTensor();
  checked(status, operator.name, () => args.flatMap(operands));
  return 0;
}

/** Calls an operator; returns all its results. */
export function callOperator(operator: Operator, args: readonly Argument[]): Result[] {
  const number = operator.number;
  const { symbols, frame } = native();
  frame.begin();
  for (const argument of args) frame.put(argument);
  const count = checked(
    symbols.latent_call(frame.index, number, args.length),
    operator.name,
    () => args.flatMap(operands),
  );
  frame.begin();
  return Array.from({ length: count }, () => frame.take());
}

/** How tensors among the arguments are named in an error. */
function operands(argument: Argument): string[] {
  if (argument instanceof Handle) return [argument.describe()];
  return Array.isArray(argument)
    ? argument.flatMap((item: Argument) => item instanceof Handle ? [item.describe()] : [])
    : [];
}
