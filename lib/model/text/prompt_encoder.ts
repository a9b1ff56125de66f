import { LatentError } from "../../base/mod.ts";
import { arange, noGrad, scope, type Tensor, tensor } from "../../tensor/mod.ts";
import type { Tokenizer } from "../../text/mod.ts";
import type { TextNetwork } from "./text_network.ts";

/** Texts as a denoiser takes them; the tensors are the caller's. */
export interface EncodedPrompts {
  /** [B, L, C], what is attended to. */
  context: Tensor;
  /** [B, L], bool: where tokens are no padding. Left out where padding is read like other tokens. */
  mask?: Tensor;
  /** For each text the end that no token was left for; "" where all of it was read. `cutWarnings` makes warnings of it. */
  cut: readonly string[];
}

/** From texts to what a denoiser attends to. */
export interface PromptEncoder extends Disposable {
  /** Tokens of each text, L. */
  readonly length: number;
  /** Numbers for each token, C: the denoiser's `context_dim`. */
  readonly width: number;
  /** A batch of texts; {@linkcode nullText} is one like any other. */
  encode(texts: readonly string[]): EncodedPrompts;
}

/** The text that stands for none: what guidance leads away from, and what dropped conditions become. */
export const nullText = "";

/**
 * A frozen text encoder with its tokenizer; disposing of it disposes of the network. Nothing is recorded for gradients.
 *
 * @throws LatentError `text.tokenizer` where the tokenizer has another vocabulary, or more tokens than the network reads
 */
export function promptEncoder(network: TextNetwork, tokenizer: Tokenizer): PromptEncoder {
  const { vocabulary, length, width } = network.sizes;
  if (tokenizer.vocabulary !== vocabulary || tokenizer.length > length) {
    throw new LatentError("text.tokenizer", {
      what: "The tokenizer isn't the text encoder's",
      found: `a vocabulary of ${tokenizer.vocabulary}, ${tokenizer.length} tokens a text`,
      wanted: `a vocabulary of ${vocabulary}, at most ${length} tokens a text`,
      mend: "Give the tokenizer that the network was trained with.",
    });
  }
  return {
    length: tokenizer.length,
    width,
    encode: (texts) => noGrad(() => scope(() => encoded(network, tokenizer, texts))),
    [Symbol.dispose]: () => network.dispose(),
  };
}

function encoded(network: TextNetwork, tokenizer: Tokenizer, texts: readonly string[]): EncodedPrompts {
  const { device } = network;
  const tokens = texts.map((text) => tokenizer.encode(text));
  const shape = [texts.length, tokenizer.length];
  const ids = tensor(tokens.flatMap((text) => text.ids), { shape, dtype: "int64", device });
  const counts = tensor(tokens.map(({ count }) => count), { shape: [texts.length, 1], dtype: "int64", device });
  const mask = arange(0, tokenizer.length, 1, { dtype: "int64", device }).lt(counts);
  const context = network.call(ids, mask);
  const cut = tokens.map((text) => text.cut);
  return network.masked ? { context, mask, cut } : { context, cut };
}
