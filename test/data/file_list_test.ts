import assert from "node:assert/strict";
import { join } from "@std/path";
import { dataFormats, fileList } from "../../lib/data/mod.ts";
import { type Files, refusal, withFolder } from "./folders.ts";

const pictures: Files = { "root/a.webp": "", "root/deep/b.jpg": "", "root/imgHQ00001.png": "" };

function read(train: string, validation?: string) {
  return withFolder(
    { ...pictures, "train.txt": train, ...(validation === undefined ? {} : { "val.txt": validation }) },
    (folder) => {
      const lists = {
        train: join(folder, "train.txt"),
        ...(validation === undefined ? {} : { validation: join(folder, "val.txt") }),
      };
      return fileList(join(folder, "root"), { lists, validation: 0 });
    },
  );
}

Deno.test("lists choose the pictures and their order; a .npy of CelebA-HQ's lists is the picture of that name", async () => {
  const { train, validation, classes } = await read("deep/b.jpg\r\na.webp\n", "imgHQ00001.npy");
  assert.deepEqual(train.map(({ key }) => key), ["deep/b.jpg", "a.webp"]);
  assert.deepEqual(validation.map(({ key }) => key), ["imgHQ00001.png"]);
  assert.ok(train[0]!.path.endsWith("/root/deep/b.jpg"));
  assert.deepEqual(classes, []);
});

const wrong: [string, string, string, RegExp][] = [
  ["nothing", "\n", "data.empty", /names no picture/],
  ["a picture that isn't there", "a.webp\nb.webp", "data.metadata", /line 2 .*not there/],
  ["a picture twice", "a.webp\na.webp", "data.metadata", /line 2 .*second time/],
  ["a path upwards", "../root/a.webp", "data.metadata", /leaves the folder/],
  ["an absolute path", "/etc/passwd", "data.metadata", /leaves the folder/],
  ["an array that no picture is of", "imgHQ00002.npy", "data.metadata", /not there/],
  ["a key of every object", "__proto__", "data.metadata", /not there/],
];

for (const [name, list, code, message] of wrong) {
  Deno.test(`a list of ${name} is refused`, async () => {
    const error = await refusal(read(list));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
  });
}

Deno.test("a list that isn't there is refused, and a format of lists without lists", async () => {
  await withFolder(pictures, async (folder) => {
    const error = await refusal(fileList(join(folder, "root"), { lists: { train: join(folder, "no.txt") } }));
    assert.equal(error.code, "data.missing");
    assert.throws(() => dataFormats.list(folder, {}), { code: "config.data" });
  });
});
