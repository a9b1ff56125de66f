import { codebookUsage, countCodes } from "../model/mod.ts";
import { keep, scope, type Tensor, zeros } from "../tensor/mod.ts";

/** How a codebook is used over a set of images. */
export interface CodeUse {
  /** Codes that were used at least once. */
  used: number;
  /** Of all codes, from 0 to 1. */
  share: number;
  /** exp of the entropy of their shares: how many codes, used alike, would be as diverse. */
  perplexity: number;
}

/** Counts the codes of images, batch by batch. */
export class CodeCounter implements Disposable {
  readonly #counts: Tensor;

  /** Counts from nothing. @param codes how many the codebook has */
  constructor(private readonly codes: number) {
    this.#counts = keep(zeros([codes], { dtype: "int64" }));
  }

  /** Takes indices of any shape in, int64 from 0 to one less than there are codes. */
  add(indices: Tensor): this {
    scope(() => this.#counts.add_(countCodes(indices, this.codes).to({ device: "cpu" })));
    return this;
  }

  /** What was used so far. */
  result(): CodeUse {
    return scope(() => {
      const { perplexity, used } = codebookUsage(this.#counts);
      return { used: used.item(), share: used.item() / this.codes, perplexity: perplexity.item() };
    });
  }

  /** Frees the counts. */
  [Symbol.dispose](): void {
    this.#counts.dispose();
  }
}
