import assert from "node:assert/strict";
import { join } from "@std/path";
import { type ClassFolderOptions, classFolders, type Dataset } from "../../lib/data/mod.ts";
import { type Files, refusal, withFolder } from "./folders.ts";

const imagenet: Files = {
  "train/n02012849/a.JPEG": "",
  "train/n01440764/b.JPEG": "",
  "train/n03126707/c.JPEG": "",
  "val/n01440764/d.JPEG": "",
};
const names = "n01440764 tench, Tinca tinca\nn02012849\tcrane\nn03126707 crane\nn99999999 other\n";

/** @param index a file of the folder */
function read(files: Files, { index, ...options }: ClassFolderOptions = {}): Promise<Dataset> {
  return withFolder(
    files,
    (folder) => classFolders(folder, { ...options, ...(index && { index: join(folder, index) }) }),
  );
}

const labels = ({ train, validation }: Dataset) => [...train, ...validation].map(({ key, label }) => [key, label]);

Deno.test("ImageNet's classes are its folders sorted by name, train and val apart", async () => {
  const set = await read(imagenet);
  assert.deepEqual(set.classes, ["n01440764", "n02012849", "n03126707"]);
  assert.deepEqual(labels(set), [
    ["train/n01440764/b.JPEG", 0],
    ["train/n02012849/a.JPEG", 1],
    ["train/n03126707/c.JPEG", 2],
    ["val/n01440764/d.JPEG", 0],
  ]);
  assert.deepEqual([set.train.length, set.validation.length], [3, 1]);
  assert.ok(set.validation[0]!.path.endsWith("/val/n01440764/d.JPEG"));
});

Deno.test("folders without a split are split by hash", async () => {
  const set = await read({ "b/1.png": "", "a/1.png": "" }, { validation: 0 });
  assert.deepEqual([set.classes, labels(set)], [["a", "b"], [["a/1.png", 0], ["b/1.png", 1]]]);
});

Deno.test("names are those of the file beside them, of two that are the same with their folders", async () => {
  const { classes, train } = await read({ ...imagenet, "LOC_synset_mapping.txt": names });
  assert.deepEqual(classes, ["tench, Tinca tinca", "crane (n02012849)", "crane (n03126707)"]);
  assert.deepEqual(train.map(({ caption }) => caption), ["tench, Tinca tinca", "crane", "crane"]);
});

for (
  const [name, file, text] of [
    ["the original's", "index_synset.yaml", "0: n01440764\n1: n0\n2: n02012849\n4: n03126707\n"],
    [
      "Keras's",
      "imagenet_class_index.json",
      '{"4": ["n03126707", "crane"], "0": ["n01440764", "tench"], "2": ["n02012849", ""], "1": ["n0", ""]}',
    ],
  ] as const
) {
  Deno.test(`a part of the classes keeps the published numbers of ${name} index`, async () => {
    const set = await read({ ...imagenet, [file]: text }, { index: file });
    assert.deepEqual(labels(set).map(([, label]) => label), [0, 2, 4, 0]);
    assert.deepEqual(set.classes, ["n01440764", "n0", "n02012849", "", "n03126707"]);
  });
}

const wrong: [string, Files, ClassFolderOptions, string, RegExp][] = [
  ["a class in val alone", { ...imagenet, "val/n05/x.png": "" }, {}, "data.class", /n05/],
  [
    "a class that has no number",
    { ...imagenet, "i.yaml": "0: n01440764" },
    { index: "i.yaml" },
    "data.class",
    /2 folders.*n02012849/,
  ],
  ["an index that is none", { ...imagenet, "i.yaml": "a: b" }, { index: "i.yaml" }, "data.metadata", /"a":"b"/],
  [
    "an index of nothing",
    { ...imagenet, "i.yaml": "__proto__" },
    { index: "i.yaml" },
    "data.metadata",
    /does not number/,
  ],
  ["an index of lists", { ...imagenet, "i.yaml": "0: [[1]]" }, { index: "i.yaml" }, "data.metadata", /\[\[1\]\]/],
  ["a lost file of names", imagenet, { names: "/nowhere/names.txt" }, "data.missing", /nowhere/],
  ["a lost index", imagenet, { index: "nowhere.yaml" }, "data.metadata", /nowhere/],
  ["an unknown class", imagenet, { classes: ["n01440765"] }, "data.class", /Did you mean n01440764/],
];

for (const [name, files, options, code, message] of wrong) {
  Deno.test(`class folders with ${name} are refused`, async () => {
    const error = await refusal(read(files, options));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
  });
}
