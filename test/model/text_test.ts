import assert from "node:assert/strict";
import {
  ClipText,
  MiniLm,
  nullText,
  OpenClipText,
  promptEncoder,
  sentences,
  type TextNetwork,
} from "../../lib/model/mod.ts";
import { onDevice } from "../../lib/nn/mod.ts";
import { Generator, scope, type Tensor, tensor, zeros } from "../../lib/tensor/mod.ts";
import { bertTokenizer, type Tokenizer } from "../../lib/text/mod.ts";
import { leakFree } from "../leak.ts";
import { bertVocabulary } from "../text/vocabularies.ts";

const vocabulary = bertVocabulary("a", "red", "heart");
const sizes = { vocabulary: 8, length: 8, width: 16, layers: 2, heads: 2 };

/** Name, the published one, a tiny one, published tensors and parameters, some names, what a checkpoint has beside. */
const networks: [string, () => TextNetwork, () => TextNetwork, number, number, string[], string[]][] = [
  ["CLIP of Stable Diffusion 1", () => new ClipText(), () => new ClipText(sizes), 196, 123_060_480, [
    "transformer.text_model.embeddings.position_embedding.weight",
    "transformer.text_model.encoder.layers.11.self_attn.out_proj.bias",
    "transformer.text_model.encoder.layers.0.mlp.fc2.weight",
    "transformer.text_model.final_layer_norm.weight",
  ], ["transformer.text_model.embeddings.position_ids"]],
  ["OpenCLIP of Stable Diffusion 2", () => new OpenClipText(), () => new OpenClipText(sizes), 280, 340_387_840, [
    "model.positional_embedding",
    "model.token_embedding.weight",
    "model.transformer.resblocks.22.attn.in_proj_weight",
    "model.transformer.resblocks.0.mlp.c_proj.bias",
    "model.ln_final.weight",
  ], ["model.text_projection", "model.logit_scale", "model.transformer.resblocks.2.ln_1.weight"]],
  ["all-MiniLM-L6-v2", () => new MiniLm(), () => new MiniLm(sizes), 101, 22_565_376, [
    "embeddings.LayerNorm.weight",
    "encoder.layer.5.attention.self.query.weight",
    "encoder.layer.0.attention.output.LayerNorm.bias",
    "encoder.layer.0.intermediate.dense.weight",
  ], ["pooler.dense.weight", "embeddings.position_ids"]],
];

for (const [name, published, tiny, tensors, parameters, names, passedOver] of networks) {
  Deno.test(
    `${name} has the checkpoint's names and numbers of tensors, and nothing to train`,
    leakFree(() =>
      onDevice("meta", () => {
        using network = published();
        const state = network.stateDict();
        assert.deepEqual([state.size, network.parameterCount], [tensors, parameters]);
        for (const name of names) assert.ok(state.has(name), name);
        assert.ok(network.parameters().every((parameter) => !parameter.requiresGrad));
      })
    ),
  );

  Deno.test(
    `${name}: texts are encoded alone as in a batch, the null text too; nothing is recorded`,
    leakFree(() => {
      using generator = Generator.seeded(0);
      const network = tiny().initialise(generator);
      using encoder = promptEncoder(network, bertTokenizer(vocabulary, { length: 8 }));
      scope(() => {
        const texts = ["a red heart", nullText, "heart heart heart heart heart heart a Red"];
        const { context, mask, cut } = encoder.encode(texts);
        assert.deepEqual([context.shape, context.requiresGrad], [[3, 8, 16], false]);
        assert.deepEqual([encoder.length, encoder.width], [8, 16]);
        assert.deepEqual(cut, ["", "", "a Red"]);
        assert.deepEqual(mask?.sum([1]).data(), network.masked ? BigInt64Array.of(5n, 2n, 8n) : undefined);
        for (const [i, text] of texts.entries()) {
          const alone = encoder.encode([text]).context;
          assert.ok(alone.sub(context.narrow(0, i, 1)).abs().amax().item() < 1e-5, text);
        }
      });
    }),
  );

  Deno.test(
    `${name}: ${name.startsWith("all") ? "padding" : "what comes later"} changes nothing before it`,
    leakFree(() => {
      using generator = Generator.seeded(0);
      using network = tiny().initialise(generator);
      scope(() => {
        const seen = tensor([[true, true, true, false, false]]);
        const [x, y] = [[2, 5, 6, 0, 0], [2, 5, 6, 7, 3]].map((ids) => network.call(tensor([ids], int64), seen));
        assert.ok(nearest(x!, y!, 3) < 1e-6);
        assert.ok(nearest(x!, y!, 5) > 1e-2);
      });
    }),
  );

  Deno.test(
    `${name} takes a checkpoint's weights; what isn't there is named, with where it should be from`,
    leakFree(() => {
      using generator = Generator.seeded(0);
      using source = tiny().initialise(generator);
      using target = tiny();
      scope(() => {
        const unused = passedOver.map((each) => [each, zeros([1])] as const);
        const weights = new Map([...source.stateDict(), ...unused]);
        target.loadWeights(weights);
        const [first] = weights.keys();
        assert.deepEqual(target.stateDict().get(first!)!.data(), weights.get(first!)!.data());
        weights.delete(first!);
        const message = new RegExp(`not the weights of the text encoder[^]*${first!.replaceAll(".", "\\.")}[^]*Give `);
        assert.throws(() => target.loadWeights(weights), { code: "checkpoint.mismatch", message });
      });
    }),
  );
}

const int64 = { dtype: "int64" } as const;

/** How far apart the outputs of the first tokens are at most. */
function nearest(x: Tensor, y: Tensor, tokens: number): number {
  return x.sub(y).narrow(1, 0, tokens).abs().amax().item();
}

Deno.test(
  "a sentence is the mean of its tokens, of length 1; padding has no part in it",
  leakFree(() =>
    scope(() => {
      const context = tensor([[[1, 2], [5, 6], [100, -7]]]);
      const mean = sentences(context, tensor([[true, true, false]]));
      assert.deepEqual([...mean.data() as Float32Array].map((x) => x.toFixed(6)), ["0.600000", "0.800000"]);
    })
  ),
);

const mismatched: [string, Tokenizer][] = [
  ["of another vocabulary", bertTokenizer(bertVocabulary("a"), { length: 8 })],
  ["of more tokens than the network reads", bertTokenizer(vocabulary, { length: 9 })],
];

for (const [what, tokenizer] of mismatched) {
  Deno.test(
    `a tokenizer ${what} is refused`,
    leakFree(() => {
      using network = new ClipText(sizes);
      const message = /found[^]*(vocabulary of 6|9 tokens)[^]*wanted[^]*vocabulary of 8, at most 8/i;
      assert.throws(() => promptEncoder(network, tokenizer), { code: "text.tokenizer", message });
    }),
  );
}
