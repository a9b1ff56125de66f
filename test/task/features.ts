/** A network for metrics that is as small as can be. @module */
import type { FeatureNetwork } from "../../lib/task/mod.ts";
import { scope } from "../../lib/tensor/mod.ts";

/** Features are the pixels of the image at 4×4, [B, 48]; scores of classes ten of them. */
export const thumbnails: FeatureNetwork = {
  name: "thumbnails",
  features: (images) => scope(() => images.upsampleBilinear2dAa([4, 4], false).reshape([images.shape[0]!, 48])),
  logits: (features) => scope(() => features.narrow(1, 0, 10).mul(3)),
  [Symbol.dispose]() {},
};
