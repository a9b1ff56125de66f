import assert from "node:assert/strict";
import { Codebook, codebookUsage, countCodes, DeadCodes } from "../../lib/model/mod.ts";
import { autocast, Generator, noGrad, randn, scope, type Tensor, tensor, zeros } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";

/** Codes of one channel, and vectors [1, 1, 1, n]. */
function numbersOf(
  codes: readonly number[],
  options: { beta?: number; legacy?: boolean; remap?: number } = {},
): Codebook {
  const codebook = new Codebook({ codes: codes.length, ...options }, 1);
  noGrad(() => codebook.embedding.weight.copy_(tensor(codes.map((code) => [code]))));
  return codebook;
}

const vectors = (...values: number[]): Tensor => tensor([[[values]]]);

Deno.test(
  "vectors become the nearest code, the first of equally near ones",
  leakFree(() =>
    scope(() => {
      using codebook = numbersOf([0, 2, -2, 2]);
      const { z, indices, loss } = codebook.call(vectors(0.2, 1, 9, -1.5));
      assert.deepEqual(indices.tolist(), [[[0, 0, 1, 2]]]);
      assert.deepEqual(z.tolist(), [[[[0, 0, 2, -2]]]]);
      assert.ok(Math.abs(loss.item() - 1.25 * (0.04 + 1 + 49 + 0.25) / 4) < 1e-4);
      assert.deepEqual(codebook.entries(indices).tolist(), [[[[0, 0, 2, -2]]]]);
    })
  ),
);

Deno.test(
  "channels are those of each place",
  leakFree(() =>
    scope(() => {
      using generator = Generator.seeded(0);
      using codebook = new Codebook({ codes: 7 }, 3).initialise(generator);
      const codes = codebook.embedding.weight;
      assert.ok(codes.abs().amax().item() <= 1 / 7 && codes.abs().amax().item() > 0.1);
      const z = randn([2, 3, 4, 5], { generator });
      const { indices, z: quantized } = codebook.call(z);
      const at = (x: Tensor, b: number, i: number, j: number) =>
        (x.select(0, b).select(1, i).select(1, j).tolist()) as number[];
      for (const [b, i, j] of [[0, 0, 0], [1, 3, 2], [0, 2, 4]] as const) {
        const vector = at(z, b, i, j);
        const distances = (codes.tolist() as number[][]).map((code) =>
          code.reduce((sum, value, k) => sum + (value - vector[k]!) ** 2, 0)
        );
        const nearest = distances.indexOf(Math.min(...distances));
        assert.equal(indices.select(0, b).select(0, i).select(0, j).item(), nearest);
        const code = (codes.tolist() as number[][])[nearest]!;
        at(quantized, b, i, j).forEach((value, k) => assert.ok(Math.abs(value - code[k]!) < 1e-6));
      }
    })
  ),
);

for (const [legacy, ofCodes, ofVectors] of [[true, 0.25, 1], [false, 1, 0.25]] as const) {
  Deno.test(
    `the gradient goes straight through, and β is on the ${legacy ? "codes'" : "vectors'"} term`,
    leakFree(() =>
      scope(() => {
        using codebook = numbersOf([0, 4], { legacy });
        const x = vectors(1, 3).requiresGrad_();
        const { z, loss } = codebook.call(x);
        z.mul(vectors(10, 20)).sum(null).backward();
        assert.deepEqual(x.grad!.tolist(), [[[[10, 20]]]]);
        assert.equal(codebook.embedding.weight.grad, null);
        x.grad = null;
        loss.backward(); // mean of (z − x)² over two: the differences are −1 and 1
        assert.deepEqual(x.grad!.tolist(), [[[[ofVectors, -ofVectors]]]]);
        assert.deepEqual(codebook.embedding.weight.grad!.tolist(), [[-ofCodes], [ofCodes]]);
        x.grad = codebook.embedding.weight.grad = null;
      })
    ),
  );
}

Deno.test(
  "distances are measured in float32 under autocast, and in parts where they are many",
  leakFree(() =>
    scope(() => {
      using fine = numbersOf([1, 1.001]); // one number in bfloat16
      const indices = autocast("cpu", "bfloat16", () => fine.call(vectors(1.001, 1)).indices);
      assert.deepEqual(indices.tolist(), [[[1, 0]]]);
      const count = 2 ** 21; // 16 rows a part
      using codebook = new Codebook({ codes: count }, 1);
      noGrad(() => codebook.embedding.weight.copy_(zeros([count, 1]).add(100)));
      noGrad(() => codebook.embedding.weight.narrow(0, 5, 3).copy_(tensor([[0], [1], [2]])));
      const rows = Array.from({ length: 20 }, (_, i) => i % 3);
      const nearest = codebook.nearest(tensor(rows.map((row) => [row])));
      assert.deepEqual(nearest.tolist(), rows.map((row) => 5 + row));
    })
  ),
);

