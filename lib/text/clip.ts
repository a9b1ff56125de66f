import { badVocabulary, plainSigma, type Tokenizer, tokenizerOf, type TokenizerOptions } from "./tokenizer.ts";

/** Options of {@linkcode clipTokenizer}. */
export interface ClipTokenizerOptions extends TokenizerOptions {
  /** The token that fills up short texts: Stable Diffusion 1 takes the end again, 2 the first, `!`. @default {"end"} */
  padding?: "end" | "first";
}

const begin = "<|startoftext|>";
const end = "<|endoftext|>";

/** Merges of two tokens to one that CLIP's vocabulary has; the file goes on after them. */
const merged = 49_152 - 256 - 2;

/**
 * CLIP's byte pairs (Radford et al. 2021): the tokens of Stable Diffusion 1 and 2, 49,408 of them, as Python's
 * transformers makes them: spaces made one, lower case, and no mending of encodings as `ftfy` does it.
 *
 * @param merges text of `bpe_simple_vocab_16e6.txt`: after the first line two tokens a line, first come first merged
 * @throws LatentError `file.vocabulary` where it is no such text
 */
export function clipTokenizer(
  merges: string,
  { length = 77, padding = "end" }: ClipTokenizerOptions = {},
): Tokenizer {
  const pairs = merges.split("\n").slice(1, 1 + merged).map((line) => line.split(" "));
  const bad = pairs.findIndex((pair) => pair.length !== 2);
  if (pairs.length < merged || bad >= 0) {
    const found = bad >= 0 ? `line ${bad + 2}: ${JSON.stringify(pairs[bad]!.join(" "))}` : `${pairs.length + 1} lines`;
    const wanted = `bpe_simple_vocab_16e6.txt: a first line, then ${merged} of two tokens`;
    throw badVocabulary("clip-vocabulary", found, wanted);
  }
  const bytes = byteCharacters();
  const tokens = [...bytes, ...bytes.map((byte) => `${byte}</w>`), ...pairs.map((pair) => pair.join("")), begin, end];
  return tokenizerOf({
    tokens,
    model: { type: "BPE", merges: pairs, continuing_subword_prefix: "", end_of_word_suffix: "</w>" },
    normalizer: { type: "Sequence", normalizers: [{ type: "NFC" }, oneSpace, plainSigma, { type: "Lowercase" }] },
    pre_tokenizer: { type: "Sequence", pretokenizers: [words, { type: "ByteLevel", add_prefix_space: false }] },
    special: { begin, end, unknown: end, padding: padding === "end" ? end : tokens[0]!, all: [begin, end] },
  }, length);
}

const oneSpace = { type: "Replace", pattern: { Regex: String.raw`\s+` }, content: " " };

/** What of a text is merged among itself: endings, letters, one digit, other signs. */
const words = {
  type: "Split",
  pattern: {
    Regex: String.raw`<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`,
  },
  behavior: "Removed",
  invert: true,
};

/** The characters that stand for bytes, in CLIP's order: printable ones for themselves, then 256 and on for the rest. */
function byteCharacters(): string[] {
  const printable = (byte: number) => byte > 32 && byte < 127 || byte > 160 && byte !== 173;
  const all = [...Array(256).keys()];
  const rest = all.filter((byte) => !printable(byte)).map((_, i) => 256 + i);
  return [...all.filter(printable), ...rest].map((code) => String.fromCharCode(code));
}
