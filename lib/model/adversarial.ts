import { grad, scope, type Tensor } from "../tensor/mod.ts";
import { wide } from "./wide.ts";

/** How a discriminator takes part in the training of a first stage; the names are the original's `lossconfig`. */
export interface AdversarialOptions {
  /** Optimiser step from which it counts. */
  discStart: number;
  /** Times the adaptive weight. @default {1} */
  discWeight?: number;
  /** Times the generator's and the discriminator's loss, from then on. @default {1} */
  discFactor?: number;
  /** How the discriminator tells real from fake. @default {"hinge"} */
  discLoss?: "hinge" | "vanilla";
}

/** Anything that says of images [B, 3, H, W] how real their patches look: logits [B, 1, h, w]. */
export interface Discriminator {
  /** Images → logits, the caller's. */
  call(images: Tensor): Tensor;
}

/** A loss, and what it is made of. */
export interface FirstStageLoss {
  /** A scalar, to go backward from. */
  loss: Tensor;
  /** Scalars by the original's names, such as `train/rec_loss`; constants to autograd. */
  log: Record<string, Tensor>;
}

/** Images and what became of them. */
export interface Reconstruction {
  /** [B, 3, H, W] in [−1, 1]. */
  images: Tensor;
  /** [B, 3, H, W]. */
  reconstructions: Tensor;
  /** Optimiser steps done. */
  step: number;
  /** What the names of logged values begin with. @default {"train"} */
  split?: string;
}

/** The discriminator's own loss, of images and reconstructions in a pass each; 0 before `discStart` (vqperceptual.py). */
export function discriminatorLoss(
  { images, reconstructions, step, split }: Reconstruction,
  discriminator: Discriminator,
  options: AdversarialOptions,
): FirstStageLoss {
  return scope(() => {
    const logits = (x: Tensor) => wide(discriminator.call(x.detach()));
    const real = logits(images);
    const fake = logits(reconstructions);
    const [ofReal, ofFake] = options.discLoss === "vanilla"
      ? [real.neg().softplus(), fake.softplus()]
      : [real.rsub(1).relu(), fake.add(1).relu()];
    const loss = ofReal.mean(null).add(ofFake.mean(null)).mul(0.5 * discriminatorFactor(options, step));
    return {
      loss,
      log: logged(split, { disc_loss: loss, logits_real: real.mean(null), logits_fake: fake.mean(null) }),
    };
  });
}

/** The generator's loss: −mean of the logits of its images. */
export function generatorLoss(discriminator: Discriminator, reconstructions: Tensor): Tensor {
  return scope(() => wide(discriminator.call(reconstructions)).mean(null).neg());
}

/** `discFactor` from `discStart` on, 0 before (adopt_weight). */
export function discriminatorFactor({ discStart, discFactor = 1 }: AdversarialOptions, step: number): number {
  return step < discStart ? 0 : discFactor;
}

/**
 * The weight at which the discriminator moves the last layer W as much as the reconstruction does:
 * ‖∂nll/∂W‖ / (‖∂g/∂W‖ + 1e-4), at most 10,000 (section 3.1 of Esser et al. 2021; calculate_adaptive_weight).
 *
 * @param output what W gives, with its graph
 * @param nll gradient of the reconstruction loss by the output
 * @param g gradient of the generator's loss by the output
 */
export function adaptiveWeight(output: Tensor, lastLayer: Tensor, nll: Tensor, g: Tensor): Tensor {
  return scope(() => {
    const [a, b] = [nll, g].map((weights) =>
      grad([output], [lastLayer], { weights: [weights], retainGraph: true })[0]!.linalgVectorNorm()
    ) as [Tensor, Tensor];
    return a.div(b.add(1e-4)).clamp(0, 1e4);
  });
}

/** Logged values by their full names, without graph. */
export function logged(split = "train", values: Record<string, Tensor>): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${split}/${name}`, value.detach()]));
}
