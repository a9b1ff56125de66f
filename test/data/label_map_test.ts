import assert from "node:assert/strict";
import { dirname, join } from "@std/path";
import { LatentError } from "../../lib/base/mod.ts";
import { imageFolder, labelChannels, loader, UNLABELLED, withLabelMaps } from "../../lib/data/mod.ts";
import { decodeIndexMap, encodeIndexMap, encodePng } from "../../lib/image/mod.ts";
import { leakFree } from "../leak.ts";

const refused = (code: string) => (error: unknown) => error instanceof LatentError && error.code === code;

/** Pictures of 24 × 16 whose red is 10 times the class that the map beside says; the class changes every 4 pixels. */
async function withMaps(use: (folders: { images: string; maps: string }) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [i, name] of ["one", "a/two", "a/three"].entries()) {
      const numbers = Uint8Array.from({ length: 24 * 16 }, (_, at) => (i + (at % 24 >> 2) + (at / 24 >> 2)) % 9);
      const data = new Uint8ClampedArray(numbers.length * 4).fill(255);
      numbers.forEach((number, at) => data[4 * at] = 10 * number);
      const [image, map] = [join(folder, "images", `${name}.png`), join(folder, "maps", `${name}.png`)];
      for (const path of [image, map]) await Deno.mkdir(dirname(path), { recursive: true });
      await Deno.writeFile(image, await encodePng({ width: 24, height: 16, data }));
      await Deno.writeFile(map, await encodeIndexMap({ width: 24, height: 16, data: numbers }));
    }
    await use({ images: join(folder, "images"), maps: join(folder, "maps") });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("label maps are cut and mirrored as their pictures are, for any number of workers", async () => {
  await withMaps(async ({ images, maps }) => {
    const { train } = await withLabelMaps(await imageFolder(images, { validation: 0 }), maps);
    const seen: string[] = [];
    for (const workers of [1, 2]) {
      const options = { batchSize: 2, size: 8, resize: 16, crop: "random", flip: true, seed: 3, workers } as const;
      let hash = "";
      let left = 6;
      for await (const { images, maps, cuts } of loader(train, options)) {
        assert.equal(maps?.length, 2 * 8 * 8);
        assert.deepEqual(Array.from(maps!, (number) => 10 * number), [...images].filter((_, i) => i % 3 === 0));
        hash += `${maps}${cuts.map(({ flip }) => flip)}`;
        if (--left === 0) break;
      }
      seen.push(hash);
    }
    assert.equal(seen[0], seen[1]);
    assert.ok(seen[0]!.includes("true") && seen[0]!.includes("false"));
  });
});

Deno.test("label maps are resized by the nearest pixel, and the last batch has as many as images", async () => {
  await withMaps(async ({ images, maps }) => {
    const { train } = await withLabelMaps(await imageFolder(images, { validation: 0 }), maps);
    const sizes: unknown[] = [];
    for await (const { images, maps } of loader(train, { batchSize: 2, size: 4, order: "file", filter: "area" })) {
      sizes.push([images.length, maps!.length]);
      assert.deepEqual(Array.from(maps!, (number) => 10 * number), [...images].filter((_, i) => i % 3 === 0));
    }
    assert.deepEqual(sizes, [[96, 32], [48, 16]]);
  });
});

Deno.test("a picture without a label map, and one of another size, are told", async () => {
  await withMaps(async ({ images, maps }) => {
    await Deno.remove(join(maps, "a/two.png"));
    const set = await imageFolder(images, { validation: 0 });
    await assert.rejects(withLabelMaps(set, maps), (error) => {
      assert.ok(refused("data.map")(error));
      assert.match(`${error}`, /a\/two\.png/);
      return true;
    });
    await Deno.writeFile(
      join(maps, "a/two.png"),
      await encodeIndexMap({ width: 2, height: 2, data: new Uint8Array(4) }),
    );
    const { train } = await withLabelMaps(set, maps);
    const reasons: string[] = [];
    const onSkip = ({ reason }: { reason: string }) => reasons.push(reason);
    for await (const _ of loader(train, { batchSize: 1, size: 4, order: "file", maxSkipped: 1, onSkip }));
    assert.equal(reasons.length, 1);
    assert.match(reasons[0]!, /2 × 2.*24 × 16/);
  });
});

Deno.test(
  "labels become channels; an unknown number is refused, the unlabelled have none",
  leakFree(() => {
    const maps = Uint8Array.from([0, 1, 2, UNLABELLED, 2, 2, 1, 0]);
    using channels = labelChannels(maps, [2, 2, 2], { classes: 3 });
    assert.deepEqual([channels.dtype, channels.shape], ["float32", [2, 3, 2, 2]]);
    // deno-fmt-ignore
    assert.deepEqual([...channels.data()], [
    1, 0, 0, 0,  0, 1, 0, 0,  0, 0, 1, 0,
    0, 0, 0, 1,  0, 0, 1, 0,  1, 1, 0, 0,
  ]);
    assert.throws(() => labelChannels(maps, [2, 2, 2], { classes: 2 }), refused("data.map"));
  }),
);

Deno.test("a map's file gives its numbers again; colours and other files are refused", async () => {
  const data = Uint8Array.from({ length: 256 }, (_, i) => i);
  const file = await encodeIndexMap({ width: 32, height: 8, data });
  assert.deepEqual(await decodeIndexMap(file), { width: 32, height: 8, data });
  const picture = await encodePng({ width: 1, height: 1, data: new Uint8ClampedArray([1, 2, 3, 255]) });
  for (const bytes of [picture, new Uint8Array([0xff, 0xd8, 0xff])]) {
    await assert.rejects(decodeIndexMap(bytes), refused("image.unsupported"));
  }
  await assert.rejects(decodeIndexMap(file.subarray(0, 60)), refused("image.truncated"));
});
