import type { Tensor } from "../tensor/mod.ts";

/** In float32 where autocast made it narrower: what is summed, compared or differentiated. */
export function wide(x: Tensor): Tensor {
  return x.dtype === "float64" ? x.share() : x.to({ dtype: "float32" });
}
