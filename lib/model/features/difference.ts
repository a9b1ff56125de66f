import { Module } from "../../nn/mod.ts";
import type { Tensor } from "../../tensor/mod.ts";

/** Added to the length that features are divided by; outside of the root, as in lpips. */
const eps = 1e-10;

/** Squared difference of features [B, C, h, w], those of each place divided by their length first; in float32. */
export function squaredDifference(a: Tensor, b: Tensor): Tensor {
  return unit(a).sub(unit(b)).square();
}

/** The norm's own gradient is 0 where all features are; that of the written-out root would be NaN. */
function unit(features: Tensor): Tensor {
  const wide = features.to({ dtype: "float32" }); // under autocast the small differences would be lost
  return wide.div(wide.linalgVectorNorm(2, [1], true).add(eps));
}

/** A network that gives maps of features: images [B, 3, h, w] in [−1, 1] → [B, C, h', w'] of falling sizes. */
export interface FeatureStack {
  /** The maps, the largest first; the caller's. */
  stack(images: Tensor): Tensor[];
}

/**
 * How far images are apart in any network's features: LPIPS without learned weights. Two batches [B, 3, h, w] in
 * [−1, 1] → [B, 1, 1, 1], from 0 to 4: the mean over maps and places of |u − v|² of unit vectors.
 */
export class FeatureDistance<Net extends Module<[Tensor]> & FeatureStack> extends Module<[Tensor, Tensor]> {
  /** The distance in the features of a network, which becomes this module's child. */
  constructor(readonly net: Net) {
    super();
  }

  /** The mean over the maps. */
  override forward(x: Tensor, y: Tensor): Tensor {
    const [a, b] = [this.net.stack(x), this.net.stack(y)];
    const parts = a.map((features, i) => squaredDifference(features, b[i]!).sum([1], true).mean([2, 3], true));
    return parts.reduce((sum, part) => sum.add(part)).div(parts.length);
  }
}
