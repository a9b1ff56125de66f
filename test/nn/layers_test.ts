import assert from "node:assert/strict";
import { Conv2d, Dropout, Embedding, GroupNorm, LayerNorm, Linear, Sequential } from "../../lib/nn/mod.ts";
import { Generator, live, ones, randn, scope, tensor, zeros } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";

Deno.test(
  "dropout zeroes a share of the elements, scales the rest, and the gradients alike",
  leakFree(() =>
    scope(() => {
      const n = 100_000;
      for (const p of [0.1, 0.5, 0.9]) {
        const layer = new Dropout(p).train();
        const x = ones([n]).requiresGrad_();
        const y = layer.call(x);
        y.sum(null).backward();
        const values = Array.from(y.data(), Number);
        const kept = Math.fround(1 / (1 - p));
        assert.ok(values.every((value) => value === 0 || Math.abs(value - kept) < 1e-6 * kept));
        const share = values.filter((value) => value === 0).length / n;
        assert.ok(Math.abs(share - p) < 5 * Math.sqrt(p * (1 - p) / n), `${share} of ${p}`);
        assert.deepEqual(x.grad!.tolist(), values);
        assert.notDeepEqual(layer.call(x).tolist(), values);
        assert.deepEqual(layer.train(false).call(x).tolist(), x.tolist());
      }
      assert.deepEqual(new Dropout(0).train().call(ones([3])).tolist(), [1, 1, 1]);
    })
  ),
);

Deno.test(
  "dropout draws from the device's generator: its state makes the same mask again",
  leakFree(() =>
    scope(() => {
      const generator = Generator.default();
      const { state } = generator;
      const layer = new Dropout(0.5).train();
      const mask = () => layer.call(ones([64])).tolist();
      const first = mask();
      assert.notDeepEqual(mask(), first);
      generator.state = state;
      assert.deepEqual(mask(), first);
    })
  ),
);

Deno.test(
  "norms give each group mean 0 and variance 1",
  leakFree(() =>
    scope(() => {
      const generator = Generator.seeded(0);
      const x = randn([2, 8, 6, 5], { generator }).mul(3).add(7);
      const channelsLast = x.contiguous({ memoryFormat: "channels_last" });
      const group = new GroupNorm(8, { groups: 4 }).initialise(generator);
      const layer = new LayerNorm(5).initialise(generator);
      const rows = [
        group.call(x).view([8, 60]),
        group.call(channelsLast).contiguous().view([8, 60]),
        layer.call(x).view([96, 5]),
      ];
      for (const groups of rows) {
        assert.ok(groups.mean([1]).abs().amax().item() < 1e-5);
        assert.ok(groups.square().mean([1]).sub(1).abs().amax().item() < 1e-4); // epsilon's share of small variances
      }
      for (const module of [group, layer]) module.dispose();
    })
  ),
);

Deno.test(
  "convolutions give channels_last, whatever they are given",
  leakFree(() => {
    using generator = Generator.seeded(0);
    using conv = new Conv2d(8, 8, 3, { stride: 2, padding: 1 }).initialise(generator);
    using x = zeros([2, 8, 7, 9]);
    using y = conv.call(x);
    assert.deepEqual([[...y.shape], y.isContiguous("channels_last")], [[2, 8, 4, 5], true]);
  }),
);

Deno.test(
  "an embedding looks up rows, in any shape of indices, and refuses what is out of range",
  leakFree(() =>
    scope(() => {
      const generator = Generator.seeded(0);
      using table = new Embedding(3, 2).initialise(generator);
      const rows = table.weight.tolist() as number[][];
      assert.deepEqual(table.call(tensor([[2, 0]], { dtype: "int64" })).tolist(), [[rows[2], rows[0]]]);
      assert.throws(() => table.call(tensor([3], { dtype: "int64" })), {
        name: "LatentError",
        message: /embedding[^]*range/,
      });
    })
  ),
);

Deno.test(
  "a layer of another size is refused with both shapes",
  leakFree(() =>
    scope(() => {
      using layer = new Linear(3, 2);
      const message = /aten::linear[^]*float32 \[4, 5\] on cpu[^]*float32 \[2, 3\] on cpu/;
      assert.throws(() => layer.call(ones([4, 5])), { code: "operator.refused", message });
    })
  ),
);

Deno.test(
  "a sequence frees what lies between its layers, never its input",
  leakFree(() => {
    using generator = Generator.seeded(0);
    using net = new Sequential(new Linear(2, 2), new Linear(2, 2)).initialise(generator);
    using x = ones([1, 2]);
    const before = live();
    using y = net.call(x);
    assert.deepEqual([live() - before, x.alive, y.alive], [1, true, true]);
  }),
);
