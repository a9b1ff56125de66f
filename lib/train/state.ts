import * as z from "zod";
import { LatentError } from "../base/mod.ts";
import { AdamW, Ema } from "../optim/mod.ts";
import { type Device, foreachCopy_, Generator, noGrad, scope, type Tensor } from "../tensor/mod.ts";
import type { TrainConfig } from "./config.ts";
import type { Trainee } from "./trainee.ts";

/** What a checkpoint holds beside its tensors. */
export const progressSchema = z.strictObject({
  kind: z.string(),
  version: z.string(),
  config: z.record(z.string(), z.unknown()),
  /** Optimiser steps done. */
  step: z.int().min(0),
  /** Samples taken from the data order. */
  position: z.int().min(0),
  /** Of training. */
  seconds: z.number().min(0),
  emaUpdates: z.int().min(0),
  /** The step of the best validation loss, and the loss; null before the first. */
  best: z.strictObject({ step: z.int(), loss: z.number() }).nullable(),
  /** The step of the last validation, and of the last sample grid; 0 before the first. */
  validated: z.int().min(0),
  shown: z.int().min(0),
  /** A fingerprint of the data's names: another set would have another order. */
  data: z.string(),
  extra: z.record(z.string(), z.number()),
});

/** How far a run is. */
export type Progress = z.output<typeof progressSchema>;

/** Everything with tensors that a run's state consists of; it owns the averages, the optimisers and the generators. */
export interface TrainingState extends Disposable {
  /** What the gradients of the loss change. */
  weights: ReadonlyMap<string, Tensor>;
  ema: Ema;
  optimizer: AdamW;
  /** The tensors of the network that is trained against, buffers too, and what optimises it. */
  adversary?: { tensors: ReadonlyMap<string, Tensor>; optimizer: AdamW };
  /** What belongs to the trainee beside. */
  extra: ReadonlyMap<string, Tensor>;
  /** Draws timesteps and noise. */
  generator: Generator;
  /** Stands in for the device's own generator, from which dropout draws, while a step is made. */
  dropout: Generator;
}

/** The state before the first step. */
export function newState(trainee: Trainee, config: TrainConfig, device: Device): TrainingState {
  const { learningRate, seed, optimizer: { emaDecay, weightDecay, betas } } = config;
  const settings = { learningRate, weightDecay, betas };
  const { network, extraParameters = new Map(), extraTensors: extra = new Map() } = trainee;
  const weights = new Map([...network.namedParameters(), ...extraParameters]);
  const opponent = trainee.adversary?.network;
  const adversary = opponent && {
    tensors: opponent.stateDict(),
    optimizer: new AdamW(opponent.namedParameters(), settings),
  };
  const ema = new Ema(weights, emaDecay);
  const optimizer = new AdamW(weights, settings);
  const generator = Generator.seeded(seed + 1, device); // the weights were drawn with the seed itself
  const dropout = Generator.seeded(seed + 2, device);
  const owned = [ema, optimizer, generator, dropout, ...adversary ? [adversary.optimizer] : []];
  return {
    weights,
    ema,
    optimizer,
    ...adversary && { adversary },
    extra,
    generator,
    dropout,
    [Symbol.dispose]: () => owned.forEach((one) => one.dispose()),
  };
}

/** All tensors of a state by their names in a checkpoint; the generators' are fresh and the caller's. */
export function stateTensors(
  { weights, ema, optimizer, adversary, extra, ...random }: TrainingState,
): Map<string, Tensor> {
  const prefixed = (prefix: string, tensors: ReadonlyMap<string, Tensor>): [string, Tensor][] =>
    [...tensors].map(([name, tensor]) => [`${prefix}.${name}`, tensor]);
  return new Map([
    ...prefixed("weights", weights),
    ...prefixed("ema", ema.stateDict()),
    ...prefixed("optimizer", optimizer.stateDict()),
    ...adversary === undefined ? [] : [
      ...prefixed("adversary", adversary.tensors),
      ...prefixed("adversary_optimizer", adversary.optimizer.stateDict()),
    ],
    ...prefixed("extra", extra),
    ["random.training", random.generator.state],
    ["random.dropout", random.dropout.state],
  ]);
}

/**
 * Puts the tensors of a checkpoint in place; memory formats stay, so that the next step has the same bits.
 *
 * @throws LatentError `checkpoint.state` with what is missing or has another shape; nothing is changed then
 */
export function restoreTensors(state: TrainingState, saved: ReadonlyMap<string, Tensor>, path: string): void {
  scope(() =>
    noGrad(() => {
      const own = stateTensors(state);
      const shapeOf = (tensor?: Tensor) => tensor === undefined ? "nothing" : `[${tensor.shape.join(", ")}]`;
      const differences = [...own].map(([name, tensor]) => ({
        name,
        found: shapeOf(saved.get(name)),
        wanted: shapeOf(tensor),
      })).filter(({ found, wanted }) => found !== wanted);
      if (differences.length > 0) {
        throw new LatentError("checkpoint.state", {
          what: `${path} is no checkpoint of this network`,
          differences,
          mend: "Resume with the version of latent that began the run, or start a new one from its weights by --init.",
        });
      }
      own.forEach((tensor, name) => name.startsWith("random.") ? undefined : tensor.copy_(saved.get(name)!));
      state.generator.state = saved.get("random.training")!;
      state.dropout.state = saved.get("random.dropout")!;
    })
  );
}

/** Runs `body` with the device's own generator in the state of `dropout`, which goes on where the body left off. */
export function withDropout<T>(dropout: Generator, device: Device, body: () => T): T {
  using shared = Generator.default(device);
  using before = shared.state;
  using own = dropout.state;
  shared.state = own;
  try {
    return body();
  } finally {
    using after = shared.state;
    dropout.state = after;
    shared.state = before;
  }
}

/** Runs `body` with the averaged weights in the network, and puts the trained ones back, bit for bit. */
export async function withAverages<T>(state: TrainingState, body: () => T | Promise<T>): Promise<T> {
  const weights = [...state.weights.values()];
  const kept = noGrad(() => weights.map((weight) => weight.clone()));
  const put = (from: readonly Tensor[]) => noGrad(() => foreachCopy_(weights, from));
  try {
    put([...state.ema.stateDict().values()]);
    return await body();
  } finally {
    put(kept);
    for (const tensor of kept) tensor.dispose();
  }
}
