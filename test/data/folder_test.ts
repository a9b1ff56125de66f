import assert from "node:assert/strict";
import { join } from "@std/path";
import { imageFolder, type ImageFolderOptions } from "../../lib/data/folder.ts";
import { refusal, withFolder } from "./folders.ts";

function read(files: Record<string, string>, options: ImageFolderOptions = { validation: 0 }) {
  return withFolder(files, (folder) => imageFolder(folder, options));
}

Deno.test("pictures are found in all subfolders and sorted by path, other files left out", async () => {
  const names = ["b.png", "a/z.JPG", "a/deep/x.webp", "Z.gif", "c.bmp", "d.jpeg", "a.png"];
  const others = ["a.txt", ".hidden.png", ".git/x.png", "png", "a/x.png.part"];
  const { train, validation } = await read(Object.fromEntries([...others, ...names].map((name) => [name, ""])));
  assert.deepEqual(train.map((item) => item.key), names.toSorted());
  assert.deepEqual(validation, []);
  assert.ok(train.every((item) => item.path.startsWith("/") && item.path.endsWith(item.key)));
});

Deno.test("folders of the first level are the classes, sorted by name", async () => {
  const { classes, train } = await read({ "dog/1.png": "", "cat/1.png": "", "cat/small/2.png": "", "none.png": "" });
  assert.deepEqual(classes, ["cat", "dog"]);
  assert.deepEqual(train.map((item) => [item.key, item.label]), [
    ["cat/1.png", 0],
    ["cat/small/2.png", 0],
    ["dog/1.png", 1],
    ["none.png", undefined],
  ]);
  assert.ok(!("label" in train[3]!));
});

Deno.test("only the classes asked for are taken; one that there isn't is refused with the nearest", async () => {
  const files = { "dog/1.png": "", "cat/1.png": "", "none.png": "" };
  const { classes, train } = await read(files, { classes: ["cat"] });
  assert.deepEqual([classes, train.map(({ key, label }) => [key, label])], [["cat"], [["cat/1.png", 0]]]);
  await assert.rejects(read(files, { classes: ["cats"] }), /named cats\n.*cat, dog\nDid you mean cat\?/s);
});

Deno.test("links are followed, links in a circle end", async () => {
  await withFolder({ "in/a.png": "", "other/b.png": "" }, async (folder) => {
    await Deno.symlink("..", join(folder, "in", "up"));
    await Deno.symlink(join(folder, "other"), join(folder, "in", "more"));
    await Deno.symlink(join(folder, "other", "b.png"), join(folder, "in", "c.png"));
    await Deno.symlink("nowhere", join(folder, "in", "d.png"));
    const { train } = await imageFolder(join(folder, "in"), { validation: 0 });
    assert.deepEqual(train.map((item) => item.key), [
      "a.png",
      "c.png",
      "more/b.png",
      "up/other/b.png",
    ]);
  });
});

Deno.test("the validation split has about its share and stays when files are added", async () => {
  const files = (n: number) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`${i * 7919 % 1000}.png`, ""]));
  const few = await read(files(300), {});
  const many = await read(files(600), {});
  const keys = (items: { key: string }[]) => new Set(items.map((item) => item.key));
  assert.ok(keys(few.validation).isSubsetOf(keys(many.validation)));
  assert.ok(keys(few.train).isSubsetOf(keys(many.train)));
  assert.equal(many.train.length + many.validation.length, 600);
  assert.ok(many.validation.length > 15 && many.validation.length < 50, `${many.validation.length}`);
});

Deno.test("captions come from metadata.jsonl, other keys and __proto__ are harmless", async () => {
  const { train } = await read({
    "a.png": "",
    "b/c.png": "",
    "__proto__.png": "",
    "d.png": "",
    "metadata.jsonl": [
      '{"file_name": "a.png", "text": "an a", "__proto__": {"text": "evil"}, "constructor": 1}',
      "",
      '{"text": "a c", "file_name": "./b/c.png"}\r',
      '{"file_name": "__proto__.png", "text": "a p"}',
    ].join("\n"),
  });
  assert.deepEqual(train.map((item) => [item.key, item.caption]), [
    ["__proto__.png", "a p"],
    ["a.png", "an a"],
    ["b/c.png", "a c"],
    ["d.png", undefined],
  ]);
  assert.equal(({} as { text?: string }).text, undefined);
});

const badLines: [string, string, RegExp][] = [
  ["no JSON", '{"file_name": ', /no JSON/],
  ["a list", "[1]", /no file_name/],
  ["null", "null", /no file_name/],
  ["no name", '{"text": "x"}', /no file_name/],
  ["a name that is inherited", '{"__proto__": {"file_name": "a.png", "text": "x"}}', /no file_name/],
  ["no caption", '{"file_name": "a.png"}', /no text for "a\.png"/],
  ["a caption that is no text", '{"file_name": "a.png", "text": 1}', /no text/],
  ["a path upwards", '{"file_name": "../a.png", "text": "x"}', /leaves the folder/],
  ["a path up and down", '{"file_name": "b/../../x/a.png", "text": "x"}', /leaves the folder/],
  ["a path with backslashes", '{"file_name": "..\\\\a.png", "text": "x"}', /leaves the folder/],
  ["an absolute path", '{"file_name": "/etc/a.png", "text": "x"}', /leaves the folder/],
  ["a drive", '{"file_name": "C:\\\\a.png", "text": "x"}', /leaves the folder/],
  ["a file that isn't there", '{"file_name": "b.png", "text": "x"}', /not there/],
  ["a picture twice", '{"file_name": "a.png", "text": "x"}\n{"file_name": "a.png", "text": "y"}', /second line/],
];

for (const [name, line, found] of badLines) {
  Deno.test(`metadata.jsonl with ${name} is refused`, async () => {
    const error = await refusal(read({ "a.png": "", "metadata.jsonl": line }));
    assert.equal(error.code, "data.metadata");
    assert.match(error.message, found);
  });
}

Deno.test("all bad lines of a metadata.jsonl are told at once, of very many the first", async () => {
  const error = await refusal(read({ "a.png": "", "metadata.jsonl": "x\n".repeat(1000) }));
  assert.match(error.message, /1000 of its lines/);
  assert.equal(error.fields.differences?.length, 20);
  assert.match(error.message, /line 20 /);
});

Deno.test("a folder without images is refused with what was looked for", async () => {
  const error = await refusal(read({ "a.txt": "", "deep/b.tiff": "" }));
  assert.equal(error.code, "data.empty");
  assert.match(error.message, /2 other files/);
  assert.match(error.message, /\.jpg, \.jpeg, \.png, \.webp, \.gif, \.bmp/);
});

Deno.test("a folder that isn't there, and a file, are refused", async () => {
  assert.equal((await refusal(imageFolder("/nowhere/at/all"))).code, "data.missing");
  await withFolder({ "a.png": "" }, async (folder) => {
    assert.equal((await refusal(imageFolder(join(folder, "a.png")))).code, "data.missing");
  });
});