Deno.test(
  "codes are renumbered by a list of those that are used, and back",
  leakFree(() =>
    scope(() => {
      using generator = Generator.seeded(0);
      using codebook = numbersOf([0, 1, 2, 3, 4], { remap: 3 }).initialise(generator);
      assert.deepEqual([...codebook.stateDict().keys()], ["embedding.weight", "used"]);
      assert.deepEqual([...codebook.namedParameters().keys()], ["embedding.weight"]);
      assert.deepEqual(codebook.used!.tolist(), [0, 1, 2]);
      codebook.used!.copy_(tensor([4, 1, 3]));
      const indices = tensor([[[3, 4, 0], [1, 2, 3]]], { dtype: "int64" });
      assert.deepEqual(codebook.toUsed(indices, 3).tolist(), [[[2, 0, 3], [1, 3, 2]]]);
      assert.deepEqual(codebook.toUsed(indices, 1).tolist(), [[[2, 0, 1], [1, 1, 2]]]);
      const drawn = codebook.toUsed(indices.expand([50, 2, 3]), generator);
      assert.deepEqual([drawn.amin().item(), drawn.amax().item()], [0, 2]);
      assert.ok(drawn.select(2, 0).select(1, 0).eq(2).all().item() === 1);
      assert.ok(new Set(drawn.select(2, 2).select(1, 0).tolist() as number[]).size > 1);
      assert.deepEqual(codebook.toAll(codebook.toUsed(indices, 3)).tolist(), [[[3, 4, 4], [1, 4, 3]]]);
      using plain = numbersOf([0]);
      assert.throws(() => plain.toUsed(indices, 0), { code: "config.remap" });
    })
  ),
);

Deno.test(
  "perplexity is the number of codes where they are used alike, and 1 where one is",
  leakFree(() =>
    scope(() => {
      const usage = (indices: number[], codes: number) => {
        const { perplexity, used } = codebookUsage(countCodes(tensor(indices, { dtype: "int64" }), codes));
        return [perplexity.item(), used.item()] as const;
      };
      const [even, all] = usage([0, 1, 2, 3, 3, 2, 1, 0], 4);
      assert.ok(Math.abs(even - 4) < 1e-5);
      assert.equal(all, 4);
      const [one, single] = usage([5, 5, 5], 8);
      assert.ok(Math.abs(one - 1) < 1e-5);
      assert.equal(single, 1);
      const [uneven] = usage([0, 0, 0, 1], 3);
      assert.ok(Math.abs(uneven - Math.exp(-(0.75 * Math.log(0.75) + 0.25 * Math.log(0.25)))) < 1e-5);
      const both = countCodes(tensor([[0, 2]], { dtype: "int64" }), 3).add(
        countCodes(tensor([2], { dtype: "int64" }), 3),
      );
      assert.deepEqual(both.tolist(), [1, 0, 2]);
    })
  ),
);

Deno.test(
  "a code that nothing was near to for some steps becomes a vector of the batch; the others stay",
  leakFree(() =>
    scope(() => {
      using generator = Generator.seeded(0);
      using codebook = numbersOf([0, 1, 50, 60]);
      using dead = new DeadCodes(codebook, 3);
      const step = (...values: number[]) => {
        const x = vectors(...values);
        dead.update(x, codebook.call(x), generator);
        return codebook.embedding.weight.flatten().tolist();
      };
      assert.deepEqual(step(0.1, 1.2), [0, 1, 50, 60]);
      assert.deepEqual(step(0.1, 49), [0, 1, 50, 60]);
      assert.deepEqual(dead.idle.tolist(), [0, 1, 0, 2]);
      const after = step(0.25, 0.375) as number[];
      assert.deepEqual(after.slice(0, 3), [0, 1, 50]);
      assert.ok([0.25, 0.375].includes(after[3]!), String(after));
      assert.deepEqual(dead.idle.tolist(), [0, 2, 1, 0]);
      assert.ok(codebook.embedding.weight.requiresGrad);
    })
  ),
);
