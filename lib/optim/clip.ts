import { foreachMul_, foreachNorm, grads, noGrad, scope, stack, type Tensor, zeros } from "../tensor/mod.ts";

/**
 * Scales all gradients so that their joint L2 norm is at most `maxNorm`, as torch.nn.utils.clip_grad_norm_.
 *
 * @param maxNorm Infinity only measures
 * @returns the norm before, a scalar tensor of the caller's: reading it would wait for a GPU; 0 without any gradient
 */
export function clipGradNorm(parameters: readonly Tensor[], maxNorm: number): Tensor {
  return scope(() =>
    noGrad(() => {
      const found = grads(parameters).filter((g) => g !== null);
      if (found.length === 0) return zeros([], { device: parameters[0]?.device ?? "cpu" });
      const norm = stack(foreachNorm(found)).linalgVectorNorm();
      if (Number.isFinite(maxNorm)) foreachMul_(found, norm.add(1e-6).reciprocal().mul(maxNorm).clamp(null, 1));
      return norm;
    })
  );
}
