import { type Adam, clipGradNorm, constant, cycledRate, warmup, warmupCosine } from "../optim/mod.ts";
import { Tape } from "../nn/mod.ts";
import { autocast, cat, clearGrads, noGrad, scope, stack, type Tensor } from "../tensor/mod.ts";
import type { TrainConfig } from "./config.ts";
import { diverged } from "./diverged.ts";
import type { Run } from "./run.ts";
import { withDropout } from "./state.ts";
import type { TrainingLoss } from "./trainee.ts";

/** What a step tells. */
export interface StepResult {
  /** Mean over the inputs, before the step. */
  loss: number;
  /** Of all gradients together, before clipping. */
  norm: number;
  learningRate: number;
  /** What the loss is made of, and the adversary's. */
  terms?: Record<string, number>;
}

/**
 * One optimiser step: forward and backward of each input, clipping, AdamW, moving average; then the same for the
 * adversary, if there is one, on what the network has become.
 *
 * @param inputs the batches whose gradients are accumulated
 * @throws LatentError `training.diverged` where loss or gradient is not finite
 */
export function optimise(run: Run, inputs: readonly Tensor[]): StepResult {
  const { trainee, state, progress } = run;
  const { network, adversary } = trainee;
  const { step } = progress;
  network.train();
  adversary?.network.train();
  if (step === 0) scope(() => noGrad(() => trainee.prepare(inputs[0]!, state.generator)));
  const learningRate = rateOf(run, run.config.learningRate);
  const own = descend(run, inputs, (input) => trainee.loss(input, state.generator, step), state.optimizer);
  state.optimizer.step(learningRate);
  trainee.stepped?.(state.generator);
  state.ema.update();
  clearGrads(state.optimizer.parameters);
  let terms = own.terms;
  if (adversary !== undefined && step >= adversary.start) {
    const { optimizer } = state.adversary!;
    const its = descend(run, inputs, (input) => adversary.loss(input, state.generator), optimizer);
    optimizer.step(rateOf(run, adversary.learningRate ?? run.config.learningRate));
    clearGrads(optimizer.parameters);
    terms = { ...terms, ...its.terms };
  }
  progress.step++;
  return { loss: own.loss, norm: own.norm, learningRate, ...Object.keys(terms).length > 0 && { terms } };
}

/** What {@linkcode descend} reads. */
interface Descent {
  loss: number;
  norm: number;
  terms: Record<string, number>;
}

/** Leaves the clipped gradients of a loss in an optimiser's parameters. */
function descend(
  { trainee, config, state, progress, device, folder }: Run,
  inputs: readonly Tensor[],
  lossOf: (input: Tensor) => TrainingLoss,
  { parameters }: Adam,
): Descent {
  const { generator, dropout } = state;
  using before = generator.state;
  using dropoutBefore = dropout.state;
  const forward = (input: Tensor) => autocast(device, config.precision, () => lossOf(input));
  const { loss, norm, terms } = withDropout(
    dropout,
    device,
    () => gradients(inputs, forward, parameters, config.optimizer),
  );
  if (Number.isFinite(loss + norm)) return { loss, norm, terms };
  generator.state = before;
  dropout.state = dropoutBefore;
  const replay = () => withDropout(dropout, device, () => scope(() => inputs.forEach(forward)));
  throw diverged(trainee, { step: progress.step + 1, loss, norm, folder: folder.path }, replay);
}

/** The means over the inputs, read in one go. */
function gradients(
  inputs: readonly Tensor[],
  forward: (input: Tensor) => TrainingLoss,
  parameters: readonly Tensor[],
  { clip, recompute }: TrainConfig["optimizer"],
): Descent {
  return scope(() => {
    const names: string[] = [];
    const parts = inputs.map((input) =>
      scope(() => {
        using tape = new Tape();
        const { loss, terms = {} } = recompute ? tape.record(() => forward(input)) : forward(input);
        tape.backward(loss.div(inputs.length));
        names.splice(0, names.length, ...Object.keys(terms));
        return stack([loss, ...Object.values(terms)].map((value) => value.detach().to({ dtype: "float32" })));
      })
    );
    const read = cat([clipGradNorm(parameters, clip).unsqueeze(0), stack(parts).mean([0])]).tolist() as number[];
    const [norm = NaN, loss = NaN, ...values] = read;
    return { loss, norm, terms: Object.fromEntries(names.map((name, i) => [name, values[i]!])) };
  });
}

/** A rate at this step, warmed up and fallen. */
function rateOf({ config: { optimizer }, progress }: Run, learningRate: number): number {
  const { warmup: rise, cosine, rate } = optimizer;
  if (rate !== undefined) return learningRate * cycledRate(rate)(progress.step);
  if (cosine !== undefined) return learningRate * warmupCosine(rise, cosine, 0, 0)(progress.step);
  return learningRate * (rise > 0 ? warmup(rise) : constant)(progress.step);
}
