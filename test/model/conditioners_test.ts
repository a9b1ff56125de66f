import assert from "node:assert/strict";
import { encoderOf, type EncoderOptions, HybridConditioner, type TransformerOptions } from "../../lib/model/mod.ts";
import { Generator, inferenceMode, randn, scope, type Tensor, tensor } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";

const text: TransformerOptions = { channels: 8, layers: 2, vocabulary: 10, length: 6, dropout: 0.5 };
const integers = (rows: number[] | number[][]) => tensor(rows, { dtype: "int64" });

const rows: [EncoderOptions, () => Tensor, shape: number[]][] = [
  [{ kind: "identity" }, () => integers([1, 2]), [2]],
  [{ kind: "class", classes: 3, channels: 7 }, () => integers([2, 0]), [2, 1, 7]],
  [{ kind: "text", ...text }, () => integers([[1, 2, 9], [4, 5, 6]]), [2, 3, 8]],
  [
    { kind: "rescale", stages: 2, method: "area", factor: 0.5, inChannels: 3, outChannels: 5, bias: true },
    () => randn([2, 3, 13, 9]),
    [2, 5, 3, 2],
  ],
];

for (const [options, input, shape] of rows) {
  Deno.test(
    `an encoder gives each of a batch its condition, and leaves what it was given: ${options.kind}`,
    leakFree(() => {
      using generator = Generator.seeded(0);
      using encoder = encoderOf(options).initialise(generator);
      inferenceMode(() =>
        scope(() => {
          const x = input();
          const output = encoder.call(x);
          assert.deepEqual(output.shape, shape);
          const second = encoder.call(x.narrow(0, 1, 1));
          assert.ok(second.allclose(output.narrow(0, 1, 1), 1e-5, 1e-6));
          assert.ok(x.alive);
        })
      );
    }),
  );
}

Deno.test(
  "a hybrid's two conditions enter the two ways",
  leakFree(() => {
    using generator = Generator.seeded(0);
    using hybrid = new HybridConditioner({ concat: { kind: "identity" }, crossattn: { kind: "text", ...text } });
    hybrid.initialise(generator);
    inferenceMode(() =>
      scope(() => {
        const image = randn([1, 3, 4, 4], { generator });
        const { concat, context, classes } = hybrid.call(image, integers([[1, 2]]));
        assert.ok(concat!.equal(image));
        assert.deepEqual([context!.shape, classes], [[1, 2, 8], undefined]);
      })
    );
  }),
);

Deno.test(
  "the transformer sees places, whole texts, and drops embeddings while training alone",
  leakFree(() => {
    using generator = Generator.seeded(0);
    using encoder = encoderOf({ kind: "text", ...text }).initialise(generator);
    inferenceMode(() =>
      scope(() => {
        const first = (tokens: number[]) => encoder.call(integers([tokens])).select(1, 0);
        assert.ok(!first([1, 2, 3]).equal(first([1, 3, 2])), "no places");
        assert.ok(!first([1, 2, 3]).equal(first([1, 2, 4])), "no attention to what follows");
        assert.ok(first([1, 2, 3]).equal(first([1, 2, 3])));
        encoder.train();
        assert.ok(!first([1, 2, 3]).equal(first([1, 2, 3])));
      })
    );
  }),
);

Deno.test(
  "more tokens than there are places are refused",
  leakFree(() => {
    using encoder = encoderOf({ kind: "text", ...text });
    scope(() => {
      assert.throws(() => encoder.call(integers([[0, 1, 2, 3, 4, 5, 6]])), {
        code: "condition.shape",
        message: `The text transformer cannot read these tokens
  found   [1, 7]
  wanted  [B, L], L from 1 to 6`,
      });
    });
  }),
);

Deno.test(
  "the projection to the vocabulary is there where it is asked for, and gets no gradient",
  leakFree(() => {
    using generator = Generator.seeded(0);
    using lean = encoderOf({ kind: "text", ...text });
    using encoder = encoderOf({ kind: "text", ...text, logits: true }).initialise(generator);
    const more = [...encoder.stateDict().keys()].filter((name) => !lean.stateDict().has(name));
    assert.deepEqual(more, ["transformer.to_logits.weight", "transformer.to_logits.bias"]);
    scope(() => {
      encoder.call(integers([[1, 2]])).sum(null).backward();
      const without = [...encoder.namedParameters()].filter(([, p]) => p.grad === null).map(([name]) => name);
      assert.deepEqual(without, more);
    });
    encoder.parameters().forEach((p) => p.grad = null);
  }),
);
