import assert from "node:assert/strict";
import { chooseCut, writeCut } from "../../lib/data/crop.ts";

/** 3×2 pixels whose red is 10·row + column. */
const picture = {
  width: 3,
  height: 2,
  data: new Uint8ClampedArray([0, 1, 2, 10, 11, 12].flatMap((r) => [r, 100 + r, 200 + r])),
};

const cuts: [string, { left: number; top: number; flip: boolean }, number[]][] = [
  ["as it is", { left: 0, top: 0, flip: false }, [0, 1, 10, 11]],
  ["from the right", { left: 1, top: 0, flip: false }, [1, 2, 11, 12]],
  ["mirrored", { left: 1, top: 0, flip: true }, [2, 1, 12, 11]],
];

for (const [name, cut, reds] of cuts) {
  Deno.test(`a square is cut out ${name}`, () => {
    const target = new Uint8Array(3 + 12 + 3).fill(77);
    writeCut(target, 3, picture, { ...cut, background: [9, 9, 9] }, 2);
    assert.deepEqual([...target.slice(3, 15)], reds.flatMap((r) => [r, 100 + r, 200 + r]));
    assert.deepEqual([...target.slice(0, 3), ...target.slice(15)], [77, 77, 77, 77, 77, 77]);
  });
}

Deno.test("what is transparent shows the background, as much of it as it is", () => {
  const clear = new Uint8ClampedArray([0, 51, 255, 0, 0, 0]);
  const pixels = { width: 3, height: 2, data: new Uint8ClampedArray(18).fill(255), clear };
  const target = new Uint8Array(12);
  writeCut(target, 0, pixels, { left: 1, top: 0, flip: false, background: [0, 155, 255] }, 2);
  assert.deepEqual([...target.slice(0, 6)], [204, 235, 255, 0, 155, 255]);
  assert.deepEqual([...target.slice(6)], Array(6).fill(255));
});

const place = { seed: 1, epoch: 0, index: 0 };

Deno.test("a centred square leaves equal margins, the odd pixel at the end", () => {
  const options = { size: 4, crop: "center", flip: false } as const;
  const wide = chooseCut({ width: 9, height: 4 }, options, place);
  const tall = chooseCut({ width: 4, height: 10 }, options, place);
  assert.deepEqual([wide.left, wide.top, wide.flip, tall.left, tall.top, tall.flip], [2, 0, false, 0, 3, false]);
});

Deno.test("random squares reach every corner equally often, half of them mirrored, by seed, epoch and index alone", () => {
  const options = { size: 4, crop: "random", flip: true } as const;
  const draws = Array.from(
    { length: 6000 },
    (_, i) => chooseCut({ width: 6, height: 5 }, options, { seed: 1, epoch: i % 60, index: Math.floor(i / 60) }),
  );
  const counts = Object.entries(Object.groupBy(draws, ({ left, top, flip }) => `${left} ${top} ${flip}`));
  assert.equal(counts.length, 3 * 2 * 2);
  for (const [cut, found] of counts) assert.ok(Math.abs(found!.length - 500) < 100, `${cut}: ${found!.length}`);
  assert.deepEqual(chooseCut({ width: 6, height: 5 }, options, { seed: 1, epoch: 59, index: 99 }), draws[5999]);
});
