import { LatentError, type WorkEvent } from "../base/mod.ts";
import { loadTensors, recoverCheckpoints, tensorSources, writeAtomic, writeCheckpoint } from "../file/mod.ts";
import { plotCurves } from "../image/mod.ts";
import { aborted, finished, type Run } from "./run.ts";
import { checkedState, type RunFolder, wantSameConfig } from "./run_folder.ts";
import { progressSchema, restoreTensors, stateTensors, withAverages } from "./state.ts";

/** Writes a checkpoint where it is time to: every so many steps, at the best validation loss, at the end. */
export async function* save(run: Run): AsyncGenerator<WorkEvent> {
  const { config: { every }, progress: { step, best }, written, folder } = run;
  const last = finished(run) || aborted(run);
  const due = last || step > 0 && (step % every.checkpoint === 0 || best?.step === step);
  if (due && written.checkpoint !== step) {
    const path = checkpoint(run);
    written.checkpoint = step;
    await saveModel(run);
    await plot(folder);
    yield { type: "file", path, kind: "checkpoint" };
  }
  if (last && written.model !== step) await saveModel(run); // its process was killed behind the last checkpoint
}

function checkpoint({ config, progress, state, trainee, folder }: Run): string {
  const tensors = stateTensors(state);
  try {
    const value = { ...progress, emaUpdates: state.ema.updates, extra: trainee.state };
    const { keep } = config.every;
    return writeCheckpoint(folder.file("checkpoints"), progress.step, {
      tensors: tensorSources(tensors),
      value: JSON.parse(JSON.stringify(value)),
    }, { ...keep && { every: keep }, ...progress.best && { best: progress.best.step } });
  } finally {
    for (const name of ["random.training", "random.dropout"]) tensors.get(name)!.dispose();
  }
}

async function saveModel({ state, trainee, folder, written, progress }: Run): Promise<void> {
  await withAverages(state, () => trainee.save(folder.file("model.safetensors")));
  written.model = progress.step;
}

async function plot(folder: RunFolder): Promise<void> {
  const lines = folder.lines();
  const curve = (name: string, key: "loss" | "validationLoss") => {
    const found = lines.filter((line) => line[key] !== undefined);
    return { name, x: found.map((line) => line.step), y: found.map((line) => line[key]!) };
  };
  const curves = [curve("training", "loss"), curve("validation", "validationLoss")].filter(({ x }) => x.length > 0);
  if (curves.length === 0) return;
  const bytes = await plotCurves(curves, { logY: true });
  writeAtomic(folder.file("loss.png"), (file) => file.write(bytes), { replace: true });
}

/**
 * Puts a run in the state of its folder's newest whole checkpoint, and the log with it; without one the run begins anew.
 *
 * @throws LatentError `config.changed` or `config.data` where the run would go on as another, `usage.kind`, `checkpoint.*`
 */
export function* restore(run: Run): globalThis.Generator<WorkEvent, void> {
  const { folder, config, trainee, state, written } = run;
  using latest = recoverCheckpoints(folder.file("checkpoints"));
  if (latest === undefined) {
    folder.forgetAfter(0);
    return void (yield { type: "warning", text: `no checkpoint in ${folder.path} yet: starting anew` });
  }
  for (const { error } of latest.damaged) yield { type: "warning", text: `passed over: ${error.message}` };
  const progress = checkedState(progressSchema, latest.value, latest.path);
  wantSameRun(run, progress);
  const tensors = loadTensors(latest.file);
  try {
    restoreTensors(state, tensors, latest.path);
  } finally {
    for (const tensor of tensors.values()) tensor.dispose();
  }
  state.ema.updates = progress.emaUpdates;
  trainee.state = progress.extra;
  run.progress = { ...progress, config };
  written.checkpoint = progress.step;
  folder.forgetAfter(progress.step);
  yield { type: "note", text: `resumed after step ${progress.step}` };
}

function wantSameRun({ kind, folder, config, progress }: Run, saved: Run["progress"]): void {
  if (saved.kind !== kind) {
    throw new LatentError("usage.kind", {
      what: `${folder.path} holds another kind of run`,
      found: saved.kind,
      wanted: kind,
      mend: `Go on with it by latent train ${saved.kind} --resume.`,
    });
  }
  wantSameConfig(folder.path, saved.config, config);
  if (saved.data === progress.data) return;
  throw new LatentError("config.data", {
    what: `The images of ${config.data} are not those that the run in ${folder.path} was begun with`,
    found: "other file names",
    wanted: "the same names, in whatever folder",
    mend: "Restore the data, or start a new run from its weights with --init.",
  });
}
