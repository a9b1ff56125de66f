import { LatentError } from "../base/mod.ts";
import { scope, type Tensor } from "../tensor/mod.ts";
import { Average, type Spread } from "./average.ts";

/**
 * Inception score (Salimans et al. 2016) of class scores [N, classes] before the softmax: exp of the mean divergence of
 * an image's classes from those of its split, mean and deviation over splits. The published one takes `FidInception`'s
 * logits and ten splits of the images in random order. From 1, where all are alike, to the number of classes.
 *
 * @param splits consecutive parts of the images, as equal as can be
 * @throws LatentError `metric.subset` for fewer images than splits
 */
export function inceptionScore(logits: Tensor, splits = 10): Spread {
  const count = logits.shape[0]!;
  if (count < splits) {
    const found = `${count} images for ${splits} splits`;
    throw new LatentError("metric.subset", { what: "The Inception score needs an image in each split.", found });
  }
  const average = new Average();
  for (let i = 0; i < splits; i++) {
    const [start, end] = [Math.floor(i * count / splits), Math.floor((i + 1) * count / splits)];
    scope(() => average.add([score(logits.narrow(0, start, end - start).to({ dtype: "float64" }))]));
  }
  return average.result();
}

function score(logits: Tensor): number {
  const logs = logits.logSoftmax(1);
  const shares = logs.exp();
  const divergence = shares.mul(logs.sub(shares.mean([0], true).log())).sum([1]);
  return Math.exp(divergence.mean(null).item());
}
