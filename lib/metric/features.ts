import { LatentError } from "../base/mod.ts";
import { cat, inferenceMode, keep, scope, type Tensor } from "../tensor/mod.ts";
import type { Statistics } from "./statistics.ts";

/** Collects features on the CPU, for what needs them one by one: KID, precision and recall, the Inception score. */
export class FeatureSet implements Disposable {
  readonly #batches: Tensor[] = [];

  /** Takes features [B, D] in, a copy of them. */
  add(features: Tensor): this {
    sameWidth(features, this.#batches[0]?.shape[1]);
    this.#batches.push(keep(inferenceMode(() => features.to({ dtype: "float32", device: "cpu", copy: true }))));
    return this;
  }

  /** How many there are. */
  get count(): number {
    return this.#batches.reduce((sum, { shape }) => sum + shape[0]!, 0);
  }

  /** All of them in their order, [N, D]; the caller's. @throws LatentError `metric.empty` before the first */
  result(): Tensor {
    if (this.count === 0) throw new LatentError("metric.empty", { what: "There are no features yet." });
    return cat(this.#batches);
  }

  /** Frees them. */
  [Symbol.dispose](): void {
    for (const batch of this.#batches.splice(0)) batch.dispose();
  }
}

/**
 * Mean and covariance of features that come in batches, in float64 on the CPU: nothing but these is kept, and digits
 * aren't lost to large means (Chan et al. 1979).
 */
export class FeatureStatistics implements Disposable {
  #count = 0;
  #mean: Tensor | undefined;
  /** Σ (x − mean)(x − mean)ᵀ, [D, D] */
  #scatter: Tensor | undefined;

  /** Takes features [B, D] in. */
  add(features: Tensor): this {
    sameWidth(features, this.#mean?.shape[0]);
    const count = features.shape[0]!;
    if (count > 0) {
      inferenceMode(() => scope(() => this.#merge(features.to({ dtype: "float64", device: "cpu" }), count)));
    }
    return this;
  }

  #merge(x: Tensor, count: number): void {
    const mean = x.mean([0]);
    const centred = x.sub(mean);
    if (this.#mean === undefined || this.#scatter === undefined) {
      [this.#mean, this.#scatter] = [keep(mean), keep(centred.transpose(0, 1).mm(centred))];
    } else {
      const all = this.#count + count;
      const apart = mean.sub(this.#mean);
      const rows = cat([centred, apart.mul(Math.sqrt(this.#count * count / all)).unsqueeze(0)]);
      this.#scatter.add_(rows.transpose(0, 1).mm(rows));
      this.#mean.add_(apart.mul(count / all));
    }
    this.#count += count;
  }

  /** How many features there were. */
  get count(): number {
    return this.#count;
  }

  /** What they come to; tensors of the caller's. @throws LatentError `metric.empty` for fewer than two */
  result(): Statistics {
    const count = this.#count;
    if (count < 2) {
      const what = "A covariance needs two features at least.";
      throw new LatentError("metric.empty", { what, found: String(count) });
    }
    return scope(() => ({ mean: this.#mean!.clone(), covariance: this.#scatter!.div(count - 1), count }));
  }

  /** Frees what it holds. */
  [Symbol.dispose](): void {
    this.#mean?.dispose();
    this.#scatter?.dispose();
  }
}

function sameWidth(features: Tensor, width: number | undefined): void {
  if (features.shape.length === 2 && (width === undefined || features.shape[1] === width)) return;
  throw new LatentError("metric.shape", {
    what: "Features are rows of one network's.",
    found: features.describe(),
    wanted: `[B, ${width ?? "D"}]`,
  });
}
