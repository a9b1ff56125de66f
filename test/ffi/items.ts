/** Items of a frame as the fuzzer makes and logs them; written as they are, right or wrong. @module */
import type { Frame } from "../../ffi/frame.ts";
import { type Handle, raw } from "../../ffi/handle.ts";
import { frameCells, Kind } from "../../ffi/symbols.ts";
import type { Draw } from "./draw.ts";

/** An item as it stands in a frame, and how a log names it. */
export interface Item {
  kind: number;
  count: number;
  cells: readonly (number | bigint)[] | string;
  says: string;
}

/** An item of any kind, and lies. */
export const item = (kind: number, count: number, cells: Item["cells"], says: string): Item => ({
  kind,
  count,
  cells,
  says,
});

/** Nothing. */
export const none: Item = item(Kind.none, 0, [], "none");

/** What the schema has for an argument that is left out. */
export const omitted: Item = item(Kind.default, 0, [], "default");

/** A number. */
export const number = (value: number): Item => item(Kind.number, 1, [value], String(value));

/** An integer of 64 bits. */
export const int64 = (value: bigint): Item => item(Kind.int64, 1, [value], `${value}n`);

/** Numbers. */
export const numbers = (values: number[]): Item => item(Kind.numbers, values.length, values, `[${values.join(", ")}]`);

/** A string of ASCII. */
export const text = (value: string): Item => item(Kind.string, value.length, value, JSON.stringify(value));

/** A boolean. */
export const flag = (value: boolean): Item => item(Kind.boolean, value ? 1 : 0, [], String(value));

/** A tensor that is alive. */
export const one = (handle: Handle): Item => item(Kind.tensor, 1, [handle[raw]], handle.describe());

/** Tensors that are alive, as a list. */
export const listOf = (tensors: readonly Handle[]): Item =>
  item(Kind.tensors, tensors.length, tensors.map((t) => t[raw]), `[${tensors.map((t) => t.describe()).join("; ")}]`);

/** Writes items from cell 0 on, as far as the frame goes: headers may lie about what follows. */
export function write(frame: Frame, items: readonly Item[]): void {
  const { buffer } = frame.cells;
  let at = 0;
  for (const { kind, count, cells } of items) {
    const bytes = typeof cells === "string" ? new TextEncoder().encode(cells) : new Uint8Array();
    const size = typeof cells === "string" ? (bytes.length + 7) >> 3 : cells.length;
    if (at + 1 + size > frameCells) return;
    new Int32Array(buffer).set([kind, count], 2 * at);
    new Uint8Array(buffer).set(bytes, 8 * at + 8);
    for (const [i, cell] of typeof cells === "string" ? [] : cells.entries()) {
      if (typeof cell === "bigint") new BigInt64Array(buffer)[at + 1 + i] = cell;
      else frame.cells[at + 1 + i] = cell;
    }
    at += 1 + size;
  }
}

/** int32 that are no index, no count, no number of an operator. */
export const badInts = [-1, -2, -(2 ** 31), 2 ** 31 - 1, 1024, 4096, 131073, 1e6];

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
