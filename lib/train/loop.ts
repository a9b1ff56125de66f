import { setImmediate } from "node:timers/promises";
import { LatentError, sha256, type WorkEvent } from "../base/mod.ts";
import { type Dataset, loader } from "../data/mod.ts";
import { loadTensors, recoverCheckpoints, tensorSources, writeAtomic, writeCheckpoint } from "../file/mod.ts";
import { encodePng, plotCurves } from "../image/mod.ts";
import { AdamW, clipGradNorm, constant, Ema, type LearningRate, warmup } from "../optim/mod.ts";
import { autocast, clearGrads, type Device, Generator, noGrad, scope, stack, type Tensor } from "../tensor/mod.ts";
import type { TrainConfig } from "./config.ts";
import { diverged } from "./diverged.ts";
import { imagesOf } from "../task/mod.ts";
import { fromFeatures, fromImages, type Input, keepFeatures } from "./source.ts";
import { checkedState, type RunFolder, wantSameConfig } from "./run_folder.ts";
import {
  type Progress,
  progressSchema,
  restoreTensors,
  stateTensors,
  type TrainingState,
  withAverages,
} from "./state.ts";
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

/** Trains until the steps or minutes are used up or the signal aborts; every step is followed by a turn of the event loop. */
export async function* runTraining(training: Training): AsyncGenerator<WorkEvent> {
  using run = new Run(training);
  yield* run.begin();
  yield* run.steps();
  yield* run.end();
}

/** A run in progress: the state, and the steps of its life. */
class Run implements Disposable {
  readonly #t: Training;
  readonly #state: TrainingState;
  readonly #schedule: LearningRate;
  readonly #parameters: readonly Tensor[];
  #progress: Progress;
  #saved = -1;
  #sampled = -1;

