import { LatentError } from "../../base/mod.ts";
import { type AnyModule, BatchNorm2d, buffer, Module } from "../../nn/mod.ts";
import { noGrad, scope, type Tensor, tensor, zeros } from "../../tensor/mod.ts";

/** Constant affine map of the colours: [B, 3, h, w] → (x − shift) / scale. */
export class Colours extends Module {
  /** [1, 3, 1, 1] */
  readonly shift: Tensor = buffer([1, 3, 1, 1]);
  /** [1, 3, 1, 1] */
  readonly scale: Tensor = buffer([1, 3, 1, 1]);

  /** The numbers of red, green and blue. */
  constructor(shift: readonly number[], scale: readonly number[]) {
    super();
    noGrad(() =>
      scope(() => {
        this.shift.copy_(tensor(shift, { shape: [1, 3, 1, 1] }));
        this.scale.copy_(tensor(scale, { shape: [1, 3, 1, 1] }));
      })
    );
  }

  /** Both are constants. */
  override get buffers(): readonly string[] {
    return ["shift", "scale"];
  }

  override forward(x: Tensor): Tensor {
    return x.sub(this.shift).div(this.scale);
  }
}

/** Batch normalisation by stored statistics, whether its owner is training or not; eps 1e-3, as TensorFlow's. */
export class FrozenNorm extends BatchNorm2d {
  override forward(x: Tensor): Tensor {
    return x.batchNorm(this.weight, this.bias, this.running_mean, this.running_var, false, 0, 1e-3, true);
  }
}

/**
 * Fills a frozen network with weights that came from elsewhere. What a file may leave out is filled in: the counters of
 * batch norms, which old files lack, and the network's constants.
 *
 * @param source what the weights should be, for the error
 * @param kind what the network is, for the error
 * @throws LatentError `checkpoint.mismatch` with every difference
 */
export function fillFrozen(
  network: AnyModule,
  weights: ReadonlyMap<string, Tensor>,
  source: string,
  kind = "feature network",
): void {
  const optional = /(^|\.)(num_batches_tracked|scaling_layer\.(shift|scale))$/;
  try {
    scope(() => {
      const all = new Map(weights);
      for (const [name, own] of network.stateDict()) {
        if (!all.has(name) && optional.test(name)) all.set(name, name.endsWith("tracked") ? zeros([]) : own);
      }
      network.loadStateDict(all, `These are not the weights of the ${kind}`);
    });
  } catch (error) {
    if (!(error instanceof LatentError)) throw error;
    throw new LatentError(error.code, { ...error.fields, mend: `Give ${source}.` });
  }
}
