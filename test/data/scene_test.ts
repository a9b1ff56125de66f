import assert from "node:assert/strict";
import { join } from "@std/path";
import { LatentError, type WorkEvent } from "../../lib/base/mod.ts";
import { coco, fetchEmoji, loader, withLabelMaps, writeScenes, type WriteScenesOptions } from "../../lib/data/mod.ts";
import { chooseScene, drawScene, objectSides, type Scene, spriteOf } from "../../lib/data/scene.ts";
import { decodeImage, decodeIndexMap, encodePng } from "../../lib/image/mod.ts";

/** A square of one colour, transparent but for a rectangle (left, top, right, bottom). */
function tile(size: number, color: [number, number, number], [x0, y0, x1, y1]: number[], alpha = 255) {
  const data = new Uint8ClampedArray(size * size * 4);
  for (let y = y0!; y < y1!; y++) for (let x = x0!; x < x1!; x++) data.set([...color, alpha], 4 * (y * size + x));
  return { width: size, height: size, data };
}

Deno.test("boxes are tight around what is not transparent, hidden or not; a map shows what is in front", () => {
  const sprites = [
    tile(8, [255, 0, 0], [1, 2, 7, 8]),
    tile(8, [0, 0, 255], [0, 0, 8, 4], 100),
    tile(8, [9, 9, 9], [0, 0, 5, 5]),
  ];
  const scene: Scene = {
    size: 16,
    background: { color: [100, 110, 120] },
    objects: [
      { sprite: 0, left: 0, top: 0, size: 8 },
      { sprite: 2, left: 4, top: 4, size: 8 },
      { sprite: 1, left: 8, top: 0, size: 8 },
    ],
  };
  const drawn = drawScene(scene, scene.objects.map(({ sprite }) => spriteOf(sprites[sprite]!, 8)));
  assert.deepEqual(drawn.objects, [
    { box: [1, 2, 6, 6], area: 36 - 3 * 4 },
    { box: [4, 4, 5, 5], area: 25 },
    { box: [8, 0, 8, 4], area: 0 }, // nowhere opaque by half
  ]);
  const at = (x: number, y: number) => [...drawn.picture.data.subarray(4 * (16 * y + x), 4 * (16 * y + x) + 4)];
  assert.deepEqual([at(0, 0), at(1, 2), at(5, 5)], [[100, 110, 120, 255], [255, 0, 0, 255], [9, 9, 9, 255]]);
  const mixed = [100 * 155 / 255, 110 * 155 / 255, 120 * 155 / 255 + 100];
  at(10, 1).slice(0, 3).forEach((value, i) => assert.ok(Math.abs(value - mixed[i]!) <= 1));
  assert.deepEqual([drawn.map[0], drawn.map[2 * 16 + 1], drawn.map[5 * 16 + 5], drawn.map[10]], [0, 1, 2, 0]);
});

Deno.test("scenes have the objects that were asked for, whole, and none hides more than three tenths of another", () => {
  const counts = new Map<number, number>();
  let photos = 0;
  for (let index = 0; index < 1000; index++) {
    const scene = chooseScene({ sprites: 50, photos: 7, size: 64, objects: [1, 5] }, { seed: 4, index });
    counts.set(scene.objects.length, (counts.get(scene.objects.length) ?? 0) + 1);
    photos += Number("photo" in scene.background);
    for (const [i, { left, top, size, sprite }] of scene.objects.entries()) {
      assert.ok(left >= 0 && top >= 0 && left + size <= 64 && top + size <= 64 && sprite < 50);
      assert.ok(size >= Math.round(objectSides.least * 64) && size <= Math.round(objectSides.most * 64));
      for (const later of scene.objects.slice(i + 1)) {
        const along = (a: number, b: number) => Math.max(0, Math.min(a + size, b + later.size) - Math.max(a, b));
        assert.ok(along(left, later.left) * along(top, later.top) <= 0.3 * size * size);
      }
    }
  }
  assert.deepEqual([...counts.keys()].sort(), [1, 2, 3, 4, 5]);
  assert.ok(photos > 440 && photos < 560 && counts.get(1)! > 150 && counts.get(5)! > 100, `${[...counts]} ${photos}`);
});

