import { clipGradNorm, constant, warmup } from "../optim/mod.ts";
import { autocast, clearGrads, noGrad, scope, stack, type Tensor } from "../tensor/mod.ts";
import { diverged } from "./diverged.ts";
import type { Run } from "./run.ts";
import { withDropout } from "./state.ts";

/** What a step tells. */
export interface StepResult {
  /** Mean over the inputs, before the step. */
  loss: number;
  /** Of all gradients together, before clipping. */
  norm: number;
  learningRate: number;
}

/**
 * One optimiser step: forward and backward of each input, clipping, AdamW, moving average.
 *
 * @param inputs the batches whose gradients are accumulated
 * @throws LatentError `training.diverged` where loss or gradient is not finite; the weights are as before then
 */
export function optimise(run: Run, inputs: readonly Tensor[]): StepResult {
  const { trainee, config, state, parameters, progress, device, folder } = run;
  const { generator, optimizer, ema, dropout } = state;
  trainee.network.train();
  if (progress.step === 0) scope(() => noGrad(() => trainee.prepare(inputs[0]!, generator)));
  using before = generator.state;
  using dropoutBefore = dropout.state;
  const forward = (input: Tensor) =>
    autocast(device, config.precision, () => trainee.loss(input, generator)).div(inputs.length);
  const [loss, norm] = withDropout(
    dropout,
    device,
    () => gradients(inputs, forward, parameters, config.optimizer.clip),
  );
  if (!Number.isFinite(loss + norm)) {
    generator.state = before;
    dropout.state = dropoutBefore;
    const replay = () => withDropout(dropout, device, () => scope(() => inputs.forEach(forward)));
    throw diverged(trainee.network, { step: progress.step + 1, loss, norm, folder: folder.path }, replay);
  }
  const learningRate = rateOf(run);
  optimizer.step(learningRate);
  ema.update();
  clearGrads(parameters);
  progress.step++;
  return { loss, norm, learningRate };
}

/** Leaves the clipped gradients in the parameters; gives the loss and the norm before, read in one go. */
function gradients(
  inputs: readonly Tensor[],
  forward: (input: Tensor) => Tensor,
  parameters: readonly Tensor[],
  clip: number,
): [loss: number, norm: number] {
  return scope(() => {
    const losses = inputs.map((input) =>
      scope(() => {
        const loss = forward(input);
        loss.backward();
        return loss.detach();
      })
    );
    return stack([stack(losses).sum(null), clipGradNorm(parameters, clip)]).tolist() as [number, number];
  });
}

function rateOf({ config: { learningRate, optimizer }, progress }: Run): number {
  const schedule = optimizer.warmup > 0 ? warmup(optimizer.warmup) : constant;
  return learningRate * schedule(progress.step);
}
