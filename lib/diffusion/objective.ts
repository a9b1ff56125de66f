import { noGrad, scope, type Tensor, tensor } from "../tensor/mod.ts";
import { addNoise, sampleLoss } from "./loss.ts";
import type { Parameterization } from "./parameterization.ts";
import type { Schedule } from "./schedule.ts";
import { boundWeights, minSnrWeights } from "./weights.ts";

/** What a denoiser's training minimises. */
export interface ObjectiveOptions {
  /** What the network predicts. @default {"eps"} */
  predict?: Parameterization;
  /** Mean absolute or squared error. @default {"l2"} */
  loss?: "l1" | "l2";
  /** Of the mean error, the original's `l_simple_weight`. @default {1} */
  simpleWeight?: number;
  /** Of the variational bound, the original's `original_elbo_weight`. @default {0} */
  boundWeight?: number;
  /** Share of β in the posterior's variance, on which the bound depends (`v_posterior`). @default {0} */
  posteriorBeta?: number;
  /** γ of the min-SNR weights of the steps in the mean error; all weigh 1 unless given. */
  minSnr?: number | undefined;
}

/** What a noisy sample was made of. */
export interface Noised {
  /** The clean images or latents [B, …]. */
  x0: Tensor;
  /** Unit noise [B, …]. */
  noise: Tensor;
  /** The step of each of the B samples. */
  t: readonly number[];
}

/** A loss and its terms, scalars. */
export interface DiffusionLoss {
  /** To go backward from. */
  loss: Tensor;
  /** By the original's names: loss_simple, loss_vlb, loss, and where the log-variances are learned, loss_gamma, logvar. */
  log: Record<string, Tensor>;
}

/**
 * The loss of a prediction [B, …]; its gradients reach the prediction and the log-variances.
 *
 * @param logvar log-variance of the error at each step, [T]; all are 0 unless given
 */
export type Objective = (prediction: Tensor, sample: Noised, logvar?: Tensor) => DiffusionLoss;

/**
 * The objective of a schedule (eq. 2 of the paper; p_losses, ddpm.py): with d_t the mean error of a sample,
 * simpleWeight · mean(w_t · (d_t / e^logvar_t + logvar_t)) + boundWeight · mean(bound_t · d_t).
 */
export function diffusionObjective(schedule: Schedule, options: ObjectiveOptions = {}): Objective {
  const { predict = "eps", loss: distance = "l2", simpleWeight = 1, boundWeight = 0, posteriorBeta, minSnr } = options;
  const bound = boundWeights(schedule, predict, posteriorBeta);
  const snr = minSnr === undefined ? undefined : minSnrWeights(schedule, predict, minSnr);
  return (prediction, sample, logvar) =>
    scope(() => {
      const { t } = sample;
      const { device } = prediction;
      const at = (table: Float64Array) => tensor(Float32Array.from(t, (step) => table[step]!), { device });
      const error = sampleLoss(distance, prediction, targetOf(predict, schedule, sample)); // [B]
      const gamma = logvar === undefined ? error : likelihood(error, logvar, t);
      const simple = (snr === undefined ? gamma : gamma.mul(at(snr))).mean(null).mul(simpleWeight);
      const loss_vlb = error.mul(at(bound)).mean(null);
      const loss = boundWeight === 0 ? simple : simple.add(loss_vlb, { alpha: boundWeight });
      const learned = logvar?.requiresGrad ? { loss_gamma: gamma.mean(null), logvar: logvar.detach().mean(null) } : {};
      return { loss, log: { loss_simple: error.mean(null), ...learned, loss_vlb, loss } };
    });
}

/** Errors [B] as negative log-likelihoods, up to a constant. */
function likelihood(error: Tensor, logvar: Tensor, t: readonly number[]): Tensor {
  const own = logvar.indexSelect(0, tensor(t, { dtype: "int64", device: logvar.device }));
  return error.div(own.exp()).add(own);
}

/** What the network should say: the noise, the clean sample, or √ᾱ·ε − √(1−ᾱ)·x0. */
function targetOf(predict: Parameterization, schedule: Schedule, { x0, noise, t }: Noised): Tensor {
  switch (predict) {
    case "eps":
      return noise;
    case "x0":
      return x0;
    case "v":
      return addNoise(schedule, noise, noGrad(() => x0.neg()), t);
  }
}
