import { keep, noGrad, ones, randint, scope, type Tensor, zeros } from "../tensor/mod.ts";
import type { Generator } from "../tensor/mod.ts";
import type { Codebook, Quantized } from "./codebook.ts";
import { wide } from "./wide.ts";

/** How many of its codes a codebook uses, and how evenly. */
export interface CodebookUsage {
  /** From 1, where one code stands for everything, to K, where all K are used alike: a scalar. */
  perplexity: Tensor;
  /** Codes that were used: a scalar, int64. */
  used: Tensor;
}

/** How often each of K codes is among indices of any shape: [K]. Counts of several batches add up. */
export function countCodes(indices: Tensor, codes: number): Tensor {
  const { device } = indices;
  return scope(() => {
    const flat = indices.flatten();
    return zeros([codes], { device, dtype: "int64" }).scatterAdd_(
      0,
      flat,
      ones(flat.shape, { device, dtype: "int64" }),
    );
  });
}

/** The usage that counts [K] show (measure_perplexity, ldm/modules/losses/vqperceptual.py). */
export function codebookUsage(counts: Tensor): CodebookUsage {
  return scope(() => {
    const shares = counts.to({ dtype: "float32" }).div(counts.sum(null)); // [K]
    return { perplexity: shares.mul(shares.add(1e-10).log()).sum(null).neg().exp(), used: counts.gt(0).sum(null) };
  });
}

/**
 * Brings codes back that nothing is near to: one that was nearest to no vector for so many steps in a row becomes a
 * vector of the batch, drawn at random (as in Jukebox, Dhariwal et al. 2020). The original does nothing of the kind.
 */
export class DeadCodes implements Disposable {
  /** Steps since each code was last used: [K], int64. State of the training. */
  readonly idle: Tensor;

  /** For a codebook, which stays the caller's. @param patience steps without use after which a code is replaced */
  constructor(private readonly codebook: Codebook, private readonly patience: number) {
    const { device, shape } = codebook.embedding.weight;
    this.idle = keep(zeros([shape[0]!], { device, dtype: "int64" }));
  }

  /** After a training step on vectors [B, D, h, w], which the codes of `indices` were nearest to. */
  update(vectors: Tensor, { indices }: Pick<Quantized, "indices">, generator: Generator): void {
    const { weight } = this.codebook.embedding;
    const { device } = weight;
    scope(() =>
      noGrad(() => {
        const [count, channels] = weight.shape as [number, number];
        this.idle.add_(1).mul_(countCodes(indices, count).eq(0));
        const dead = this.idle.ge(this.patience); // [K]
        const rows = wide(vectors).permute([0, 2, 3, 1]).reshape([-1, channels]);
        const drawn = randint(0, rows.shape[0]!, [count], { generator, dtype: "int64", device });
        weight.copy_(dead.unsqueeze(1).where(rows.indexSelect(0, drawn), weight));
        this.idle.maskedFill_(dead, 0);
      })
    );
  }

  /** Frees its counts; the codebook stays. */
  [Symbol.dispose](): void {
    this.idle.dispose();
  }
}
