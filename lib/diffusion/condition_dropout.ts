import { type Device, type Generator, rand, scope, type Tensor } from "../tensor/mod.ts";

/**
 * Which of B samples learn without their condition in this step (Ho & Salimans 2022), [B] bool: the rows for
 * {@linkcode withoutCondition}. B numbers are drawn, whatever the share.
 *
 * @param share of the samples, 0 … 1
 * @param device the generator's
 */
export function droppedSamples(count: number, share: number, generator: Generator, device: Device = "cpu"): Tensor {
  return scope(() => rand([count], { generator, device }).lt(share));
}

/**
 * A condition [B, …] in whose dropped rows stands the null condition instead, [1, …] or [B, …] of the same dtype; a
 * condition of several tensors is given one after the other, with the same rows.
 */
export function withoutCondition(condition: Tensor, nothing: Tensor, dropped: Tensor): Tensor {
  return scope(() => dropped.reshape([-1, ...condition.shape.slice(1).map(() => 1)]).where(nothing, condition));
}
