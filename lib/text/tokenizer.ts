import { Tokenizer as PackageTokenizer } from "@huggingface/tokenizers";
import { LatentError, type WorkWarning } from "../base/mod.ts";

/** A text as a network reads it. */
export interface Tokens {
  /** As many as the tokenizer's length: beginning, those of the text, end, padding. */
  ids: number[];
  /** How many of them are no padding. */
  count: number;
  /** The end of the text that no token was left for, as it was written; "" where all of it fits. */
  cut: string;
}

/** Turns texts into tokens, always the same number. */
export interface Tokenizer {
  /** The size of the vocabulary: tokens are integers below it. */
  readonly vocabulary: number;
  /** How many tokens each text has, with beginning, end and padding. */
  readonly length: number;
  /** The tokens of a text; what doesn't fit is left out and told. */
  encode(text: string): Tokens;
}

/** Options of all tokenizers. */
export interface TokenizerOptions {
  /** How many tokens each text has, with beginning, end and padding. @default {77} */
  length?: number;
}

/** Tokens that stand for no text. */
export interface SpecialTokens {
  begin: string;
  end: string;
  /** The token of what is in no other. */
  unknown: string;
  /** What fills up short texts. */
  padding: string;
  /** All that are found in texts as they stand. */
  all: readonly string[];
}

/** What the package `@huggingface/tokenizers` is to do, in the terms of a `tokenizer.json`. */
export interface TokenizerParts {
  /** The tokens in the order of their numbers. */
  tokens: readonly string[];
  model: Record<string, unknown>;
  normalizer: Record<string, unknown>;
  pre_tokenizer: Record<string, unknown>;
  special: SpecialTokens;
}

/** Lowers a sigma at the end of a word as any other, as the reference does; JavaScript has a letter of its own there. */
export const plainSigma = { type: "Replace", pattern: { String: "Σ" }, content: "σ" };

/** A tokenizer of such parts. */
export function tokenizerOf({ tokens, model, special, ...steps }: TokenizerParts, length: number): Tokenizer {
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  const added_tokens = special.all.map((content) => ({ content, id: vocab[content]!, special: true }));
  const unk_token = special.unknown;
  const json = { ...steps, model: { ...model, vocab, unk_token }, added_tokens, post_processor: null, decoder: null };
  const inner = new PackageTokenizer(json, {});
  const [begin, end, padding] = [special.begin, special.end, special.padding].map((token) => vocab[token]!);
  const idsOf = (text: string) => inner.encode(text).ids;
  return {
    vocabulary: tokens.length,
    length,
    encode(text) {
      const { ids, cut } = fitting(text, length - 2, idsOf);
      const count = ids.length + 2;
      return { ids: [begin!, ...ids, end!, ...Array<number>(length - count).fill(padding!)], count, cut };
    },
  };
}

/** A warning for each text that was cut, which names what was left out of it. @param length as the tokenizer's */
export function cutWarnings(cut: readonly string[], length: number): WorkWarning[] {
  return cut.filter((end) => end !== "").map((end) => ({
    type: "warning",
    text: `a text has more than ${length} tokens; left out was ${JSON.stringify(end)}`,
  }));
}

/** The error for a vocabulary that is none. @param name what `latent pull` calls it */
export function badVocabulary(name: string, found: string, wanted: string): LatentError {
  const what = `This is no ${name.replace("-", " ")}`;
  return new LatentError("file.vocabulary", { what, found, wanted, mend: `Fetch it with \`latent pull ${name}\`.` });
}

/**
 * The tokens of as much of a text as there is room for. Word by word: no token spans these spaces in any vocabulary.
 *
 * @param idsOf the tokens of a text alone
 */
function fitting(text: string, room: number, idsOf: (text: string) => number[]): { ids: number[]; cut: string } {
  const ids: number[] = [];
  for (const { 0: word, index } of text.matchAll(/[^ \t\r\n]+/g)) {
    const more = idsOf(word);
    const left = room - ids.length;
    ids.push(...more.slice(0, left));
    if (more.length > left) return { ids, cut: text.slice(index + held(word, left, idsOf)) };
  }
  return { ids, cut: "" };
}

/** How much of the beginning of a word so many tokens hold, in UTF-16 units. */
function held(word: string, tokens: number, idsOf: (text: string) => number[]): number {
  const points = [...word];
  let [fits, tooMuch] = [0, points.length];
  while (tooMuch - fits > 1) {
    const middle = (fits + tooMuch) >> 1;
    if (idsOf(points.slice(0, middle).join("")).length <= tokens) fits = middle;
    else tooMuch = middle;
  }
  return points.slice(0, fits).join("").length;
}
