import assert from "node:assert/strict";
import { droppedSamples, withoutCondition } from "../../lib/diffusion/mod.ts";
import { Generator, rand, randn, scope, tensor } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";

Deno.test(
  "a share of the samples is dropped: none, all, or as many as chance allows, by the generator alone",
  leakFree(() =>
    scope(() => {
      const count = (share: number, n: number) => {
        using generator = Generator.seeded(3);
        return droppedSamples(n, share, generator).sum().item();
      };
      assert.deepEqual([count(0, 1000), count(1, 1000)], [0, 1000]);
      const n = 100_000;
      assert.ok(Math.abs(count(0.1, n) - 0.1 * n) < 5 * Math.sqrt(0.09 * n));
      assert.equal(count(0.1, n), count(0.1, n));
    })
  ),
);

Deno.test(
  "the generator goes on alike whatever the share is",
  leakFree(() =>
    scope(() => {
      const next = [0, 0.3, 1].map((share) => {
        using generator = Generator.seeded(3);
        droppedSamples(7, share, generator);
        return rand([2], { generator }).tolist();
      });
      for (const one of next) assert.deepEqual(one, next[0]);
    })
  ),
);

Deno.test(
  "dropped rows become the null condition's bit for bit, the others stay: contexts, maps and labels alike",
  leakFree(() =>
    scope(() => {
      using generator = Generator.seeded(0);
      const dropped = tensor([0, 1, 0, 1], { dtype: "bool" });
      const conditions = [
        [randn([4, 5, 3], { generator }), randn([1, 5, 3], { generator })],
        [randn([4, 2, 3, 3], { generator }), randn([4, 2, 3, 3], { generator })],
        [tensor([1, 2, 3, 4], { dtype: "int64" }), tensor([9], { dtype: "int64" })],
      ] as const;
      for (const [condition, nothing] of conditions) {
        const got = withoutCondition(condition, nothing, dropped);
        assert.deepEqual([got.shape, got.dtype], [condition.shape, condition.dtype]);
        for (let row = 0; row < 4; row++) {
          const source = row % 2 === 0 ? condition.select(0, row) : nothing.select(0, nothing.shape[0] === 1 ? 0 : row);
          assert.deepEqual(got.select(0, row).tolist(), source.tolist());
        }
      }
    })
  ),
);
