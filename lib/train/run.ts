import { sha256 } from "../base/mod.ts";
import type { Dataset } from "../data/mod.ts";
import type { Device } from "../tensor/mod.ts";
import type { TrainConfig } from "./config.ts";
import type { RunFolder } from "./run_folder.ts";
import { newState, type Progress, type TrainingState } from "./state.ts";
import type { Trainee } from "./trainee.ts";
import manifest from "../../deno.json" with { type: "json" };

/** What a training is made of. */
export interface Training {
  /** `autoencoder` or `diffusion`. */
  kind: string;
  trainee: Trainee;
  config: TrainConfig & Record<string, unknown>;
  dataset: Dataset;
  device: Device;
  folder: RunFolder;
  /** Go on from the folder's newest whole checkpoint. */
  resume: boolean;
  /** At the first abort the step is finished and a checkpoint written. */
  signal?: AbortSignal;
}

/** A training in progress: how far it is, and what it owns. */
export interface Run extends Training, Disposable {
  readonly state: TrainingState;
  progress: Progress;
  /** The steps of the newest checkpoint and model file of this process; −1 for none. */
  written: { checkpoint: number; model: number };
  /** Files that could not be read, in the order in which they were met. */
  unreadable: Set<string>;
  /** Sentences that wait to be told. */
  warnings: string[];
}

/** A run before its first step, with the weights that are in the network. */
export function newRun(training: Training): Run {
  const { trainee, config, device, dataset, kind } = training;
  const state = newState(trainee, config, device);
  return {
    ...training,
    state,
    progress: {
      kind,
      version: manifest.version,
      config,
      step: 0,
      position: 0,
      seconds: 0,
      emaUpdates: 0,
      best: null,
      validated: 0,
      shown: 0,
      data: sha256(dataset.train.map((item) => item.key).join("\n")),
      extra: {},
    },
    written: { checkpoint: -1, model: -1 },
    unreadable: new Set(),
    warnings: [],
    [Symbol.dispose]: () => state[Symbol.dispose](),
  };
}

/** Whether the signal has aborted. */
export function aborted({ signal }: Training): boolean {
  return signal?.aborted ?? false;
}

/** Whether the steps or the minutes are used up. */
export function finished({ config: { steps, minutes = Infinity }, progress }: Run): boolean {
  return progress.step >= steps || progress.seconds >= 60 * minutes;
}
