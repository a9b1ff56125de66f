import assert from "node:assert/strict";
import { type Dataset, type LayoutItem, type ObjectOptions, openImages } from "../../lib/data/mod.ts";
import { fieldsOf } from "../../lib/data/lines.ts";
import { type Files, refusal, withFolder } from "./folders.ts";

const descriptions = '/m/01s55n,Person\n/m/011k07,Tortoise\r\n/m/012n7d,"Ambulance, red"\n';
const head =
  "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside";
const boxes = [
  "2,xclick,/m/01s55n,1,0.25,0.75,0,1,1,0,0,0,1",
  "1,xclick,/m/011k07,1,0,0.5,0.5,1,0,0,1,0,0",
  "2,xclick,/m/012n7d,1,0,1,0,0.5,-1,-1,-1,1,-1",
  "1,xclick,/m/0unknown,1,0,1,0,1,0,0,0,0,0",
];

function files(rows: string[] = boxes, more: Files = {}): Files {
  return {
    "class-descriptions-boxable.csv": descriptions,
    "oidv6-train-annotations-bbox.csv": [head, ...rows, ""].join("\n"),
    ...more,
  };
}

function read(of: Files, options: ObjectOptions = {}): Promise<Dataset<LayoutItem>> {
  return withFolder(of, (folder) => openImages(folder, { validation: 0, minObjects: 2, ...options }));
}

Deno.test("OpenImages' boxes are read with their flags, Person is the last class", async () => {
  const { classes, train } = await read(files());
  assert.deepEqual(classes, ["Tortoise", "Ambulance, red", "Person"]);
  assert.deepEqual(train.map(({ key, boxes }) => ({ key, boxes })), [{
    key: "train/0000000000000002.jpg",
    boxes: [
      { class: 2, box: [0.25, 0, 0.5, 1], occluded: true, inside: true },
      { class: 1, box: [0, 0, 1, 0.5], depiction: true },
    ],
  }]);
});

Deno.test("OpenImages' validation is its own; classes are chosen and merged by name", async () => {
  const more = { "validation-annotations-bbox.csv": [head, boxes[1]].join("\r\n") };
  const options = { minObjects: 1, classes: ["Tortoise", "Person"], merge: { Tortoise: "Person" } };
  const { classes, train, validation } = await read(files(boxes, more), options);
  assert.deepEqual(classes, ["Person"]);
  assert.deepEqual(train.map(({ key, boxes }) => [key.slice(-5), boxes.length]), [["2.jpg", 1], ["1.jpg", 1]]);
  assert.deepEqual(validation.map(({ key }) => key), ["validation/0000000000000001.jpg"]);
});

const wrong: [string, Files, string, RegExp][] = [
  ["no classes", { "train-annotations-bbox.csv": head }, "data.missing", /class-descriptions/],
  [
    "a lost column",
    files([], { "oidv6-train-annotations-bbox.csv": "ImageID,XMin" }),
    "data.metadata",
    /LabelName, XMax/,
  ],
  ["a path for a picture", files(["../../x,a,/m/01s55n,1,0,1,0,1,0,0,0,0,0"]), "data.metadata", /line 2 .*\.\.\/x/],
  ["sides that are none", files([...boxes, "1,a,/m/01s55n,1,0,x,0,,0,0,0,0,0"]), "data.metadata", /line 6 .*0, x, 0, /],
  ["a line cut short", files(["1,a,/m/01s55n,1,0"]), "data.metadata", /line 2/],
  ["nothing left", files([]), "data.empty", /2 to 30/],
  ["an endless line", files(["x".repeat(3 * 2 ** 20)]), "data.metadata", /line of more than/],
];

for (const [name, of, code, message] of wrong) {
  Deno.test(`a folder of OpenImages' form with ${name} is refused`, async () => {
    const error = await refusal(read(of));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
  });
}

Deno.test("fields of CSV may be quoted", () => {
  const rows: [string, string[]][] = [
    ["a,b", ["a", "b"]],
    ["", [""]],
    ["a,,c,", ["a", "", "c", ""]],
    ['"a,b",c', ["a,b", "c"]],
    ['a,"say ""hi""",""', ["a", 'say "hi"', ""]],
  ];
  for (const [line, fields] of rows) assert.deepEqual(fieldsOf(line), fields);
});
