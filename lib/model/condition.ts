import { type Difference, LatentError } from "../base/mod.ts";
import type { Tensor } from "../tensor/mod.ts";

/** What a denoiser is told beside x and the step; which of it, its {@linkcode UnetOptions} say. */
export interface Condition {
  /** Of the size of x, joined to it by channels: [B, D, h, w] (`concat` of the original). */
  concat?: Tensor;
  /** Tokens that the transformers attend to: [B, L, D] (`crossattn`). */
  context?: Tensor;
  /** Labels, whose embedding is added to that of the step: int64 [B] (`adm`). */
  classes?: Tensor;
}

/** Shapes, -1 where any size will do; undefined where there must be nothing. */
type Wanted = Record<keyof Condition, readonly number[] | undefined>;

/** @throws LatentError `condition.shape` with all that is missing, too much or of another shape */
export function wantCondition(condition: Condition, wanted: Wanted): void {
  const differences = (Object.keys(wanted) as (keyof Condition)[]).flatMap((name): Difference[] => {
    const [found, shape] = [condition[name]?.shape, wanted[name]];
    if (found === undefined && shape === undefined || fits(found, shape)) return [];
    return [{ name, found: described(found), wanted: described(shape) }];
  });
  if (differences.length === 0) return;
  throw new LatentError("condition.shape", {
    what: "The denoiser takes another condition",
    differences,
    mend: "Give the condition that it was made for, of the size of the latents.",
  });
}

function fits(found: readonly number[] | undefined, wanted: readonly number[] | undefined): boolean {
  return found?.length === wanted?.length && wanted?.every((size, i) => size === -1 || size === found?.[i]) === true;
}

function described(shape: readonly number[] | undefined): string {
  return shape === undefined ? "nothing" : `[${shape.map((size) => size === -1 ? "L" : size).join(", ")}]`;
}
