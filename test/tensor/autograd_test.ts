import assert from "node:assert/strict";
import {
  autocast,
  clearGrads,
  enableGrad,
  grad,
  grads,
  inferenceMode,
  noGrad,
  scope,
  tensor,
} from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";

const leaf = (values: number[]) => tensor(values).requiresGrad_();

Deno.test(
  "backward accumulates in the leaves until they are cleared",
  leakFree(() =>
    scope(() => {
      const [x, unused] = [leaf([1, 2]), leaf([3])];
      assert.equal(x.grad, null);
      x.square().sum(null).backward();
      assert.deepEqual(x.grad!.tolist(), [2, 4]);
      x.square().backward(tensor([1, 10]));
      assert.deepEqual(grads([x, unused]).map((g) => g?.tolist()), [[4, 44], undefined]);
      clearGrads([x, unused]);
      assert.deepEqual(grads([x, unused]), [null, null]);
      x.grad = tensor([5, 6]);
      assert.deepEqual(x.grad!.tolist(), [5, 6]);
      x.grad = null;
      assert.equal(x.grad, null);
    })
  ),
);

Deno.test(
  "grad gives gradients of several outputs and leaves the leaves alone",
  leakFree(() =>
    scope(() => {
      const [x, y, unused] = [leaf([1, 2]), leaf([3, 4]), leaf([5])];
      const [dx, dy] = grad([x.mul(y).sum(null), x.square()], [x, y], { weights: [tensor(1), tensor([1, 1])] });
      assert.deepEqual([dx!.tolist(), dy!.tolist()], [[5, 8], [1, 2]]);
      assert.deepEqual(grads([x, y]), [null, null]);
      assert.deepEqual(grad([x.sum(null)], [unused], { allowUnused: true }), [null]);
      assert.throws(() => grad([x.sum(null)], [unused]), {
        code: "operator.refused",
        message: /not have been used/,
      });
    })
  ),
);

Deno.test(
  "a graph is walked once unless it is retained, and can be made of gradients",
  leakFree(() =>
    scope(() => {
      const x = leaf([2]);
      const cube = x.pow(3);
      assert.deepEqual(grad([cube], [x], { retainGraph: true })[0]!.tolist(), [12]);
      const [slope] = grad([cube], [x], { createGraph: true });
      assert.deepEqual(grad([slope!], [x])[0]!.tolist(), [12]); // 6x
      const again = x.pow(3);
      again.backward();
      assert.throws(() => again.backward(), { code: "operator.refused", message: /second time/ });
    })
  ),
);

Deno.test(
  "backward into named inputs leaves the others alone",
  leakFree(() =>
    scope(() => {
      const [x, y] = [leaf([2]), leaf([3])];
      x.mul(y).backward(undefined, { inputs: [x] });
      assert.deepEqual([x.grad!.tolist(), y.grad], [[3], null]);
    })
  ),
);

Deno.test(
  "what needs a gradient says so",
  leakFree(() =>
    scope(() => {
      const x = leaf([1, 2]);
      const rows: [() => void, RegExp][] = [
        [() => tensor([1]).backward(), /backward: element 0 of tensors does not require grad[^]*float32 \[1\] on cpu/],
        [() => x.mul(2).backward(), /grad can be implicitly created only for scalar outputs[^]*float32 \[2\] on cpu/],
        [() => x.add_(1), /aten::add_[^]*leaf Variable that requires grad/],
        [() => inferenceMode(() => tensor([1])).mul(leaf([1])), /aten::mul[^]*[Ii]nference tensors cannot be saved/],
      ];
      for (const [fails, message] of rows) assert.throws(fails, { code: "operator.refused", message });
    })
  ),
);

/** Whether autograd records, and the dtype of matrix products. */
function mode(): string {
  return scope(() => {
    const x = tensor([[1]]).requiresGrad_();
    return `${x.mul(2).requiresGrad ? "grad" : "no grad"}, ${x.matmul(x).dtype}`;
  });
}

const modes: [string, <T>(body: () => T) => T, string][] = [
  ["noGrad", noGrad, "no grad, float32"],
  ["enableGrad", enableGrad, "grad, float32"],
  ["inferenceMode", (body) => inferenceMode(() => noGrad(body)), "no grad, float32"],
  ["autocast to bfloat16", (body) => autocast("cpu", "bfloat16", body), "grad, bfloat16"],
  ["autocast to float16", (body) => autocast("cpu", "float16", body), "grad, float16"],
  ["autocast to float32", (body) => autocast("cpu", "float32", body), "grad, float32"],
  ["enableGrad in noGrad", (body) => noGrad(() => enableGrad(body)), "grad, float32"],
  [
    "float32 in bfloat16",
    (body) => autocast("cpu", "bfloat16", () => autocast("cpu", "float32", body)),
    "grad, float32",
  ],
];

for (const [name, within, inside] of modes) {
  Deno.test(
    `${name} holds inside, and what was before holds again, also after an error`,
    leakFree(() => {
      assert.equal(within(mode), inside);
      assert.equal(mode(), "grad, float32");
      assert.throws(() => within(() => assert.fail("from inside")), /from inside/);
      assert.equal(mode(), "grad, float32");
    }),
  );
}
