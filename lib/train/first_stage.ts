import {
  type AutoencoderKL,
  AutoencoderVQ,
  DeadCodes,
  discriminatorLoss,
  type FirstStageLoss,
  type FirstStageLossOptions,
  klLoss,
  type PatchDiscriminator,
  posteriorOf,
  type Quantized,
  samplePosterior,
  vqLoss,
} from "../model/mod.ts";
import type { Module } from "../nn/mod.ts";
import { gridOf, saveFirstStage } from "../task/mod.ts";
import { cat, full, type Generator, inferenceMode, keep, noGrad, randn, scope, type Tensor } from "../tensor/mod.ts";
import type { FirstStageConfig } from "./config.ts";
import type { Adversary, Trainee, TrainingLoss } from "./trainee.ts";

/** What a first stage is trained against. */
export interface Judges {
  discriminator?: PatchDiscriminator | undefined;
  /** A distance of images, frozen. */
  perceptual?: Module<[Tensor, Tensor]> | undefined;
}

/** What the loss is computed with. */
interface Objective extends Judges {
  model: AutoencoderKL | AutoencoderVQ;
  config: FirstStageConfig;
  weights: FirstStageLossOptions;
  /** A scalar. */
  logvar: Tensor;
}

/**
 * The first stage's training, by the original's losses (contperceptual.py, vqperceptual.py). The KL autoencoder's is
 * divided by the number of elements of an image, so that it does not grow with that; to Adam it is the same.
 */
export function firstStageTrainee(
  model: AutoencoderKL | AutoencoderVQ,
  config: FirstStageConfig,
  judges: Judges,
): Trainee & Disposable {
  const { device } = model.decoder.conv_out.weight;
  const logvar = keep(full([], config.logvar.start, { device })).requiresGrad_(config.logvar.learn);
  const objective = { ...judges, model, config, weights: weightsOf(config), logvar };
  const revival = revivalOf(model, config);
  return {
    network: model,
    state: {},
    ...config.logvar.learn && { extraParameters: new Map([["logvar", logvar]]) },
    ...revival && { extraTensors: revival.tensors },
    judges: new Map(Object.entries(judges).flatMap(([name, net]) => net ? [[name, net]] : [])),
    ...judges.discriminator && { adversary: adversaryOf(objective, judges.discriminator) },
    begin: () => {},
    prepare: () => {},
    loss(images, generator, step) {
      const way = through(model, images, generator);
      if (model.training) revival?.note(way);
      return termsOf(lossOf(objective, images, way, step));
    },
    stepped: (generator) => revival?.apply(generator),
    show: (images) => Promise.resolve(inferenceMode(() => scope(() => gridOf(...beside(model, images))))),
    save: (path) => saveFirstStage(path, model),
    [Symbol.dispose]() {
      logvar.dispose();
      revival?.[Symbol.dispose]();
    },
  };
}

function weightsOf({ adversary, perceptual }: FirstStageConfig): FirstStageLossOptions {
  return {
    discStart: adversary?.start ?? 0,
    ...adversary && { discWeight: adversary.weight, discLoss: adversary.loss },
    perceptualWeight: perceptual?.weight ?? 0,
  };
}

/** An image's way through the first stage. */
type Way = { reconstructions: Tensor; of: { moments: Tensor } | { vectors: Tensor; quantized: Quantized } };

function through(model: AutoencoderKL | AutoencoderVQ, images: Tensor, generator: Generator): Way {
  const encoding = model.encode(images);
  if (model instanceof AutoencoderVQ) {
    const quantized = model.quantize.call(encoding);
    return { reconstructions: model.decodeQuantized(quantized.z), of: { vectors: encoding, quantized } };
  }
  const posterior = posteriorOf(encoding);
  const noise = randn(posterior.mean.shape, { generator, device: images.device });
  return { reconstructions: model.decode(samplePosterior(posterior, noise)), of: { moments: encoding } };
}

/** The adversarial term counts only while training. */
function lossOf(
  { model, config, weights, logvar, perceptual, discriminator }: Objective,
  images: Tensor,
  { reconstructions, of }: Way,
  step: number,
): FirstStageLoss {
  const { klWeight, codebook: { weight: codebookWeight } } = config;
  const judges = {
    lastLayer: model.decoder.conv_out.weight,
    ...perceptual && { perceptual: (x: Tensor, y: Tensor) => perceptual.call(x, y) },
    ...discriminator && model.training && step >= weights.discStart && { discriminator },
  };
  const reconstruction = { images, reconstructions, step };
  if ("quantized" in of) {
    return vqLoss(reconstruction, { ...of, codes: config.model.codes! }, judges, { ...weights, codebookWeight });
  }
  const posterior = posteriorOf(of.moments);
  const { loss, log } = klLoss(reconstruction, { posterior, logvar }, judges, { ...weights, klWeight });
  return { loss: loss.div(images.numel / images.shape[0]!), log };
}

function adversaryOf({ model, weights, config }: Objective, discriminator: PatchDiscriminator): Adversary {
  const step = weights.discStart;
  return {
    network: discriminator,
    start: step,
    ...config.adversary?.learningRate && { learningRate: config.adversary.learningRate },
    loss(images, generator) {
      const { reconstructions } = noGrad(() => through(model, images, generator));
      return termsOf(discriminatorLoss({ images, reconstructions, step }, discriminator, weights));
    },
  };
}

/** The terms by short names: `rec_loss` for `train/rec_loss`. */
function termsOf({ loss, log }: FirstStageLoss): TrainingLoss {
  const short = Object.entries(log).map(([name, value]): [string, Tensor] => [name.replace(/^.*\//, ""), value]);
  return { loss, terms: Object.fromEntries(short.filter(([name]) => name !== "total_loss")) };
}

/** Codes that are drawn anew after a step, where the config asks for that; the last batch is what they are drawn from. */
function revivalOf(model: AutoencoderKL | AutoencoderVQ, { codebook: { reviveAfter } }: FirstStageConfig) {
  if (!(model instanceof AutoencoderVQ) || reviveAfter === undefined) return undefined;
  const dead = new DeadCodes(model.quantize, reviveAfter);
  let last: { vectors: Tensor; indices: Tensor } | undefined;
  const forget = () => {
    last?.vectors.dispose();
    last?.indices.dispose();
    last = undefined;
  };
  return {
    tensors: new Map([["idle", dead.idle]]),
    note({ of }: Way): void {
      if (!("vectors" in of)) return;
      forget();
      last = { vectors: keep(of.vectors.detach()), indices: keep(of.quantized.indices.share()) };
    },
    apply(generator: Generator): void {
      if (last !== undefined) dead.update(last.vectors, last, generator);
      forget();
    },
    [Symbol.dispose](): void {
      forget();
      dead[Symbol.dispose]();
    },
  };
}

/** A row of images above a row of their reconstructions, twice. */
function beside(model: AutoencoderKL | AutoencoderVQ, images: Tensor): [images: Tensor, columns: number] {
  const rows = images.chunk(2).flatMap((half) => [half, model.decode(model.latent(model.encode(half)))]);
  return [cat(rows), Math.ceil(images.shape[0]! / 2)];
}
