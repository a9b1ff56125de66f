import assert from "node:assert/strict";
import { bertTokenizer, clipTokenizer, cutWarnings } from "../../lib/text/mod.ts";
import { bertVocabulary, clipMerges } from "./vocabularies.ts";

const bert = bertTokenizer(bertVocabulary("a", "red", "heart", "##s", "日", "."), { length: 8 });
const merges = clipMerges("r e", "re d</w>", "h e", "he a", "hea r", "hear t</w>");
const clip = clipTokenizer(merges, { length: 8 });

/** The text, all ids, how many are no padding, what was cut. */
const bertCases: [string, number[], number, string][] = [
  ["", [2, 3, 0, 0, 0, 0, 0, 0], 2, ""],
  ["A Réd  hearts.\n", [2, 5, 6, 7, 8, 10, 3, 0], 7, ""],
  ["red stone", [2, 6, 1, 3, 0, 0, 0, 0], 4, ""],
  ["日日x日", [2, 9, 9, 1, 9, 3, 0, 0], 6, ""],
  ["a a a a a red", [2, 5, 5, 5, 5, 5, 6, 3], 8, ""],
  ["A a a a a red Heart  of Gold", [2, 5, 5, 5, 5, 5, 6, 3], 8, "Heart  of Gold"],
  ["a a a a a hearts", [2, 5, 5, 5, 5, 5, 7, 3], 8, "s"],
  ["日日日日日日日日 a", [2, 9, 9, 9, 9, 9, 9, 3], 8, "日日 a"],
];

for (const [text, ids, count, cut] of bertCases) {
  Deno.test(`${JSON.stringify(text)} in word pieces`, () => assert.deepEqual(bert.encode(text), { ids, count, cut }));
}

const [begin, end] = [49_406, 49_407];
const letter = (character: string) => character.charCodeAt(0) - 33; // inside a word; at its end 256 more
const clipCases: [string, number[], number, string][] = [
  ["", [begin, ...Array(7).fill(end)], 2, ""],
  ["Red\u00a0HEART", [begin, 513, 517, ...Array(5).fill(end)], 4, ""],
  ["reds", [begin, 512, letter("d"), letter("s") + 256, ...Array(4).fill(end)], 5, ""],
  ["red red red red red re heart", [begin, 513, 513, 513, 513, 513, 512, end], 8, "e heart"],
];
clipCases.at(-1)![1][6] = letter("r"); // "re" at the end of a word is no merge

for (const [text, ids, count, cut] of clipCases) {
  Deno.test(`${JSON.stringify(text)} in byte pairs`, () => assert.deepEqual(clip.encode(text), { ids, count, cut }));
}

Deno.test("Stable Diffusion 2 fills up with the first token", () => {
  const { ids, count } = clipTokenizer(merges, { length: 5, padding: "first" }).encode("red");
  assert.deepEqual([ids, count], [[begin, 513, end, 0, 0], 3]);
});

const refused: [string, () => unknown, RegExp][] = [
  ["CLIP's as BERT's", () => bertTokenizer(merges), /no line \[PAD\], \[UNK\], \[CLS\], \[SEP\], \[MASK\]/],
  ["BERT's as CLIP's", () => clipTokenizer(bertVocabulary("a b")), /line 2: "\[UNK\]"/],
  ["CLIP's cut short", () => clipTokenizer(merges.split("\n").slice(0, 100).join("\n")), /100 lines[^]*48894 of two/],
];

for (const [what, make, message] of refused) {
  Deno.test(`a vocabulary is refused: ${what}`, () => assert.throws(make, { code: "file.vocabulary", message }));
}

Deno.test("a warning names what was left out of each text that was cut", () => {
  assert.deepEqual(cutWarnings(["", "of Gold", ""], 77), [{
    type: "warning",
    text: 'a text has more than 77 tokens; left out was "of Gold"',
  }]);
});
