/**
 * A Worker that computes with the shim: posts its frame's number, then for each message the number of wrong results.
 *
 * @module
 */
import { native } from "../../ffi/open.ts";
import { autocast, call, inferenceMode, live, noGrad, scope, tensor } from "../../lib/tensor/mod.ts";

/** What a Worker is asked for. */
export interface Job {
  /** Told apart by what it computes with. */
  number: number;
  rounds: number;
}

/** One round: modes, errors, gradients and results are this isolate's own. Returns what was wrong. */
function wrong(number: number): number {
  return scope(() => {
    const x = tensor([number, number + 1]).requiresGrad_();
    const odd = number % 2 === 1;
    const sum = odd ? noGrad(() => x.mul(2)) : x.mul(2);
    let errors = sum.requiresGrad === odd ? 1 : 0;
    try {
      call("aten::add.Tensor", x, tensor(new Array(number + 2).fill(0)));
      errors++;
    } catch (error) {
      if (!(error as Error).message.includes(`float32 [${number + 2}] on cpu`)) errors++;
    }
    if (odd) x.mul(3).sum(null).backward();
    else x.mul(x).sum(null).backward();
    if (x.grad!.tolist()!.toString() !== (odd ? "3,3" : `${2 * number},${2 * number + 2}`)) errors++;
    const product = autocast("cpu", odd ? "bfloat16" : "float32", () => x.unsqueeze(0).matmul(x.unsqueeze(1)));
    if (product.dtype !== (odd ? "bfloat16" : "float32")) errors++;
    return errors + (inferenceMode(() => x.add(1)).requiresGrad ? 1 : 0);
  });
}

const { postMessage } = globalThis as typeof globalThis & Pick<Worker, "postMessage">;
postMessage(native().frame.index);
addEventListener("message", (event) => {
  const { number, rounds } = (event as MessageEvent<Job>).data;
  let errors = 0;
  for (let i = 0; i < rounds; i++) errors += wrong(number);
  postMessage(errors + live());
});
