import { setImmediate } from "node:timers/promises";
import type { WorkEvent } from "../base/mod.ts";
import type { Tensor } from "../tensor/mod.ts";
import { restore, save } from "./checkpoint.ts";
import { look } from "./look.ts";
import { aborted, finished, newRun, type Run, type Training } from "./run.ts";
import { fromFeatures, type Input, inputsOf, keepFeatures } from "./source.ts";
import { optimise } from "./step.ts";

/** Trains until the steps or minutes are used up or the signal aborts; every step is followed by a turn of the event loop. */
export async function* runTraining(training: Training): AsyncGenerator<WorkEvent> {
  using run = newRun(training);
  yield introduction(run);
  if (training.resume) {
    yield* restore(run);
    run.folder.keepConfig(run.config); // what may be changed may have been
  }
  using features = yield* keepFeatures(run);
  const inputs = features === undefined
    ? inputsOf(run.dataset.train, run, { position: run.progress.position })
    : fromFeatures(features, run.config, run.progress.position);
  try {
    yield report(run);
    while (true) {
      yield* look(run);
      yield* save(run);
      if (finished(run) || aborted(run)) break;
      yield* step(run, inputs);
      await setImmediate(); // a settled promise would starve signals and Workers
    }
  } finally {
    await inputs.return();
  }
  yield ending(run);
}

async function* step(run: Run, inputs: AsyncGenerator<Input, void, undefined>): AsyncGenerator<WorkEvent> {
  const { config, progress, folder } = run;
  const start = performance.now();
  const taken: Tensor[] = [];
  try {
    while (taken.length < config.optimizer.accumulate) {
      const { input, position } = (await inputs.next()).value!; // there is always a next one
      taken.push(input);
      progress.position = position;
    }
    const result = optimise(run, taken);
    progress.seconds += (performance.now() - start) / 1000;
    folder.log({ step: progress.step, seconds: progress.seconds, ...result });
    for (const text of run.warnings.splice(0)) yield { type: "warning", text };
    yield report(run, { loss: result.loss });
  } finally {
    for (const input of taken) input.dispose();
  }
}

function introduction({ trainee, dataset, device, folder }: Run): WorkEvent {
  const { name, train, validation } = dataset;
  const parameters = trainee.network.parameterCount.toLocaleString("en");
  return {
    type: "note",
    text: `${parameters} parameters, ${train.length} images of ${name} to train on and ${validation.length} to ` +
      `validate, on ${device}; in ${folder.path}`,
  };
}

function report({ progress: { step, seconds }, config }: Run, fields: Record<string, number> = {}): WorkEvent {
  const { steps, minutes } = config;
  if (minutes === undefined) return { type: "progress", label: "train", done: step, total: steps, fields };
  const left = Math.max(0, 60 * minutes - seconds);
  const shown = { ...fields, left: `${Math.floor(left / 60)}:${String(Math.floor(left % 60)).padStart(2, "0")}` };
  return { type: "progress", label: "train", done: step, fields: shown };
}

function ending(run: Run): WorkEvent {
  const { progress: { step, seconds, best }, folder: { path } } = run;
  if (!finished(run)) {
    return { type: "note", text: `stopped after step ${step}; go on with --resume --out ${path}` };
  }
  const loss = best === null ? "" : `, best validation loss ${best.loss.toPrecision(4)} at step ${best.step}`;
  return {
    type: "done",
    text: `${step} steps in ${Math.round(seconds)} s${loss}: ${path}`,
    result: { run: path, step, seconds, best },
  };
}
