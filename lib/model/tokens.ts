import type { Tensor } from "../tensor/mod.ts";

/** [B, C, h, w] in channels_last → [B, h·w, C], a view. */
export function toTokens(x: Tensor): Tensor {
  const [b, c, h, w] = x.shape as [number, number, number, number];
  return x.permute([0, 2, 3, 1]).reshape([b, h * w, c]);
}

/** [B, h·w, C] → [B, C, h, w] in channels_last, a view. */
export function fromTokens(tokens: Tensor, h: number, w: number): Tensor {
  const [b, , c] = tokens.shape as [number, number, number];
  return tokens.reshape([b, h, w, c]).permute([0, 3, 1, 2]);
}
