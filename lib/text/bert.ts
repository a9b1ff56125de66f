import { badVocabulary, plainSigma, type Tokenizer, tokenizerOf, type TokenizerOptions } from "./tokenizer.ts";

const special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/**
 * BERT's uncased word pieces (Devlin et al. 2019): the tokens of the paper's text models and of all-MiniLM-L6-v2, as
 * Python's transformers makes them. Beginning is `[CLS]`, end `[SEP]`, padding `[PAD]`.
 *
 * @param vocabulary text of BERT's `vocab.txt`: a token a line, in the order of their numbers; published 30,522
 * @throws LatentError `file.vocabulary` where it is no such text
 */
export function bertTokenizer(vocabulary: string, { length = 77 }: TokenizerOptions = {}): Tokenizer {
  const tokens = vocabulary.replace(/\n$/, "").split("\n");
  const missing = special.filter((token) => !tokens.includes(token));
  if (missing.length > 0) {
    const wanted = "BERT's vocab.txt, one token a line";
    throw badVocabulary("bert-vocabulary", `no line ${missing.join(", ")}`, wanted);
  }
  return tokenizerOf({
    tokens,
    model: { type: "WordPiece", continuing_subword_prefix: "##", max_input_chars_per_word: 100 },
    normalizer: {
      type: "Sequence",
      normalizers: [plainSigma, ideographsApart, {
        type: "BertNormalizer",
        clean_text: true,
        handle_chinese_chars: true,
        lowercase: true,
      }],
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    special: { begin: "[CLS]", end: "[SEP]", unknown: "[UNK]", padding: "[PAD]", all: special },
  }, length);
}

/** Sets ideographs beyond 16 bits apart too; the package's normaliser looks at 16 bits at a time. */
const ideographsApart = {
  type: "Replace",
  pattern: { Regex: "[\\x{20000}-\\x{2A6DF}\\x{2A700}-\\x{2B81F}\\x{2B920}-\\x{2CEAF}\\x{2F800}-\\x{2FA1F}]" },
  content: " $& ",
};