async function withScenes(
  options: Partial<WriteScenesOptions>,
  use: (folder: string, events: WorkEvent[], photos: string) => Promise<void>,
): Promise<void> {
  await Array.fromAsync(fetchEmoji());
  const folder = await Deno.makeTempDir();
  try {
    const photos = join(folder, "photos");
    await Deno.mkdir(photos);
    const shades = {
      width: 40,
      height: 30,
      data: new Uint8ClampedArray(4800).map((_, i) => i % 4 === 3 ? 255 : i % 160),
    };
    await Deno.writeFile(join(photos, "shades.png"), await encodePng(shades));
    const scenes = join(folder, "scenes");
    const events = await Array.fromAsync(
      writeScenes(scenes, { count: 12, size: 32, validation: 0.25, backgrounds: photos, ...options }),
    );
    await use(scenes, events, photos);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function bytesIn(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) Object.assign(found, await bytesIn(path));
    else found[path.split("/scenes")[1]!] = (await Deno.readFile(path)).toHex();
  }
  return found;
}

Deno.test("written scenes are read as COCO and label maps, and the loader cuts them alike", async () => {
  await withScenes({}, async (folder, events) => {
    assert.deepEqual(events.slice(-2).map(({ type }) => type), ["file", "done"]);
    assert.equal(events.filter(({ type }) => type === "progress").length, 12);
    const set = await withLabelMaps(await coco(folder, { minObjects: 1 }), join(folder, "maps"));
    assert.deepEqual([set.train.length, set.validation.length], [9, 3]);
    const names = (await Deno.readTextFile(join(folder, "classes.txt"))).trim().split("\n");
    assert.deepEqual(names, ["background", ...set.classes]);
    assert.ok(set.classes.includes("animal-mammal") && set.classes.length > 80);
    for (const { boxes, map, path } of [...set.train, ...set.validation]) {
      const { width, data } = await decodeIndexMap(await Deno.readFile(map!));
      assert.equal((await decodeImage(await Deno.readFile(path))).width, width);
      const held = new Set(boxes.map((one) => one.class + 1));
      data.forEach((number, i) => {
        if (number === 0) return;
        assert.ok(held.has(number));
        const [x, y] = [(i % 32 + 0.5) / 32, (Math.floor(i / 32) + 0.5) / 32];
        const inside = boxes.some(({ class: one, box: [left, top, w, h] }) =>
          one + 1 === number && x > left && x < left + w && y > top && y < top + h
        );
        assert.ok(inside, "a pixel of a class lies in a box of it");
      });
    }
    for await (const { images, maps, items, cuts } of loader(set.train, { batchSize: 4, size: 32, flip: true })) {
      assert.deepEqual([images.length, maps!.length, items.length, cuts.length], [4 * 3072, 4096, 4, 4]);
      break;
    }
  });
});

Deno.test("the same seed writes the same files, another other ones", async () => {
  const files: Record<string, string>[] = [];
  for (const seed of [1, 1, 2]) {
    await withScenes({ seed, count: 4 }, async (folder) => void files.push(await bytesIn(folder)));
  }
  assert.deepEqual(files[0], files[1]);
  assert.deepEqual(Object.keys(files[0]!).sort(), Object.keys(files[2]!).sort());
  assert.notDeepEqual(files[0], files[2]);
});

Deno.test("a folder that is there is left alone, and an abort leaves nothing", async () => {
  await withScenes({ count: 2 }, async (folder, _, photos) => {
    const again = Array.fromAsync(writeScenes(folder, { count: 1, size: 16 }));
    await assert.rejects(again, (error) => error instanceof LatentError && error.code === "file.exists");
    const abort = new AbortController();
    const other = join(photos, "../other");
    const work = async () => {
      for await (const event of writeScenes(other, { count: 9, size: 16, signal: abort.signal })) {
        if (event.type === "progress" && event.done === 3) abort.abort(new Error("enough"));
      }
    };
    await assert.rejects(work(), /enough/);
    const left = Array.from(Deno.readDirSync(join(photos, "..")), ({ name }) => name).sort();
    assert.deepEqual(left, ["photos", "scenes"]);
  });
});