  constructor(training: Training) {
    this.#t = training;
    const { trainee, config, device, dataset, kind } = training;
    const { learningRate, optimizer } = config;
    const weights = trainee.network.namedParameters();
    this.#parameters = [...weights.values()];
    this.#state = {
      weights,
      ema: new Ema(weights, optimizer.emaDecay),
      optimizer: new AdamW(weights, { learningRate, weightDecay: optimizer.weightDecay }),
      generator: Generator.seeded(config.seed + 1, device), // the weights were drawn with the seed itself
      dropout: Generator.default(device),
    };
    this.#schedule = optimizer.warmup > 0 ? warmup(optimizer.warmup) : constant;
    this.#progress = {
      kind,
      version: manifest.version,
      config,
      step: 0,
      position: 0,
      seconds: 0,
      emaUpdates: 0,
      best: null,
      data: sha256(dataset.train.map((item) => item.key).join("\n")),
      extra: {},
    };
  }

  async *begin(): AsyncGenerator<WorkEvent> {
    const { trainee, folder, resume, dataset, device, config } = this.#t;
    yield {
      type: "note",
      text:
        `${
          trainee.network.parameterCount.toLocaleString("en")
        } parameters, ${dataset.train.length} images of ${dataset.name} ` +
        `to train on and ${dataset.validation.length} to validate, on ${device}; in ${folder.path}`,
    };
    if (resume) yield* this.#restore();
    if (this.#progress.step > 0) return;
    scope(() => {
      // The device's generator is nobody's: its state is made to depend on the seed alone.
      using seeded = Generator.seeded(config.seed + 2, device);
      this.#state.dropout.state = seeded.state;
    });
    for await (const { input } of fromImages(dataset.train, this.#t, "file")) {
      scope(() => noGrad(() => trainee.prepare(input, this.#state.generator)));
      input.dispose();
      break;
    }
  }

  *#restore(): Generator_<WorkEvent> {
    const { folder, config, trainee, kind } = this.#t;
    using latest = recoverCheckpoints(folder.file("checkpoints"));
    if (latest === undefined) {
      return void (yield { type: "warning", text: `no checkpoint in ${folder.path} yet: starting anew` });
    }
    for (const { error } of latest.damaged) yield { type: "warning", text: `passed over: ${error.message}` };
    const progress = checkedState(progressSchema, latest.value, latest.path);
    if (progress.kind !== kind) {
      throw new LatentError("usage.kind", {
        what: `${folder.path} holds another kind of run`,
        found: progress.kind,
        wanted: kind,
      });
    }
    wantSameConfig(folder.path, progress.config, config);
    if (progress.data !== this.#progress.data) {
      throw new LatentError("config.data", {
        what: `The images of ${config.data} are not those that the run in ${folder.path} was begun with`,
        mend: "Restore the data, or start a new run from its weights with --init.",
      });
    }
    const tensors = loadTensors(latest.file);
    restoreTensors(this.#state, tensors);
    for (const tensor of tensors.values()) tensor.dispose();
    this.#state.ema.updates = progress.emaUpdates;
    trainee.state = progress.extra;
    this.#progress = { ...progress, config };
    this.#saved = progress.step;
    folder.forgetAfter(progress.step);
    yield { type: "note", text: `resumed after step ${progress.step}` };
  }

  async *steps(): AsyncGenerator<WorkEvent> {
    const { config, signal, dataset } = this.#t;
    const { position } = this.#progress;
    const kept = yield* keepFeatures(dataset, this.#t);
    const batches = kept === undefined
      ? fromImages(dataset.train, this.#t, { position })
      : fromFeatures(kept, config, position);
    try {
      yield this.#report({});
      while (!this.#done() && !signal?.aborted) {
        const start = performance.now();
        const fields = await this.#step(batches);
        this.#progress.seconds += (performance.now() - start) / 1000;
        yield this.#report(fields);
        const { step } = this.#progress;
        if (step % config.every.validate === 0) yield* this.#validate();
        if (step % config.every.sample === 0) yield* this.#show();
        if (step % config.every.checkpoint === 0) yield* this.#save();
        await setImmediate(); // a settled promise would starve signals and Workers
      }
    } finally {
      await batches.return();
      kept?.dispose();
    }
  }

  async *end(): AsyncGenerator<WorkEvent> {
    const { step, best, seconds } = this.#progress;
    if (this.#saved !== step) {
      if (!this.#t.signal?.aborted) yield* this.#validate();
      yield* this.#save();
    }
    if (this.#t.signal?.aborted) {
      return void (yield {
        type: "note",
        text: `stopped after step ${step}; go on with --resume --out ${this.#t.folder.path}`,
      });
    }
    yield* this.#show();
    const loss = best === null ? "" : `, best validation loss ${best.loss.toPrecision(4)} at step ${best.step}`;
    yield {
      type: "done",
      text: `${step} steps in ${Math.round(seconds)} s${loss}: ${this.#t.folder.path}`,
      result: { run: this.#t.folder.path, step, seconds, best },
    };
  }

  [Symbol.dispose](): void {
    const { ema, optimizer, generator, dropout } = this.#state;
    for (const owned of [ema, optimizer, generator, dropout]) owned.dispose();
  }

  #done(): boolean {
    const { steps, minutes = Infinity } = this.#t.config;
    return this.#progress.step >= steps || this.#progress.seconds >= 60 * minutes;
  }

  /** One optimiser step; what the progress line shows of it. */
  async #step(batches: AsyncGenerator<Input, void, undefined>): Promise<Record<string, number>> {
    const { config, trainee, device } = this.#t;
    const { generator, dropout, optimizer, ema } = this.#state;
    const { accumulate, clip } = config.optimizer;
    using before = generator.state;
    using dropoutBefore = dropout.state;
    const micro: Tensor[] = [];
    for (let i = 0; i < accumulate; i++) {
      const { value: batch } = await batches.next();
      if (batch === undefined) break;
      micro.push(batch.input);
      this.#progress.position = batch.position;
    }
    const forward = (input: Tensor) =>
      autocast(device, config.precision, () => trainee.loss(input, generator)).div(accumulate);
    const learningRate = config.learningRate * this.#schedule(this.#progress.step);
    trainee.network.train();
    const [loss, norm] = scope(() => {
      let sum: Tensor | undefined;
      for (const input of micro) {
        const part = forward(input);
        part.backward();
        sum = sum === undefined ? part.detach() : sum.add(part.detach());
      }
      const gradientNorm = clipGradNorm(this.#parameters, clip);
      const [l, n] = stack([sum!, gradientNorm]).tolist() as [number, number];
      if (!Number.isFinite(l + n)) return [l, n];
      optimizer.step(learningRate);
      ema.update();
      clearGrads(this.#parameters);
      return [l, n];
    }) as [number, number];
    if (!Number.isFinite(loss + norm)) {
      generator.state = before;
      dropout.state = dropoutBefore;
      throw diverged(trainee.network, this.#progress.step + 1, loss, norm, () => scope(() => micro.forEach(forward)));
    }
    for (const input of micro) input.dispose();
    this.#progress.step++;
    this.#t.folder.log({ step: this.#progress.step, seconds: this.#progress.seconds, loss, norm, learningRate });
    return { loss };
  }

  async *#validate(): AsyncGenerator<WorkEvent> {
    const { config, dataset, trainee, device, folder } = this.#t;
    if (dataset.validation.length === 0) return;
    const loss = await withAverages(this.#state, async () => {
      trainee.network.train(false);
      using generator = Generator.seeded(config.seed, device); // the same noise each time
      let sum = 0;
      let count = 0;
      for await (const { input } of fromImages(dataset.validation, this.#t, "file")) {
        count += input.shape[0]!;
        sum += input.shape[0]! * scope(() => noGrad(() => trainee.loss(input, generator).item()));
        input.dispose();
        await setImmediate();
      }
      return sum / count;
    });
    const { step, seconds, best } = this.#progress;
    if (best === null || loss < best.loss) this.#progress.best = { step, loss };
    folder.log({ step, seconds, validationLoss: loss });
    yield { type: "note", text: `step ${step}: validation loss ${loss.toPrecision(5)}` };
  }

  async #firstImages(items: Dataset["train"]): Promise<Tensor> {
    const { config, device, dataset } = this.#t;
    for await (const batch of loader(items, { size: config.size, batchSize: 16, order: "file", workers: 1 })) {
      return imagesOf(batch, config.size, device);
    }
    throw new LatentError("data.empty", { what: `No image of ${dataset.name} can be read` });
  }

  async *#show(): AsyncGenerator<WorkEvent> {
    const { trainee, folder, dataset } = this.#t;
    const { step } = this.#progress;
    if (this.#sampled === step) return;
    const items = dataset.validation.length > 0 ? dataset.validation : dataset.train;
    using images = await this.#firstImages(items);
    trainee.network.train(false);
    const picture = await withAverages(this.#state, () => trainee.show(images));
    const path = folder.file("samples", `step-${String(step).padStart(7, "0")}.png`);
    const bytes = await encodePng(picture);
    writeAtomic(path, (file) => file.write(bytes), { replace: true });
    this.#sampled = step;
    yield { type: "file", path, kind: "grid" };
  }

  async *#save(): AsyncGenerator<WorkEvent> {
    const { trainee, folder, config } = this.#t;
    const { step, best } = this.#progress;
    const value = { ...this.#progress, emaUpdates: this.#state.ema.updates, extra: trainee.state };
    const tensors = stateTensors(this.#state);
    const kept = {
      ...(config.every.keep === undefined ? {} : { every: config.every.keep }),
      ...(best === null ? {} : { best: best.step }),
    };
    const path = writeCheckpoint(folder.file("checkpoints"), step, {
      tensors: tensorSources(tensors),
      value: JSON.parse(JSON.stringify(value)),
    }, kept);
    tensors.get("random.training")!.dispose();
    tensors.get("random.dropout")!.dispose();
    await withAverages(this.#state, () => trainee.save(folder.file("model.safetensors")));
    await this.#plot();
    this.#saved = step;
    yield { type: "file", path, kind: "checkpoint" };
  }

  async #plot(): Promise<void> {
    const lines = this.#t.folder.lines();
    const curve = (name: string, key: "loss" | "validationLoss") => {
      const found = lines.filter((line) => line[key] !== undefined);
      return { name, x: found.map((line) => line.step), y: found.map((line) => line[key]!) };
    };
    const curves = [curve("training", "loss"), curve("validation", "validationLoss")].filter(({ x }) => x.length > 0);
    if (curves.length === 0) return;
    const bytes = await plotCurves(curves, { logY: true });
    writeAtomic(this.#t.folder.file("loss.png"), (file) => file.write(bytes), { replace: true });
  }

  #report(fields: Record<string, number>): WorkEvent {
    const { step, seconds } = this.#progress;
    const { steps, minutes } = this.#t.config;
    if (minutes === undefined) return { type: "progress", label: "train", done: step, total: steps, fields };
    const left = Math.max(0, 60 * minutes - seconds);
    const shown = { ...fields, left: `${Math.floor(left / 60)}:${String(Math.floor(left % 60)).padStart(2, "0")}` };
    return { type: "progress", label: "train", done: step, fields: shown };
  }
}

type Generator_<T> = globalThis.Generator<T, void, undefined>;
