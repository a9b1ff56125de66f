/** Vocabularies as BERT's and CLIP's, with few words in them. @module */

/** BERT's vocab.txt with these after the special tokens: the first is number 5. */
export function bertVocabulary(...tokens: string[]): string {
  return ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ...tokens, ""].join("\n");
}

/** CLIP's file with these merges first: that of the first makes number 512. The rest are of other scripts' bytes. */
export function clipMerges(...merges: string[]): string {
  const letters = [...Array(256).keys()].map((i) => String.fromCharCode(0x4e00 + i));
  const rest = letters.flatMap((a) => letters.map((b) => `${a} ${b}`));
  return ["# version", ...merges, ...rest, ""].join("\n");
}
