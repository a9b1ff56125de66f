import { setImmediate } from "node:timers/promises";
import type { WorkEvent } from "../base/mod.ts";
import { writeAtomic } from "../file/mod.ts";
import { encodePng } from "../image/mod.ts";
import { Generator, noGrad, scope } from "../tensor/mod.ts";
import { aborted, finished, type Run } from "./run.ts";
import { firstImages, inputsOf } from "./source.ts";
import { withAverages } from "./state.ts";

/** Looks at what was learned where it is time to: validation loss and sample grid, with the averaged weights. */
export async function* look(run: Run): AsyncGenerator<WorkEvent> {
  const { config: { every }, progress } = run;
  const due = (steps: number, last: number) =>
    !aborted(run) && progress.step > last && (progress.step % steps === 0 || finished(run));
  if (due(every.validate, progress.validated)) yield* validate(run);
  if (due(every.sample, progress.shown)) yield* show(run);
}

/** The mean loss over the validation set; nothing where that is empty or the run is stopped meanwhile. */
async function* validate(run: Run): AsyncGenerator<WorkEvent> {
  const { progress, folder, dataset: { validation } } = run;
  const { step, seconds, best } = progress;
  const loss = validation.length === 0 ? undefined : await withAverages(run.state, () => validationLoss(run));
  if (aborted(run)) return;
  progress.validated = step;
  if (loss === undefined) return;
  if (!Number.isFinite(loss)) {
    return void (yield { type: "warning", text: `step ${step}: the validation loss is not finite` });
  }
  if (best === null || loss < best.loss) progress.best = { step, loss };
  folder.log({ step, seconds, validationLoss: loss });
  yield { type: "note", text: `step ${step}: validation loss ${loss.toPrecision(5)}` };
}

async function validationLoss(run: Run): Promise<number> {
  const { config, trainee, device, dataset } = run;
  trainee.network.train(false);
  using generator = Generator.seeded(config.seed, device); // the same noise each time
  let sum = 0;
  let count = 0;
  for await (const { input } of inputsOf(dataset.validation, run, "file")) {
    using owned = input;
    if (aborted(run)) break;
    count += owned.shape[0]!;
    sum += owned.shape[0]! * scope(() => noGrad(() => trainee.loss(owned, generator, run.progress.step).loss.item()));
    await setImmediate();
  }
  return sum / count;
}

async function* show(run: Run): AsyncGenerator<WorkEvent> {
  const { trainee, folder, dataset, progress, signal } = run;
  using images = await firstImages(dataset.validation.length > 0 ? dataset.validation : dataset.train, run);
  trainee.network.train(false);
  const picture = await withAverages(run.state, () => trainee.show(images, signal)).catch((error) => {
    if (!aborted(run)) throw error;
  });
  if (picture === undefined) return;
  const path = folder.file("samples", `step-${String(progress.step).padStart(7, "0")}.png`);
  const bytes = await encodePng(picture);
  writeAtomic(path, (file) => file.write(bytes), { replace: true });
  progress.shown = progress.step;
  yield { type: "file", path, kind: "grid" };
}
