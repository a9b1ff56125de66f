import { Module } from "../../nn/mod.ts";
import type { Device, Tensor } from "../../tensor/mod.ts";

/** The sizes of a text encoder. */
export interface TextSizes {
  /** Tokens are integers below it. */
  vocabulary: number;
  /** The most tokens that a text may have, L. */
  length: number;
  /** Numbers for each token, C. */
  width: number;
}

/**
 * A frozen text encoder: tokens [B, L], int64, and where they are no padding [B, L], bool, → [B, L, C]. Gradients reach
 * none of its weights.
 */
export abstract class TextNetwork extends Module<[Tensor, Tensor]> {
  /** Whether tokens attend to those that are no padding alone, and padding's outputs mean nothing. */
  abstract readonly masked: boolean;

  /** A network of such sizes. */
  constructor(readonly sizes: TextSizes) {
    super();
  }

  /**
   * Fills it from a checkpoint; tensors that play no part in its output are passed over.
   *
   * @throws LatentError `checkpoint.mismatch` with every difference in names and shapes
   */
  abstract loadWeights(weights: ReadonlyMap<string, Tensor>): this;

  /** Where it computes. */
  get device(): Device {
    return this.parameters()[0]!.device;
  }
}

/** What attention is told beside queries, keys and values. */
export interface AttendOptions {
  heads: number;
  /** Whether a token sees itself and those before it only. */
  causal?: boolean;
  /** [B, L], bool: the tokens that are seen. */
  mask?: Tensor;
}

/** Scaled dot-product attention in heads: queries, keys and values [B, L, C] → [B, L, C]. */
export function attend(inputs: readonly Tensor[], { heads, causal = false, mask }: AttendOptions): Tensor {
  const [b, l, c] = inputs[0]!.shape as [number, number, number];
  const [q, k, v] = inputs.map((x) => x.reshape([b, l, heads, c / heads]).transpose(1, 2)); // [B, heads, L, C / heads]
  const seen = mask?.reshape([b, 1, 1, l]);
  return q!.scaledDotProductAttention(k!, v!, seen, 0, causal).transpose(1, 2).reshape([b, l, c]);
}
