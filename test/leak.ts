/** Tests that leave no live tensor behind. @module */
import assert from "node:assert/strict";
import { leaked, live } from "../lib/tensor/mod.ts";

/**
 * A test body after which as many tensors and generators live as before it. What the garbage collector found counts as
 * living on: a leak does not hide behind it.
 */
export function leakFree<T extends unknown[]>(
  body: (...args: T) => void | Promise<void>,
): (...args: T) => Promise<void> {
  return async (...args) => {
    const before = live() + leaked();
    await body(...args);
    assert.equal(live() + leaked(), before, "tensors or generators were left alive");
  };
}
