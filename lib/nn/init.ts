import type { Generator, Tensor } from "../tensor/mod.ts";

/** PyTorch's default for linear and convolutional weights: uniform in ±1/√fanIn (`kaiming_uniform_` with a = √5). */
export function uniformByFanIn(tensor: Tensor, fanIn: number, generator: Generator): void {
  const bound = 1 / Math.sqrt(fanIn);
  tensor.uniform_(-bound, bound, { generator });
}
