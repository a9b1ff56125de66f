import { type DType, empty, keep, type MemoryFormat, noGrad, scope, Tensor } from "../tensor/mod.ts";
import type { Generator } from "../tensor/mod.ts";
import { mismatch } from "./mismatch.ts";

/** Anything that maps tensors to a tensor inside a {@linkcode Sequential}: a module or a stateless layer. */
export interface Layer {
  /** Gives a tensor of its own, the caller's, also where it has the values of `x`; `x` stays. */
  call(x: Tensor): Tensor;
}

/** Called with every module after its forward, innermost first. */
export type CallListener = (module: AnyModule, output: unknown) => void;

/** A module whatever it takes and gives. */
export type AnyModule = Module<never[], unknown>;

let device = "cpu";
let dtype: DType = "float32";
let listener: CallListener | undefined;

/**
 * A network or a part of one. Fields that are tensors are its parameters (or the buffers that {@linkcode buffers}
 * names), fields that are modules or arrays of modules its children; the path of fields is a tensor's name.
 */
export abstract class Module<In extends unknown[] = [Tensor], Out = Tensor> implements Disposable {
  /** Whether dropout drops and the like; see {@linkcode train}. */
  training = false;

  /** The computation. Use {@linkcode call}, which frees what this makes on the way. */
  abstract forward(...input: In): Out;

  /** Runs {@linkcode forward} and frees every temporary that it made. */
  call(...input: In): Out {
    const output = scope(() => this.forward(...input));
    listener?.(this as AnyModule, output);
    return output;
  }

  /** Names of fields that are state but no parameters. */
  get buffers(): readonly string[] {
    return [];
  }

  /** Fills this module's own tensors, not its children's; random ones from the generator. */
  reset(_generator: Generator): void {}

  /** The tensors and modules of this module by their names. */
  *children(): Iterable<[string, Tensor | AnyModule]> {
    for (const [name, value] of Object.entries(this)) {
      if (value instanceof Tensor || value instanceof Module) yield [name, value];
      else if (Array.isArray(value)) {
        for (const [i, item] of value.entries()) if (item instanceof Module) yield [`${name}.${i}`, item];
      }
    }
  }

  /** All modules below and this one (as ""), by path. */
  *modules(prefix = ""): Iterable<[string, AnyModule]> {
    yield [prefix, this as AnyModule];
    for (const [name, child] of this.children()) {
      if (child instanceof Module) yield* child.modules(join(prefix, name));
    }
  }

  /** All parameters and buffers by name, in the order of the fields: the tensors themselves, not copies. */
  stateDict(): Map<string, Tensor> {
    return new Map(tensorsOf(this, "", () => true));
  }

  /** The tensors to train, by name. */
  namedParameters(): Map<string, Tensor> {
    return new Map(tensorsOf(this, "", (module, name) => !module.buffers.includes(name)));
  }

  /** The tensors to train. */
  parameters(): Tensor[] {
    return [...this.namedParameters().values()];
  }

  /**
   * Copies weights in by name; dtypes are converted, memory formats stay.
   *
   * @throws LatentError `checkpoint.mismatch` with every missing, unexpected and mis-shaped name; nothing is copied then
   */
  loadStateDict(weights: ReadonlyMap<string, Tensor>, what = "the weights"): void {
    const own = this.stateDict();
    const error = mismatch(own, weights, what);
    if (error !== undefined) throw error;
    noGrad(() => own.forEach((tensor, name) => tensor.copy_(weights.get(name)!)));
  }

  /** Fills all tensors anew, as PyTorch initialises them. The same generator gives the same weights. */
  initialise(generator: Generator): this {
    noGrad(() => {
      for (const [, module] of this.modules()) scope(() => module.reset(generator));
    });
    return this;
  }

  /** Switches training behaviour of this module and all below. */
  train(on = true): this {
    for (const [, module] of this.modules()) module.training = on;
    return this;
  }

  /** Whether autograd records for the parameters. */
  requiresGrad_(on = true): this {
    for (const parameter of this.parameters()) parameter.requiresGrad_(on);
    return this;
  }

  /** The number of trainable elements. */
  get parameterCount(): number {
    return this.parameters().reduce((sum, p) => sum + p.numel, 0);
  }

  /** Frees all its tensors and those below. */
  dispose(): void {
    for (const tensor of this.stateDict().values()) tensor.dispose();
  }

  /** The same, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Builds modules on another device; `meta` gives names and shapes without memory. */
export function onDevice<T>(name: string, build: () => T): T {
  const before = device;
  device = name;
  try {
    return build();
  } finally {
    device = before;
  }
}

/** Builds modules with floating-point numbers of another type; in float64 rounding can be told from a mistake. */
export function withDtype<T>(type: DType, build: () => T): T {
  const before = dtype;
  dtype = type;
  try {
    return build();
  } finally {
    dtype = before;
  }
}

/** Calls `on` after every module's forward inside `body`: for looking where a NaN begins. */
export function observeCalls<T>(on: CallListener, body: () => T): T {
  const before = listener;
  listener = on;
  try {
    return body();
  } finally {
    listener = before;
  }
}

/** A trainable tensor, to be filled by {@linkcode Module.reset} or loaded; it belongs to the module and to no scope. */
export function parameter(shape: readonly number[], memoryFormat: MemoryFormat = "contiguous"): Tensor {
  return buffer(shape, dtype, memoryFormat).requiresGrad_();
}

/** A tensor of state that is not trained. */
export function buffer(
  shape: readonly number[],
  type: DType = dtype,
  memoryFormat: MemoryFormat = "contiguous",
): Tensor {
  return keep(empty(shape, { dtype: type, device, memoryFormat }));
}

function* tensorsOf(
  module: AnyModule,
  prefix: string,
  wanted: (module: AnyModule, name: string) => boolean,
): Iterable<[string, Tensor]> {
  for (const [name, child] of module.children()) {
    if (child instanceof Module) yield* tensorsOf(child, join(prefix, name), wanted);
    else if (wanted(module, name)) yield [join(prefix, name), child];
  }
}

function join(prefix: string, name: string): string {
  return prefix === "" ? name : `${prefix}.${name}`;
}
