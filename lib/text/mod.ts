/** Texts to tokens: the tokenizers of the text encoders, their vocabularies given as text. @module */
export { bertTokenizer } from "./bert.ts";
export { clipTokenizer, type ClipTokenizerOptions } from "./clip.ts";
export { cutWarnings, type Tokenizer, type TokenizerOptions, type Tokens } from "./tokenizer.ts";
