import * as z from "zod";
import { foreachCopy_, type Generator, noGrad, scope, type Tensor } from "../tensor/mod.ts";
import type { AdamW, Ema } from "../optim/mod.ts";

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
  /** A fingerprint of the data's names: another set would have another order. */
  data: z.string(),
  extra: z.record(z.string(), z.number()),
});

/** How far a run is. */
export type Progress = z.output<typeof progressSchema>;

/** Everything with tensors that a run's state consists of. */
export interface TrainingState {
  weights: ReadonlyMap<string, Tensor>;
  ema: Ema;
  optimizer: AdamW;
  /** Draws timesteps and noise. */
  generator: Generator;
  /** The device's own generator, from which dropout draws. */
  dropout: Generator;
}

/** All tensors of a state by their names in a checkpoint; the generators' are fresh and the caller's. */
export function stateTensors(state: TrainingState): Map<string, Tensor> {
  const prefixed = (prefix: string, tensors: ReadonlyMap<string, Tensor>): [string, Tensor][] =>
    [...tensors].map(([name, tensor]) => [`${prefix}.${name}`, tensor]);
  return new Map([
    ...prefixed("weights", state.weights),
    ...prefixed("ema", state.ema.stateDict()),
    ...prefixed("optimizer", state.optimizer.stateDict()),
    ["random.training", state.generator.state],
    ["random.dropout", state.dropout.state],
  ]);
}

/** Puts the tensors of a checkpoint in place; memory formats stay, so that the next step has the same bits. */
export function restoreTensors(state: TrainingState, saved: ReadonlyMap<string, Tensor>): void {
  scope(() =>
    noGrad(() => {
      const own = stateTensors(state);
      own.forEach((tensor, name) => name.startsWith("random.") ? undefined : tensor.copy_(saved.get(name)!));
      state.generator.state = saved.get("random.training")!;
      state.dropout.state = saved.get("random.dropout")!;
    })
  );
}

/** Runs `body` with the averaged weights in the network, and puts the trained ones back, bit for bit. */
export async function withAverages<T>(state: TrainingState, body: () => T | Promise<T>): Promise<T> {
  const weights = [...state.weights.values()];
  const kept = noGrad(() => weights.map((w) => w.detach().clone()));
  const put = (from: readonly Tensor[]) => noGrad(() => foreachCopy_(weights, from));
  try {
    put([...state.ema.stateDict().values()]);
    return await body();
  } finally {
    put(kept);
    for (const tensor of kept) tensor.dispose();
  }
}
