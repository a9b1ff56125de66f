import { full, inferenceMode, scope, type Tensor } from "../tensor/mod.ts";
import { type Denoiser, type Parameterization, predict } from "./parameterization.ts";

/** A network of (x, t): [B, C, h, w] and steps [B] → [B, C, h, w]. */
export interface Network {
  /** What the network says of x at steps t; a tensor of the caller's. */
  call(x: Tensor, t: Tensor): Tensor;
}

/** The denoiser that a network is, by what it was trained to predict. It runs in inference mode. */
export function denoiserOf(network: Network, parameterization: Parameterization = "eps"): Denoiser {
  return (x, step) =>
    inferenceMode(() =>
      scope(() => {
        const t = full([x.shape[0]!], step.t, { dtype: "int64", device: x.device });
        return predict(parameterization, network.call(x, t), x, step.alphaBar);
      })
    );
}
