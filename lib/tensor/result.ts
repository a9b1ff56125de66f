import { type Argument, callForTensor, callOperator, type Operator, type Plain } from "../../ffi/mod.ts";
import type { Tensor } from "./tensor.ts";

// tensor.ts tells its class here, so that the generated methods need not import what extends them.
let TensorClass: new (value: number) => Tensor;

/** Sets the class of all results. */
export function adopt(made: new (value: number) => Tensor): void {
  TensorClass = made;
}

/** A tensor that owns the handle. */
export function wrap(value: number): Tensor {
  return new TensorClass(value);
}

/** Calls an operator with one tensor as its result. */
export function one(operator: Operator, args: readonly Argument[]): Tensor {
  return new TensorClass(callForTensor(operator, args));
}

/** Calls an operator that changes `self`. */
export function into<T>(operator: Operator, args: readonly Argument[], self: T): T {
  callForTensor(operator, args);
  return self;
}

/** Calls an operator with several tensors as its results, or one list of them. */
export function list(operator: Operator, args: readonly Argument[]): Tensor[] {
  return callOperator(operator, args).flatMap((result) => {
    if (typeof result !== "object" || result === null || Array.isArray(result)) return [];
    return "tensors" in result ? result.tensors.map(wrap) : "tensor" in result ? [wrap(result.tensor)] : [];
  });
}

/** Calls an operator whose first result, if any, is no tensor. */
export function plain(operator: Operator, args: readonly Argument[]): Plain {
  return (callOperator(operator, args)[0] ?? null) as Plain;
}
