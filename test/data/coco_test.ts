import assert from "node:assert/strict";
import { coco, type CocoOptions, type Dataset, type LayoutItem } from "../../lib/data/mod.ts";
import { type Files, refusal, withFolder } from "./folders.ts";

const categories = [
  { id: 1, name: "person", supercategory: "person" },
  { id: 2, name: "bicycle", supercategory: "vehicle" },
  { id: 10, name: "traffic light", supercategory: "outdoor" },
];
const images = [
  { id: 7, file_name: "a.jpg", width: 200, height: 100 },
  { id: 8, file_name: "b.jpg", width: 100, height: 100 },
];
const object = (image_id: number, category_id: number, bbox: unknown, rest = {}) => ({
  image_id,
  category_id,
  bbox,
  iscrowd: 0,
  segmentation: [[1, 2, 3]],
  ...rest,
});
const annotations = [
  object(7, 10, [20, 10, 100, 50]),
  object(8, 1, [0, 0, 50, 50]),
  object(7, 2, [0, 0, 200, 100], { iscrowd: 1 }),
  object(8, 1, [0, 0, 0.1, 0.1]),
];

/** A set of COCO's form, of the training split and with what is given besides. */
function files(parts: Record<string, unknown>, more: Files = {}): Files {
  return {
    "annotations/instances_train2017.json": JSON.stringify({ info: {}, images, annotations, categories, ...parts }),
    "train2017/a.jpg": "",
    ...more,
  };
}

function read(of: Files, options: CocoOptions = {}): Promise<Dataset<LayoutItem>> {
  return withFolder(of, (folder) => coco(folder, { validation: 0, minObjects: 2, ...options }));
}

Deno.test("COCO's boxes are shares of their picture, its classes in the order of their numbers as text", async () => {
  const { classes, train, validation } = await read(files({}));
  assert.deepEqual(classes, ["person", "traffic light", "bicycle"]);
  assert.deepEqual(train.map(({ key, boxes }) => ({ key, boxes })), [{
    key: "train2017/a.jpg",
    boxes: [
      { class: 1, box: [0.1, 0.1, 0.5, 0.5] },
      { class: 2, box: [0, 0, 1, 1], group: true },
    ],
  }]);
  assert.ok(train[0]!.path.endsWith("/train2017/a.jpg"));
  assert.deepEqual(validation, []);
});

Deno.test("annotations may stand before their pictures, ids be text, pictures below images", async () => {
  const { "train2017/a.jpg": _, ...rest } = files({});
  const { annotations: objects, ...others } = JSON.parse(rest["annotations/instances_train2017.json"] as string);
  const text = JSON.stringify({ annotations: objects, ...others });
  const named = text.replaceAll('"image_id":7', '"image_id":"x"').replace('"id":7', '"id":"x"');
  const { train } = await read({ "annotations/instances_train2017.json": named, "images/train2017/a.jpg": "" });
  assert.deepEqual(train.map(({ key, boxes }) => [key, boxes.length]), [["images/train2017/a.jpg", 2]]);
});

Deno.test("the validation split is the set's own, with the classes of training", async () => {
  const val = { images: [images[1]], annotations: annotations.slice(1, 2), categories: categories.toReversed() };
  const more = { "annotations/instances_val2017.json": JSON.stringify(val), "val2017/b.jpg": "" };
  const { train, validation } = await read(files({}, more), { minObjects: 1 });
  assert.deepEqual(train.map(({ key }) => key), ["train2017/a.jpg", "train2017/b.jpg"]);
  assert.deepEqual(validation.map(({ key, boxes }) => [key, boxes[0]!.class]), [["val2017/b.jpg", 0]]);
});

Deno.test("stuff is among the classes where it is asked for, other is not", async () => {
  const stuff = { annotations: [object(8, 92, [0, 0, 100, 100]), object(8, 183, [0, 0, 9, 9])] };
  const more = [{ id: 92, name: "banner" }, { id: 183, name: "other" }];
  const text = JSON.stringify({ images, ...stuff, categories: more });
  const { classes, train } = await read(files({}, { "annotations/stuff_train2017.json": text }), {
    stuff: true,
    validation: 0,
  });
  assert.deepEqual(classes, ["person", "traffic light", "bicycle", "banner"]);
  assert.deepEqual(train.map(({ boxes }) => boxes.map((one) => one.class)), [[1, 2], [0, 3]]);
});

const choices: [string, CocoOptions, string[], number[][]][] = [
  ["classes", { classes: ["person", "bicycle"], minObjects: 1 }, ["person", "bicycle"], [[1], [0]]],
  ["classes taken for others", { merge: { bicycle: "person" } }, ["person", "traffic light"], [[1, 0]]],
  ["tiny objects", { minArea: 0 }, ["person", "traffic light", "bicycle"], [[1, 2], [0, 0]]],
  ["at most one object", { minObjects: 1, maxObjects: 1 }, ["person", "traffic light", "bicycle"], [[0]]],
];

for (const [name, options, classes, found] of choices) {
  Deno.test(`of COCO are chosen: ${name}`, async () => {
    const set = await read(files({}), options);
    assert.deepEqual([set.classes, set.train.map(({ boxes }) => boxes.map((one) => one.class))], [classes, found]);
  });
}

const wrong: [string, Files, CocoOptions, string, RegExp][] = [
  ["no annotations", { "x.json": "" }, {}, "data.missing", /instances_train/],
  ["no pictures", { "annotations/instances_train2017.json": "{}" }, {}, "data.missing", /train2017/],
  [
    "an unknown class",
    files({}),
    { classes: ["person", "bicycles"] },
    "data.class",
    /bicycles\n.*\nDid you mean bicycle\?/,
  ],
  ["an unknown class to merge", files({}), { merge: { cat: "person" } }, "data.class", /cat/],
  ["too few objects", files({}), { minObjects: 9 }, "data.empty", /9 to 30/],
  ["no stuff", files({}), { stuff: true }, "data.missing", /stuff_train2017/],
  [
    "a path upwards",
    files({ images: [{ ...images[0], file_name: "../../x.jpg" }] }),
    {},
    "data.metadata",
    /leaves the folder/,
  ],
  ["an absolute path", files({ images: [{ ...images[0], file_name: "/etc/x.jpg" }] }), {}, "data.metadata", /leaves/],
  ["no size", files({ images: [{ ...images[0], width: 0 }] }), {}, "data.metadata", /sides 0 and 100/],
  ["an object of no picture", files({ annotations: [object(9, 1, [0, 0, 1, 1])] }), {}, "data.metadata", /picture 9/],
  [
    "a box of three",
    files({ annotations: [object(7, 1, [0, 0, 1])] }),
    {},
    "data.metadata",
    /object 1 .*box \[0,0,1\]/,
  ],
  [
    "an inherited box",
    files({ annotations: [{ __proto__: null, image_id: 7 }] }),
    {},
    "data.metadata",
    /box undefined/,
  ],
];

for (const [name, of, options, code, message] of wrong) {
  Deno.test(`a folder of COCO's form with ${name} is refused`, async () => {
    const error = await refusal(read(of, options));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
  });
}
