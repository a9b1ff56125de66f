import assert from "node:assert/strict";
import {
  chooseCut,
  type LayoutBox,
  layoutLength,
  type LayoutOptions,
  layoutTokens,
  readLayout,
  tokensOfCut,
  viewOf,
} from "../../lib/data/mod.ts";

const small: LayoutOptions = { classes: 10, objects: 3, tokens: 401, groups: true, details: true }; // a grid of 20
const dog: LayoutBox = { class: 3, box: [0.1, 0.2, 0.3, 0.4] };
const cats: LayoutBox = { class: 4, box: [0.5, 0.5, 0.5, 0.5], group: true, inside: true };

Deno.test("the paper's layout is 92 tokens", () => {
  assert.equal(layoutLength({ classes: 600 }), 92);
  assert.equal(layoutTokens([], { classes: 600 }).length, 92);
});

Deno.test("what tokens say is the layout on the grid, its flags and the crop", () => {
  const { boxes, crop } = readLayout(layoutTokens([dog, cats], small), small);
  assert.deepEqual(crop, [0, 0, 1, 1]);
  assert.deepEqual(boxes.map(({ box: _, ...rest }) => rest), [{ class: 3 }, { class: 4, group: true, inside: true }]);
  for (const [i, { box }] of [dog, cats].entries()) {
    box.forEach((side, k) => assert.ok(Math.abs(side - boxes[i]!.box[k]!) <= 1 / 19, `${boxes[i]!.box}`));
  }
});

Deno.test("without flags in the vocabulary they are left out", () => {
  const [word] = layoutTokens([cats], { ...small, groups: false, details: false });
  assert.equal(word, 4);
});

Deno.test("a crop leaves out what is not seen; where it is not written, boxes are its shares", () => {
  const left = { crop: [0, 0, 0.5, 1], flip: false } as const;
  assert.deepEqual(readLayout(layoutTokens([dog, cats], small, left), small).boxes.map((one) => one.class), [3]);
  const options = { ...small, crop: false };
  const [whole, mirrored] = [false, true].map((flip) =>
    readLayout(layoutTokens([dog], options, { ...left, flip }), options)
  );
  assert.equal(whole!.crop, undefined);
  assert.deepEqual(whole!.boxes[0]!.box.map((x) => Math.round(19 * x)), [4, 4, 11, 7]);
  assert.deepEqual(mirrored!.boxes[0]!.box.map((x) => Math.round(19 * x)), [4, 4, 11, 7].with(0, 19 - 15));
});

Deno.test("boxes follow the cut of their picture: what is in the square of pixels is in the tokens", () => {
  // a picture of 40×20 pixels, a box on each of 8 columns of 5 pixels
  const boxes = Array.from({ length: 8 }, (_, i): LayoutBox => ({ class: i, box: [i / 8, 0, 1 / 8, 1] }));
  const options: LayoutOptions = { classes: 8, objects: 8, tokens: 1000, crop: false };
  for (let index = 0; index < 50; index++) {
    const place = { seed: 1, epoch: 0, index };
    const cut = {
      ...chooseCut({ width: 40, height: 20 }, { size: 20, crop: "random", flip: true }, place),
      width: 40,
      height: 20,
    };
    const seen = readLayout(tokensOfCut(boxes, options, cut, 20), options).boxes;
    const wanted = boxes.filter((_, i) => 5 * i + 5 > cut.left && 5 * i < cut.left + 20).map((one) => one.class);
    assert.deepEqual(seen.map((one) => one.class).sort(), wanted);
    for (const { class: i, box } of seen) {
      const middle = Math.min(Math.max((5 * i + 2.5 - cut.left) / 20, 0), 1);
      assert.ok(Math.abs(box[0] + box[2] / 2 - (cut.flip ? 1 - middle : middle)) < 0.15, `${i} of ${wanted}: ${box}`);
    }
  }
});

Deno.test("the objects' order is another in each epoch, the same for the same place", () => {
  const boxes = Array.from({ length: 8 }, (_, i): LayoutBox => ({ class: i, box: [0, 0, 1, 1] }));
  const order = (epoch: number) => {
    const cut = chooseCut({ width: 8, height: 8 }, { size: 8, crop: "center", flip: false }, {
      seed: 1,
      epoch,
      index: 5,
    });
    const tokens = tokensOfCut(boxes, { classes: 8, objects: 8 }, { ...cut, width: 8, height: 8 }, 8);
    return tokens.slice(0, 24).filter((_, i) => i % 3 === 0).join();
  };
  assert.equal(new Set(Array.from({ length: 20 }, (_, epoch) => order(epoch))).size, 20);
  assert.equal(order(3), order(3));
  assert.deepEqual(order(3).split(",").sort(), boxes.map((one) => `${one.class}`));
});

Deno.test("a cut's view is its square as shares of the picture", () => {
  const cut = { left: 4, top: 0, flip: true, width: 40, height: 20, background: [0, 0, 0] as const, draw: 0 };
  assert.deepEqual(viewOf(cut, 20), { crop: [0.1, 0, 0.5, 1], flip: true });
});

const wrong: [string, LayoutBox[], string, RegExp][] = [
  ["more boxes than tokens", [dog, dog, dog, dog], "layout.objects", /4 boxes\n.*at most 3/],
  ["a class that there isn't", [dog, { ...dog, class: 10 }], "layout.class", /box 2 .*class 10 .*0 … 9/],
  ["a class that is no index", [{ ...dog, class: 0.5 }], "layout.class", /class 0\.5/],
  ["a negative class", [{ ...dog, class: -1 }], "layout.class", /class -1/],
  ["pixels for a box", [{ ...dog, box: [10, 20, 30, 40] }], "layout.box", /box 1 .*\[10,20,30,40\].*shares/],
  ["a box beside the picture", [{ ...dog, box: [-0.5, 0, 0.2, 0.2] }], "layout.box", /-0\.5/],
  ["a box over the edge", [{ ...dog, box: [0.5, 0.5, 0.6, 0.6] }], "layout.box", /0\.6/],
  ["a box of less than nothing", [{ ...dog, box: [0.5, 0.5, -0.1, 0.1] }], "layout.box", /-0\.1/],
  ["a box that is no number", [{ ...dog, box: [NaN, 0, 1, 1] }], "layout.box", /NaN/],
];

for (const [name, boxes, code, message] of wrong) {
  Deno.test(`a layout with ${name} is refused`, () => {
    assert.throws(() => layoutTokens(boxes, small), { code, message });
  });
}

Deno.test("a class whose flags lead beyond the vocabulary is refused, unless it is not seen", () => {
  const all: LayoutBox = { class: 9, box: [0, 0, 0.5, 1], group: true, occluded: true, depiction: true, inside: true };
  const options = { ...small, tokens: 100 };
  assert.throws(() => layoutTokens([all], options), { code: "layout.class", message: /token 159/ });
  assert.equal(layoutTokens([all], options, { crop: [0.5, 0, 0.5, 1], flip: false })[0], 99);
});

Deno.test("another number of tokens is no layout", () => {
  assert.throws(() => readLayout([1, 2, 3], small), { code: "layout.tokens", message: /3 tokens\n.*11/ });
});
