import { full, grad, scope, type Tensor } from "../tensor/mod.ts";
import {
  adaptiveWeight,
  type AdversarialOptions,
  type Discriminator,
  discriminatorFactor,
  type FirstStageLoss,
  generatorLoss,
  logged,
  type Reconstruction,
} from "./adversarial.ts";
import { type Posterior, posteriorKl } from "./autoencoder.ts";
import type { Quantized } from "./codebook.ts";
import { codebookUsage, countCodes } from "./codebook_usage.ts";
import { wide } from "./wide.ts";

/** A distance between images: x and y [B, 3, H, W] → [B, 1, 1, 1]. */
export type Perceptual = (x: Tensor, y: Tensor) => Tensor;

/** Weights of the terms of a first stage's loss. */
export interface FirstStageLossOptions extends AdversarialOptions {
  /** Of the perceptual distance, which is added to that of the pixels. @default {1} */
  perceptualWeight?: number;
}

/** What a first stage is judged by. */
export interface Judges {
  /** Without it there is no adversarial term. */
  discriminator?: Discriminator;
  /** Without it there is no perceptual term. */
  perceptual?: Perceptual;
  /** The weight of the decoder's last convolution, for the adaptive weight. */
  lastLayer: Tensor;
}

/**
 * The KL autoencoder's loss (LPIPSWithDiscriminator, contperceptual.py). Distances are summed over an image's elements,
 * to each of which the perceptual one is added: (|x − x̂| + w·p) / e^logvar + logvar.
 *
 * @param logvar log-variance of what is observed, a scalar
 */
export function klLoss(
  reconstruction: Reconstruction,
  { posterior, logvar }: { posterior: Posterior; logvar: Tensor },
  judges: Judges,
  { klWeight = 1, ...options }: FirstStageLossOptions & { klWeight?: number },
): FirstStageLoss {
  return scope(() => {
    const batch = reconstruction.images.shape[0]!;
    const nll = (distances: Tensor) => distances.div(logvar.exp()).add(logvar).sum(null).div(batch);
    const weighed = (options.discFactor ?? 1) > 0;
    const common = judged(reconstruction, judges, options, { nll, parameters: [logvar], weighed });
    const kl = posteriorKl(posterior).sum(null).div(batch);
    const loss = common.loss.add(kl.mul(klWeight));
    return { loss, log: logged(reconstruction.split, { total_loss: loss, logvar, kl_loss: kl, ...common.log }) };
  });
}

/**
 * The VQ autoencoder's loss (VQLPIPSWithDiscriminator, vqperceptual.py): the mean of |x − x̂| + w·p, and the codebook's.
 *
 * @param codes how many the codebook has
 */
export function vqLoss(
  reconstruction: Reconstruction,
  { quantized, codes }: { quantized: Pick<Quantized, "loss" | "indices">; codes: number },
  judges: Judges,
  { codebookWeight = 1, ...options }: FirstStageLossOptions & { codebookWeight?: number },
): FirstStageLoss {
  return scope(() => {
    const nll = (distances: Tensor) => distances.mean(null);
    const common = judged(reconstruction, judges, options, { nll, parameters: [], weighed: true });
    const loss = common.loss.add(quantized.loss.mul(codebookWeight));
    const { perplexity, used } = codebookUsage(countCodes(quantized.indices, codes));
    const own = { quant_loss: quantized.loss, p_loss: common.perceptual, perplexity, cluster_usage: used };
    return { loss, log: logged(reconstruction.split, { total_loss: loss, ...own, ...common.log }) };
  });
}

/** What distances become, and whether the adversarial term gets its adaptive weight or 0. */
interface Reduction {
  nll: (distances: Tensor) => Tensor;
  /** Of `nll`. */
  parameters: readonly Tensor[];
  weighed: boolean;
}

/**
 * Reconstruction and adversarial term. The judges are differentiated once, by the reconstructions alone: both the
 * adaptive weight and the way back into the autoencoder begin there, and the judges' graphs are gone by then.
 */
function judged(
  { images, reconstructions, step }: Reconstruction,
  { discriminator, perceptual, lastLayer }: Judges,
  options: FirstStageLossOptions,
  { nll, parameters, weighed }: Reduction,
): { loss: Tensor; perceptual: Tensor; log: Record<string, Tensor> } {
  const { perceptualWeight = 1, discWeight = 1 } = options;
  const scalar = (value: number) => full([], value, { device: images.device, dtype: images.dtype });
  return scope(() => {
    const output = wide(reconstructions);
    const learns = output.requiresGrad;
    const seen = learns ? output.detach().requiresGrad_() : output;
    const learned = parameters.filter((parameter) => parameter.requiresGrad);
    const pixels = images.sub(seen).abs();
    const p = perceptualWeight > 0 ? perceptual?.(images, seen) : undefined;
    const distances = p === undefined ? pixels : pixels.add(p.mul(perceptualWeight));
    let loss = nll(distances);
    let log: Record<string, Tensor> = { nll_loss: loss, rec_loss: distances.mean(null) };
    let [upstream, ...others] = learns ? grad([loss], [seen, ...learned]) as [Tensor, ...Tensor[]] : [];
    if (discriminator !== undefined) {
      const g = generatorLoss(discriminator, seen);
      const byG = learns ? grad([g], [seen])[0]! : undefined;
      const weight = upstream !== undefined && byG !== undefined && weighed
        ? adaptiveWeight(output, lastLayer, upstream, byG).mul(discWeight)
        : scalar(0);
      const factor = discriminatorFactor(options, step);
      loss = loss.addcmul(weight, g, { value: factor });
      if (byG !== undefined) upstream = upstream?.addcmul(byG, weight, { value: factor });
      log = { ...log, d_weight: weight, disc_factor: scalar(factor), g_loss: g };
    }
    if (upstream !== undefined) loss = withGradients(loss, [output, ...learned], [upstream, ...others]);
    return { loss, perceptual: p?.mean(null) ?? scalar(0), log };
  });
}

/** A scalar of this value from which autograd gives each input the gradient stated. */
function withGradients(value: Tensor, inputs: readonly Tensor[], gradients: readonly Tensor[]): Tensor {
  return scope(() => {
    const carried = inputs.map((input, i) => input.mul(gradients[i]!).sum(null)).reduce((sum, part) => sum.add(part));
    return value.detach().add(carried.sub(carried.detach()));
  });
}
