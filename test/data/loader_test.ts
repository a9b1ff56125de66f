import assert from "node:assert/strict";
import { join } from "@std/path";
import { LatentError, sha256 } from "../../lib/base/mod.ts";
import { type Batch, imageFolder, type Item, loader, type LoaderOptions, type Skipped } from "../../lib/data/mod.ts";
import { encodePng } from "../../lib/image/mod.ts";

/** A picture of one colour, but for a white column on its left. */
function plain(width: number, height: number, color: [number, number, number, number]) {
  const data = new Uint8ClampedArray(width * height * 4);
  for (let i = 0; i < width * height; i++) data.set(i % width === 0 ? [255, 255, 255, 255] : color, i * 4);
  return { width, height, data };
}

/** Runs `use` with a set of 20 pictures of 12×8 whose red is their number, of which `broken` are no pictures. */
async function withPictures(use: (items: Item[], folder: string) => Promise<void>, broken: number[] = []) {
  const folder = await Deno.makeTempDir();
  try {
    for (let i = 0; i < 20; i++) {
      const bytes = broken.includes(i) ? new Uint8Array([1, 2, 3]) : await encodePng(plain(12, 8, [i, 100, 200, 255]));
      await Deno.writeFile(join(folder, `${String(i).padStart(2, "0")}.png`), bytes);
    }
    await use((await imageFolder(folder, { validation: 0 })).train, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const base: LoaderOptions = { batchSize: 6, size: 8, seed: 11, crop: "random", flip: true, workers: 1 };

/** The first `count` batches, or all of them. */
async function take(items: Item[], options: LoaderOptions, count = Infinity): Promise<Batch[]> {
  const batches: Batch[] = [];
  if (count === 0) return batches;
  for await (const batch of loader(items, options)) if (batches.push(batch) === count) break;
  return batches;
}

/** A batch as it can be compared. */
function summary({ images, items, position }: Batch) {
  return { hash: sha256(images), keys: items.map((item) => item.key), position };
}

Deno.test("what comes out is the same for any number of workers, any cache and from any place of resuming", async () => {
  await withPictures(async (items) => {
    const whole = (await take(items, base, 9)).map(summary); // 54 samples: into the third epoch
    for (const other of [{ workers: 3 }, { cacheBytes: 0 }, { cacheBytes: 1000 }]) {
      assert.deepEqual((await take(items, { ...base, ...other }, 9)).map(summary), whole);
    }
    const rest = await take(items, { ...base, workers: 3, position: whole[3]!.position }, 5);
    assert.deepEqual(rest.map(summary), whole.slice(4));
    const other = (await take(items, { ...base, seed: 12 }, 1)).map(summary);
    assert.notDeepEqual(other[0]!.keys, whole[0]!.keys);
  });
});

Deno.test("every batch is full and every epoch has every item once", async () => {
  await withPictures(async (items) => {
    const batches = await take(items, base, 10);
    assert.ok(batches.every((batch) => batch.items.length === 6 && batch.images.length === 6 * 8 * 8 * 3));
    assert.deepEqual(batches.map((batch) => batch.position), batches.map((_, i) => 6 * (i + 1)));
    const keys = batches.flatMap((batch) => batch.items.map((item) => item.key));
    for (const epoch of [0, 1, 2]) assert.equal(new Set(keys.slice(epoch * 20, epoch * 20 + 20)).size, 20);
  });
});

Deno.test("images are the items' pixels, rows of r g b", async () => {
  await withPictures(async (items) => {
    const [batch] = await take(items, { ...base, crop: "center", flip: false }, 1);
    for (const [i, item] of batch!.items.entries()) {
      const pixels = batch!.images.subarray(i * 192, (i + 1) * 192);
      assert.deepEqual([...pixels], Array(64).fill([Number(item.key.slice(0, 2)), 100, 200]).flat());
    }
  });
});

Deno.test("file order is one pass, its last batch the rest", async () => {
  await withPictures(async (items) => {
    const batches = await take(items, { ...base, order: "file" });
    assert.deepEqual(batches.map((batch) => batch.items.length), [6, 6, 6, 2]);
    assert.deepEqual(batches.map((batch) => batch.images.length / 192), [6, 6, 6, 2]);
    assert.deepEqual(batches.flatMap((batch) => batch.items), items);
    assert.equal(batches.at(-1)!.position, 20);
  });
});

Deno.test("transparent pictures are laid on the background, shorter sides resized", async () => {
  await withPictures(async (_, folder) => {
    const path = join(folder, "clear.png");
    await Deno.writeFile(path, await encodePng({ width: 6, height: 10, data: new Uint8ClampedArray(240) }));
    const items = [{ key: "clear.png", path }];
    const [white] = await take(items, { ...base, batchSize: 1, size: 4 }, 1);
    assert.deepEqual([...white!.images], Array(48).fill(255));
    const [red] = await take(items, { ...base, batchSize: 1, size: 4, resize: 5, background: [255, 0, 9] }, 1);
    assert.deepEqual([...red!.images], Array(16).fill([255, 0, 9]).flat());
    const random = { ...base, batchSize: 1, size: 4, background: "random" as const };
    const colours = (await take(items, random, 20)).map(({ images }) => String([...images.slice(0, 3)]));
    assert.deepEqual(new Set(colours).size, 20);
    assert.deepEqual(
      [...(await take(items, { ...random, position: 19, cacheBytes: 0 }, 1))[0]!.images.slice(3, 6)].join(),
      colours[19],
    );
  });
});

Deno.test("unreadable files are skipped, counted and named once, the next sample in their place", async () => {
  await withPictures(async (items, folder) => {
    await Deno.remove(join(folder, "07.png"));
    const reports: Skipped[] = [];
    const options = { ...base, maxSkipped: 0.2, onSkip: (skipped: Skipped) => reports.push(skipped) };
    const batches = await take(items, options, 9);
    assert.deepEqual(reports.map(({ path }) => path.slice(-6)).sort(), ["03.png", "07.png", "16.png"]);
    assert.deepEqual(reports.map(({ count }) => count), [1, 2, 3]);
    assert.match(reports.find(({ path }) => path.endsWith("03.png"))!.reason, /not a picture/);
    assert.ok(batches.every((batch) => batch.items.length === 6));
    const again = await take(items, { ...base, maxSkipped: 0.2, workers: 2, position: batches[2]!.position }, 6);
    assert.deepEqual(again.map(summary), batches.slice(3).map(summary));
  }, [3, 16]);
});

Deno.test("files over the size limit are skipped", async () => {
  await withPictures(async (items, folder) => {
    await Deno.truncate(join(folder, "05.png"), 3000);
    const reports: Skipped[] = [];
    await take(items, { ...base, maxFileBytes: 2000, onSkip: (skipped) => reports.push(skipped) }, 4);
    assert.deepEqual(reports.map(({ reason }) => /3000 bytes/.test(reason)), [true]);
  });
});

for (const [broken, maxSkipped] of [[[1, 2, 3], 0.1], [[...Array(20).keys()], 1]] as const) {
  Deno.test(`${broken.length} unreadable files of 20 are too many for a limit of ${maxSkipped}`, async () => {
    await withPictures(async (items) => {
      await assert.rejects(take(items, { ...base, maxSkipped }, 9), (error) => {
        assert.ok(error instanceof LatentError && error.code === "data.skipped");
        assert.match(error.message, new RegExp(`^${broken.length} of 20 images`));
        return true;
      });
    }, [...broken]);
  });
}

Deno.test("an aborted signal ends the iteration with its reason, before, while and after decoding", async () => {
  await withPictures(async (items) => {
    await assert.rejects(take(items, { ...base, signal: AbortSignal.abort(new Error("before")) }), /before/);
    const controller = new AbortController();
    const batches = loader(items, { ...base, signal: controller.signal });
    const first = batches.next();
    controller.abort(new Error("while"));
    await assert.rejects(first, /while/);
    const later = new AbortController();
    const others = loader(items, { ...base, signal: later.signal });
    for (let i = 0; i < 8; i++) await others.next(); // all is in memory
    later.abort(new Error("after"));
    await assert.rejects(others.next(), /after/);
  });
});

const impossible: [string, Partial<LoaderOptions>, RegExp][] = [
  ["no batch", { batchSize: 0 }, /batchSize +found 0 /],
  ["half a pixel", { size: 1.5 }, /size +found 1.5/],
  ["pictures smaller than the crop", { resize: 7 }, /resize +found 7 +wanted .* 8/],
  ["a place before the beginning", { position: -1 }, /position +found -1/],
  ["no workers", { workers: 0 }, /workers/],
];

for (const [name, options, message] of impossible) {
  Deno.test(`a loader with ${name} is refused`, async () => {
    await assert.rejects(take([{ key: "a", path: "a" }], { ...base, ...options }), (error) => {
      assert.ok(error instanceof LatentError && error.code === "config.loader");
      assert.match(error.message, message);
      return true;
    });
  });
}

Deno.test("a loader of nothing is refused", async () => {
  await assert.rejects(take([], base), (error) => error instanceof LatentError && error.code === "data.empty");
});
