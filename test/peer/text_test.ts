import assert from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { loadTensors, openTensorFile } from "../../lib/file/mod.ts";
import { ClipText, MiniLm, OpenClipText, promptEncoder, sentences, type TextNetwork } from "../../lib/model/mod.ts";
import { Generator, randint, scope, type Tensor } from "../../lib/tensor/mod.ts";
import { bertTokenizer, clipTokenizer } from "../../lib/text/mod.ts";
import { leakFree } from "../leak.ts";
import { assertNear, fromPeer, numbers, toPeer } from "./arrays.ts";
import type { PeerProcess } from "./runner.ts";
import { peerTest } from "./peer.ts";

/** A dozen products in another order of summation. */
const tolerance = 1e-5;

const hard = [
  "",
  " \t\r\n ",
  "a red heart",
  "A photo of Naïve café, Zürich; it's 3.14 o'clock!",
  "don't can't we're I'LL they'D O'Neil 'S",
  "日本語のテキスト 漢字 𠮷野家a b𠮷",
  "한국어 텍스트 조합 한 ไทย ภาษา हिन्दी العَرَبِيَّة עִבְרִית",
  "❤️ 🏳️‍🌈 👩🏽‍🚀 🤣🫠 ♥😀😀",
  "ΟΔΥΣΣΕΥΣ ΣΑΣ İstanbul I ı ß ẞ ﬁ Σ.",
  "a\u0000b\u0007c\ufffdd\ufeffe\u200bf\u00adg \u0300h",
  "tab\tnew\nline\r\nx\u00a0y\u3000z\u2028w\x0bq\x0cr\x85s",
  "x".repeat(100),
  "x".repeat(101),
  "supercalifragilistic".repeat(12),
  "the quick brown fox ".repeat(30),
  "漢".repeat(90),
  "[CLS] [SEP]x[MASK] <|endoftext|> <|startoftext|>x",
  "e\u0301 é ẹ́ ｆｕｌｌ ｗｉｄｔｈ ㍿ ﷺ ﬃ ǅ ǆ Ǆ ŉ",
  "$100 + 20% = <b>&amp;</b> #tag @me ~`^|\\ ___---...!!!???…—–“”‘’«»",
  "1234567890 ½ ² Ⅷ ٣ \u{10ffff} \ue000 \u0378",
];

interface Files {
  bert: string;
  clip: string;
  minilm: string;
}

async function filesOf(peer: PeerProcess): Promise<Files> {
  return (await peer.call<Files & Record<string, string>>("text.files")).json;
}

peerTest("texts have the tokens of Python's transformers", async (peer) => {
  const files = await filesOf(peer);
  const merges = new TextDecoder().decode(gunzipSync(Deno.readFileSync(files.clip)));
  for (const [length, padding, id] of [[77, "end", 49_407], [8, "first", 0]] as const) {
    const { arrays } = await peer.call("text.tokens", { texts: hard, length, padding: id });
    const ours = {
      bert: bertTokenizer(Deno.readTextFileSync(files.bert), { length }),
      clip: clipTokenizer(merges, { length, padding }),
    };
    assert.deepEqual([ours.bert.vocabulary, ours.clip.vocabulary], [30_522, 49_408]);
    for (const [name, tokenizer] of Object.entries(ours)) {
      const wanted = numbers(arrays[name]!);
      for (const [i, text] of hard.entries()) {
        const row = wanted.slice(i * length, (i + 1) * length);
        assert.deepEqual(tokenizer.encode(text).ids, row, `${name} ${JSON.stringify(text)}`);
      }
    }
  }
});

const sizes = { vocabulary: 64, length: 77, width: 64, layers: 3, heads: 4 };

/** What, its function, ours, its sizes there. */
const clips: [string, string, () => TextNetwork, Record<string, number>][] = [
  ["CLIP's text encoder is transformers', as of Stable Diffusion 1", "text.clip_text", () => new ClipText(sizes), {
    vocab_size: 64,
    max_position_embeddings: 77,
    hidden_size: 64,
    intermediate_size: 256,
    num_hidden_layers: 3,
    num_attention_heads: 4,
    bos_token_id: 62,
    eos_token_id: 63,
  }],
  [
    "OpenCLIP's is its own, as of Stable Diffusion 2: the last layer but one",
    "text.open_clip_text",
    () => new OpenClipText(sizes),
    { vocab_size: 64, context_length: 77, width: 64, layers: 4, heads: 4, output_dim: 32 },
  ],
];

for (const [name, call, build, sizes] of clips) {
  peerTest(
    name,
    leakFree(async (peer: PeerProcess) => {
      using generator = Generator.seeded(0);
      using ids = randint(0, 64, [2, 77], { generator, dtype: "int64" });
      const { arrays } = await peer.call(call, { sizes }, { ids: toPeer(ids) });
      using network = build();
      scope(() => {
        const weights = new Map<string, Tensor>();
        for (const [name, array] of Object.entries(arrays)) {
          if (name.startsWith("weight.")) weights.set(name.slice("weight.".length), fromPeer(array));
        }
        network.loadWeights(weights);
        assertNear(toPeer(network.call(ids, ids)), arrays.context, tolerance, "context");
      });
    }),
  );
}

peerTest(
  "all-MiniLM-L6-v2 with its weights has transformers' outputs, and a red heart is nearer to a heart suit than a plane",
  leakFree(async (peer: PeerProcess) => {
    const texts = ["a red heart", "heart suit", "airplane", "", hard[3]!];
    const { arrays } = await peer.call("text.minilm", { texts, length: 24 });
    const files = await filesOf(peer);
    using encoder = scope(() => {
      using file = openTensorFile(files.minilm);
      const network = new MiniLm().loadWeights(loadTensors(file));
      return promptEncoder(network, bertTokenizer(Deno.readTextFileSync(files.bert), { length: 24 }));
    });
    scope(() => {
      const { context, mask } = encoder.encode(texts);
      assert.deepEqual(mask!.to({ dtype: "int64" }).data(), fromPeer(arrays.mask!).data());
      assertNear(toPeer(context), arrays.context, tolerance, "context");
      const vectors = sentences(context, mask!);
      assertNear(toPeer(vectors), arrays.sentences, tolerance, "sentences");
      const near = vectors.matmul(vectors.transpose(0, 1));
      assert.ok(near.select(0, 0).select(0, 1).item() > near.select(0, 0).select(0, 2).item() + 0.2);
    });
  }),
);
