import { LatentError } from "../lib/base/mod.ts";
import { release } from "./open.ts";

/** The native side's name of an object; only `ffi/` reads it. */
export const raw: unique symbol = Symbol("raw");

const netted: unique symbol = Symbol("netted");

/**
 * Something that lives on the native side until it is freed: a tensor or a generator.
 *
 * A handle made inside a {@linkcode scope} is freed when the scope ends, unless the scope returns it.
 */
export abstract class Handle implements Disposable {
  /** 0 once it is freed. */
  [raw]: number;
  /** Whether the net below knows it. */
  private [netted] = false;
  /** What a frame writes it as. */
  abstract get kind(): "tensor" | "generator";
  /** Dtype, shape and device, for errors; does not throw. */
  abstract describe(): string;

  /**
   * Owns an object of the native side.
   *
   * @param value its name, fresh from a result; 0 is nothing, as if freed
   */
  constructor(value: number) {
    this[raw] = value;
    if (value === 0) return;
    made++;
    if (depth > 0) arena[top++] = this;
    else catchLost(this);
  }

  /** Whether it was not freed yet. */
  get alive(): boolean {
    return this[raw] !== 0;
  }

  /** Frees it now. Freeing twice does nothing. */
  dispose(): void {
    if (this[raw] === 0) return;
    if (this[netted]) net.unregister(this);
    if (arena[top - 1] === this) arena[--top] = undefined; // or a long scope would fill with what is freed
    pending[0] = this[raw];
    this[raw] = 0;
    freed++;
    release(pending, 1);
  }

  /** The same, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

let made = 0;
let freed = 0;
let lost = 0;

/** Handles of this isolate that are alive now. */
export function live(): number {
  return made - freed;
}

/** Handles of this isolate that nothing freed and the garbage collector found: each one is a bug in the program. */
export function leaked(): number {
  return lost;
}

// A net that reports, never the mechanism: it holds only what was made or carried out of every scope.
const net = new FinalizationRegistry<number>((value) => {
  lost++;
  freed++;
  pending[0] = value;
  release(pending, 1);
});

function catchLost(handle: Handle): void {
  handle[netted] = true;
  net.register(handle, handle[raw], handle);
}

// One stack of handles for all open scopes; a scope is the part above where it began.
const arena: (Handle | undefined)[] = [];
let top = 0;
let depth = 0;
let pending: number[] = [];

/**
 * Runs `body` and frees every handle made inside but those that it returns, also inside arrays, records and maps.
 *
 * Synchronous: across an `await` a tensor is held by an owner. What an inner scope returns belongs to the outer one.
 */
export function scope<T>(body: () => T): T {
  const start = top;
  depth++;
  let result: T | undefined;
  try {
    result = body();
    if (result instanceof Promise) {
      const mend = "Across an `await` hold tensors with `using` or free them with dispose().";
      throw new LatentError("tensor.scope", { what: "The body of a scope returned a promise", mend });
    }
    return result;
  } catch (error) {
    result = undefined;
    throw error;
  } finally {
    close(start, result);
  }
}

/** Carries a handle out of every open scope: from now on its owner frees it. */
export function keep<T extends Handle>(handle: T): T {
  for (let i = top - 1; i >= 0 && handle.alive; i--) {
    if (arena[i] !== handle) continue;
    arena[i] = undefined;
    catchLost(handle);
    break;
  }
  return handle;
}

function close(start: number, result: unknown): void {
  depth--;
  const kept = typeof result === "object" && result !== null ? collect(result, new Set()) : undefined;
  let count = 0;
  let end = start;
  for (let i = start; i < top; i++) {
    const handle = arena[i];
    arena[i] = undefined;
    if (handle === undefined || handle[raw] === 0) continue;
    if (kept?.has(handle)) {
      if (depth > 0) arena[end++] = handle;
      else catchLost(handle);
      continue;
    }
    pending[count++] = handle[raw];
    handle[raw] = 0;
  }
  top = end;
  freed += count;
  if (count > 0) release(pending, count);
  if (pending.length > 65536) pending = [];
}

/** All that a value holds: itself, and what is in arrays, maps, and plain records. */
function collect(value: unknown, into: Set<unknown>): Set<unknown> {
  if (typeof value !== "object" || value === null || into.has(value)) return into;
  into.add(value);
  if (value instanceof Handle) return into;
  if (Array.isArray(value)) { for (const item of value) collect(item, into); }
  else if (value instanceof Map) { for (const item of value.values()) collect(item, into); }
  else if ([Object.prototype, null].includes(Object.getPrototypeOf(value))) collect(Object.values(value), into);
  return into;
}
