import assert from "node:assert/strict";
import { fromFileUrl } from "@std/path";
import { LatentError } from "../../lib/base/mod.ts";
import { type Dataset, loader, parquet, type ParquetOptions } from "../../lib/data/mod.ts";
import { groupAt, openParquet, readCell } from "../../lib/data/parquet_cell.ts";
import { refusal, spoilt, withFolder } from "./folders.ts";

const fixture = (name: string) => fromFileUrl(new URL(`../fixtures/parquet/${name}.parquet`, import.meta.url));

/** Picture i is of red i. */
async function reds({ train }: Dataset, order: "file" | "shuffled", workers = 1) {
  const skipped: string[] = [];
  const onSkip = ({ reason }: { reason: string }) => skipped.push(reason);
  const options = { batchSize: 9, size: 2, order, workers, maxSkipped: 0.2, onSkip };
  for await (const { images, items } of loader(train, options)) {
    return { reds: items.map((_, i) => images[12 * i]), keys: items.map((item) => item.key), skipped };
  }
}

for (const codec of ["none", "snappy", "gzip", "brotli", "zstd"]) {
  Deno.test(`img2dataset's Parquet is read, compressed with ${codec}`, async () => {
    const set = await parquet(fixture(codec), { validation: 0 });
    assert.deepEqual(set.classes, []);
    assert.deepEqual(
      set.train.map(({ key, caption }) => [key, caption]),
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((i) => [
        `${codec}.parquet/${i}`,
        i === 3 ? undefined : `picture ${i}`,
      ]),
    );
    const found = await reds(set, "file");
    assert.deepEqual(found?.reds, [0, 1, 2, 3, 4, 5, 6, 8, 9]);
    assert.match(found!.skipped.join(), /^row 7 of .* holds no picture/);
  });
}

Deno.test("Hugging Face's Parquet is read with its classes, in any order by any number of workers", async () => {
  const set = await parquet(fixture("hugging_face"), { validation: 0 });
  assert.deepEqual(set.classes, ["cat", "dog"]);
  assert.deepEqual(set.train.map(({ label }) => label), [0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
  for (const workers of [1, 3]) {
    const found = await reds(set, "shuffled", workers);
    assert.deepEqual(found?.keys, found?.reds.map((red) => `hugging_face.parquet/${red}`));
  }
});

Deno.test("the files of a folder follow one another, and a split is by file and row", async () => {
  const files = {
    "b.parquet": await Deno.readFile(fixture("snappy")),
    "a.parquet": await Deno.readFile(fixture("none")),
  };
  await withFolder(files, async (folder) => {
    const { train, validation } = await parquet(folder, { validation: 0.3 });
    assert.equal(train.length + validation.length, 20);
    assert.ok(validation.length > 0 && validation.length < 12);
    assert.deepEqual(train.map(({ key }) => key), train.map(({ key }) => key).sort());
  });
});

Deno.test("columns may be named", async () => {
  const { train } = await parquet(fixture("none"), { validation: 0, columns: { image: "jpg", caption: "key" } });
  assert.equal(train[5]!.caption, "000000005");
});

const wrong: [string, string, ParquetOptions, string, RegExp][] = [
  ["a codec that isn't known", fixture("lz4"), {}, "data.archive", /LZ4.*\n.*snappy/],
  ["no such column", fixture("none"), { columns: { image: "picture" } }, "data.missing", /caption \(BYTE_ARRAY\), key/],
  ["a text for a label", fixture("none"), { columns: { label: "key" } }, "data.missing", /for the label/],
  ["no file", "/nowhere/at/all", {}, "data.missing", /no Parquet files/],
];

for (const [name, path, options, code, message] of wrong) {
  Deno.test(`Parquet with ${name} is refused`, async () => {
    const error = await refusal(parquet(path, options));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
  });
}

Deno.test("row groups too large to decode are refused, with how to write smaller ones", async () => {
  using file = await openParquet(fixture("none"));
  for (const { meta_data } of file.metadata.row_groups[1]!.columns) meta_data!.total_uncompressed_size = 2n ** 30n;
  assert.deepEqual(groupAt(file, "jpg", 3), { start: 0, end: 4 });
  assert.throws(() => groupAt(file, "jpg", 4), { code: "data.large", message: /4 rows.*row_group_size=100/s });
});

Deno.test("a cell larger than a picture may be is refused", async () => {
  await assert.rejects(readCell(fixture("none"), { column: "jpg", row: 0 }, 10), { message: /holds no picture/ });
  await assert.rejects(readCell(fixture("none"), { column: "jpg", row: 10 }, 1000), { message: /no row 10 of 10/ });
});

Deno.test("spoilt Parquet files give rows or an error, never anything else", async () => {
  for (const codec of ["none", "snappy", "zstd"]) {
    for (const bytes of spoilt(await Deno.readFile(fixture(codec)), 40)) {
      await withFolder({ "a.parquet": bytes }, async (folder) => {
        try {
          const { train } = await parquet(folder, { validation: 0 });
          for (const { path, part } of train.slice(0, 20)) {
            await readCell(path, part as { column: string; row: number }, 1e6);
          }
        } catch (error) {
          assert.ok(error instanceof LatentError, String(error));
        }
      });
    }
  }
});
