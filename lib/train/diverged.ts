import { LatentError } from "../base/mod.ts";
import { type AnyModule, observeCalls } from "../nn/mod.ts";
import { scope, Tensor } from "../tensor/mod.ts";
import type { Trainee } from "./trainee.ts";

/** The step that gave NaN. */
export interface BadStep {
  step: number;
  loss: number;
  norm: number;
  /** The run's. */
  folder: string;
}

/**
 * Runs a computation again with a look at every module's output, and makes the error that names the first one with a
 * value that is not finite.
 *
 * @param replay the step, with the same random numbers
 */
export function diverged(
  { network, judges = new Map() }: Pick<Trainee, "network" | "judges">,
  { step, loss, norm, folder }: BadStep,
  replay: () => void,
): LatentError {
  const names = new Map<AnyModule, string>();
  for (const [root, judge] of judges) {
    for (const [path, module] of judge.modules(root)) names.set(module, path);
  }
  for (const [path, module] of network.modules()) names.set(module, path === "" ? "the network" : path);
  let first: string | undefined;
  observeCalls((module, output) => {
    if (first !== undefined || !(output instanceof Tensor)) return;
    if (!finite(output)) first = `${names.get(module) ?? module.constructor.name}: ${statistics(output)}`;
  }, replay);
  return new LatentError("training.diverged", {
    what: `Training stopped at step ${step}: its loss or gradient is not finite`,
    found: `loss ${loss}, gradient norm ${norm}; ${
      first === undefined
        ? "every module's output is finite: it arose in the loss or the backward pass"
        : `first in ${first}`
    }`,
    wanted: "finite numbers; nothing of this step was written",
    mend:
      `Start a new run from the last good weights (--init ${folder}/model.safetensors) with a lower learningRate or ` +
      "optimizer.clip, or in precision float32.",
  });
}

function finite(x: Tensor): boolean {
  return scope(() => x.isfinite().all().item() === 1);
}

function statistics(x: Tensor): string {
  return scope(() => {
    const bad = x.isfinite().logicalNot().to({ dtype: "float32" }).mean().item();
    const rest = x.detach().nanToNum(0, 0, 0);
    return `${(100 * bad).toPrecision(3)} % of [${x.shape.join(", ")}] is not finite, the rest from ${
      rest.amin().item().toPrecision(4)
    } to ${rest.amax().item().toPrecision(4)}`;
  });
}
