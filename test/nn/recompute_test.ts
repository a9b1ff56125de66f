import assert from "node:assert/strict";
import { TransformerEmbedder, Unet, type UnetOptions } from "../../lib/model/mod.ts";
import { Linear, Module, segment, Sequential, silu, Tape } from "../../lib/nn/mod.ts";
import {
  autocast,
  clearGrads,
  cpuMemory,
  Generator,
  grads,
  noGrad,
  randn,
  releaseMemory,
  scope,
  type Tensor,
  tensor,
} from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";

const tiny: UnetOptions = {
  inChannels: 3,
  outChannels: 3,
  modelChannels: 32,
  multipliers: [1, 2],
  residualBlocks: 1,
  attentionFactors: [1, 2],
  heads: { count: 2 },
  dropout: 0.3,
  scaleShift: true,
  residualResampling: false,
};
const variants: [string, Partial<UnetOptions>][] = [
  ["attention", {}],
  ["resampling in residual blocks", { residualResampling: true, scaleShift: false }],
  ["transformers on the tokens of a trained encoder", { transformer: { depth: 2, contextChannels: 16 } }],
  ["classes and a concatenated image", { classes: 5, inChannels: 5 }],
];

/** What is trained, all of its weights drawn, and its loss of a batch. */
function trained(options: UnetOptions): { parameters: Tensor[]; loss: () => Tensor; [Symbol.dispose](): void } {
  const unet = new Unet(options).train();
  const encoder = new TransformerEmbedder({ channels: 16, layers: 1, vocabulary: 9, length: 4, dropout: 0.2 }).train();
  using generator = Generator.seeded(0);
  const inputs = [randn([2, 3, 8, 8], { generator }), randn([2, options.inChannels - 3, 8, 8], { generator })] as const;
  const parameters = [...unet.parameters(), ...encoder.parameters()];
  noGrad(() => parameters.forEach((p) => p.normal_(0, 0.1, { generator })));
  const loss = () => {
    const [x, concat] = inputs;
    const output = unet.call(x, tensor([3, 800], { dtype: "int64" }), {
      ...options.inChannels > 3 && { concat },
      ...options.transformer && { context: encoder.call(tensor([[1, 2], [3, 4]], { dtype: "int64" })) },
      ...options.classes && { classes: tensor([0, 4], { dtype: "int64" }) },
    });
    return output.square().mean(null);
  };
  const owned = [unet, encoder, ...inputs];
  return { parameters, loss, [Symbol.dispose]: () => owned.forEach((one) => one.dispose()) };
}

/** Loss, gradients and what comes next of the device's generator, as bytes. */
function bits(parameters: readonly Tensor[], backward: () => Tensor): string[] {
  return scope(() => {
    const own = Generator.default();
    const before = own.state;
    const seeded = Generator.seeded(7);
    own.state = seeded.state;
    try {
      const loss = backward();
      return [loss, own.state, ...grads(parameters)].map((x) => `${x?.bytes()}`);
    } finally {
      own.state = before;
      clearGrads(parameters);
      own.dispose();
      seeded.dispose();
    }
  });
}

function plain(loss: () => Tensor): Tensor {
  const value = loss();
  value.backward();
  return value;
}

function taped(loss: () => Tensor): Tensor {
  using tape = new Tape();
  const value = tape.record(loss);
  tape.backward(value);
  return value;
}

for (const [name, options] of variants) {
  for (const dtype of ["float32", "bfloat16"] as const) {
    Deno.test(
      `recomputation changes no bit of loss, gradients and randomness, with dropout, in ${dtype}: ${name}`,
      leakFree(() => {
        using model = trained({ ...tiny, ...options });
        const loss = () => autocast("cpu", dtype, model.loss);
        const wanted = bits(model.parameters, () => plain(loss));
        assert.ok(wanted.filter((text) => text !== "undefined").length > 50);
        const found = bits(model.parameters, () => taped(loss));
        assert.deepEqual(wanted.flatMap((text, i) => text === found[i] ? [] : [i]), []);
      }),
    );
  }
}

/** Bytes that a second run has alive at most, beside what was there before. */
function peak(run: () => unknown): number {
  scope(() => void run()); // gradients are there from now on
  releaseMemory();
  const { live } = cpuMemory();
  scope(() => void run());
  return cpuMemory().peak - live;
}

/** A chain of segments. */
class Deep extends Module {
  constructor(readonly layers: readonly Module[]) {
    super();
  }

  override forward(x: Tensor): Tensor {
    return this.layers.reduce((h, layer) => segment([h], (h) => layer.call(h)), x);
  }
}

Deno.test(
  "with recomputation a network needs the memory of its segments' inputs and of one segment",
  leakFree(() => {
    const bytes = 4 * 512 * 256; // of each tensor
    const layer = () => new Sequential(...Array.from({ length: 6 }, () => [new Linear(256, 256), silu]).flat());
    using deep = new Deep(Array.from({ length: 8 }, layer)).train();
    using generator = Generator.seeded(0);
    deep.initialise(generator);
    using x = randn([512, 256], { generator });
    const loss = () => deep.call(x).mean(null);
    const [all, some] = [peak(() => plain(loss)), peak(() => taped(loss))];
    // 12 tensors a segment; on the tape 8 inputs, one segment's tensors, and a few gradients
    assert.ok(all > 96 * bytes && some < 30 * bytes, `${all / bytes} and ${some / bytes}`);
    clearGrads(deep.parameters());
  }),
);

Deno.test(
  "a U-Net's training step needs less memory with recomputation",
  leakFree(() => {
    using unet = new Unet({ ...tiny, multipliers: [1, 1], residualBlocks: 2 }).train();
    using generator = Generator.seeded(0);
    unet.initialise(generator);
    using x = randn([4, 3, 32, 32], { generator });
    using t = tensor([1, 2, 3, 4], { dtype: "int64" });
    const loss = () => unet.call(x, t).square().mean(null);
    const [all, some] = [peak(() => plain(loss)), peak(() => taped(loss))];
    assert.ok(some < 0.4 * all, `${some / all}`);
    clearGrads(unet.parameters());
  }),
);

Deno.test(
  "a tape records nothing where autograd doesn't, and frees what it holds",
  leakFree(() => {
    using layer = new Linear(2, 2);
    using generator = Generator.seeded(0);
    layer.initialise(generator);
    using x = randn([1, 2], { generator });
    const call = () => segment([x], (x) => layer.call(x));
    {
      using tape = new Tape();
      using output = tape.record(() => noGrad(call));
      assert.ok(!output.requiresGrad);
    }
    {
      using tape = new Tape();
      using output = tape.record(call); // and no way back
      assert.ok(output.requiresGrad);
    }
    using tape = new Tape();
    assert.throws(() => tape.record(() => segment([x], (_) => assert.fail("no output"))), { message: "no output" });
  }),
);
