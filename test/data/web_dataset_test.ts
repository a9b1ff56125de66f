import assert from "node:assert/strict";
import { join } from "@std/path";
import { LatentError } from "../../lib/base/mod.ts";
import { type Dataset, type Item, loader, webDataset, type WebDatasetOptions } from "../../lib/data/mod.ts";
import { shardItems } from "../../lib/data/web_dataset.ts";
import { encodePng } from "../../lib/image/mod.ts";
import { type Files, refusal, spoilt, withFolder } from "./folders.ts";
import { endMark, entry, joined } from "./tars.ts";

/** A picture of 2×2 pixels of one red. */
const png = (red: number) =>
  encodePng({ width: 2, height: 2, data: new Uint8ClampedArray([1, 2, 3, 4].flatMap(() => [red, 0, 0, 255])) });

/** A shard of whole samples with captions. */
async function shard(from: number, to: number): Promise<Uint8Array> {
  const samples = Array.from({ length: to - from }, async (_, i) => [
    entry(`${from + i}.png`, await png(from + i)),
    entry(`${from + i}.txt`, ` picture ${from + i}\n`),
  ]);
  return joined(...(await Promise.all(samples)).flat(), endMark);
}

const all: WebDatasetOptions = { validation: 0 };

function read(files: Files, options: WebDatasetOptions = all): Promise<Dataset> {
  return withFolder(files, (folder) => webDataset(folder, options));
}

/** What items say of themselves. */
const said = (items: Item[]) => items.map(({ key, caption, label }) => [key, caption, label]);

Deno.test("the samples of all shards are read with what belongs to them", async () => {
  const members = [
    entry("./", "", { type: "5" }),
    entry("deep/a.PNG", "x"),
    entry("deep/a.cls", "7\n"),
    entry("deep/a.json", '{"caption": "from json", "text": "no"}'),
    entry("deep/b.json", '{"text": "b"}'),
    entry("deep/b.seg.png", "s"),
    entry("deep/b.jpg", "y"),
    entry("c.txt", "without a picture"),
    entry("d.webp", "z"),
    entry("d.txt", ""),
    endMark,
  ];
  const { classes, train } = await read({ "1.tar": await shard(0, 2), "0.tar": joined(...members), "x.txt": "" });
  assert.deepEqual(said(train), [
    ["0.tar/deep/a", "from json", 7],
    ["0.tar/deep/b", "b", undefined],
    ["0.tar/d", "", undefined],
    ["1.tar/0", "picture 0", undefined],
    ["1.tar/1", "picture 1", undefined],
  ]);
  assert.deepEqual(classes, ["0", "1", "2", "3", "4", "5", "6", "7"]);
});

Deno.test("pictures are read where they lie, by several workers, in the order of seed, epoch and position", async () => {
  await withFolder({ "0.tar": await shard(0, 20), "1.tar": await shard(20, 25) }, async (folder) => {
    const { train } = await webDataset(folder, all);
    for (const workers of [1, 2]) {
      const options = { batchSize: 25, size: 2, seed: 3, workers };
      for await (const { images, items } of loader(train, options)) {
        assert.deepEqual(Array.from(items, (_, i) => `picture ${images[12 * i]}`), items.map((item) => item.caption));
        assert.equal(new Set(items).size, 25);
        break;
      }
    }
  });
});

const longName = `${"folder/".repeat(30)}name.jpg`;
const pax = (record: string) => `${record.length + 4} ${record}\n`;

const formats: [string, Uint8Array[], string][] = [
  ["GNU's long names", [entry("././@LongLink", `${longName}\0`, { type: "L" }), entry("cut", "x")], longName],
  ["pax's long names", [entry("p", pax(`path=${longName}`), { type: "x" }), entry("cut", "x")], longName],
  ["pax's sizes", [entry("p", pax("size=1"), { type: "x" }), entry("a.jpg", "x", { size: "00000000000" })], "a.jpg"],
  ["a prefix", [entry("b.jpg", "x", { prefix: "a" })], "a/b.jpg"],
  ["pax's global headers", [entry("p", pax("comment=x"), { type: "g" }), entry("a.jpg", "x")], "a.jpg"],
  ["archives behind one another", [entry("c.txt", "x"), endMark, entry("a.jpg", "x")], "a.jpg"],
];

for (const [name, entries, member] of formats) {
  Deno.test(`shards may have ${name}`, async () => {
    const { train } = await read({ "s.tar": joined(...entries, endMark) });
    assert.deepEqual(said(train), [[`s.tar/${member.replace(".jpg", "")}`, undefined, undefined]]);
    assert.equal((train[0]!.part as { bytes: number }).bytes, 1);
  });
}

Deno.test("a shard cut short anywhere is refused; the whole samples before it are counted, and used if asked for", async () => {
  const whole = await shard(0, 3); // 3 samples of 4 blocks, 2 of them headers
  for (const [length, samples] of [[0, 0], [1, 0], [700, 0], [2048, 0], [3000, 1], [4096, 1], [6144, 2]] as const) {
    await withFolder({ "0.tar": await shard(7, 9), "cut.tar": whole.slice(0, length) }, async (folder) => {
      const error = await refusal(webDataset(folder, all));
      assert.equal(error.code, "data.archive");
      assert.match(error.message, new RegExp(`cut\\.tar is cut short\n.*byte ${length}.*; ${samples} whole samples`));
      const told: LatentError[] = [];
      const { train } = await webDataset(folder, { ...all, onCutShort: (error) => told.push(error) });
      assert.deepEqual([told.length, train.length], [1, 2 + samples]);
    });
  }
});

Deno.test("the samples before the place where a shard is cut come out before the error", async () => {
  await withFolder({ "cut.tar": (await shard(0, 3)).slice(0, 5000) }, (folder) => {
    const items = shardItems(join(folder, "cut.tar"));
    assert.equal(items.next().value!.caption, "picture 0");
    assert.equal(items.next().value!.caption, "picture 1");
    assert.throws(() => items.next(), { code: "data.archive" });
  });
});

const wrong: [string, Files, string, RegExp][] = [
  ["no shards", { "a.tar.gz": "" }, "data.missing", /not compressed/],
  ["no pictures", { "a.tar": joined(entry("a.txt", "x"), endMark) }, "data.empty", /1 shards/],
  ["a text for a shard", { "a.tar": "x".repeat(2000) }, "data.archive", /damaged\n.*byte 0/],
  [
    "JSON that is none",
    { "a.tar": joined(entry("a.jpg", ""), entry("a.json", "{"), endMark) },
    "data.metadata",
    /a\.json/,
  ],
  [
    "a class that is no number",
    { "a.tar": joined(entry("a.jpg", ""), entry("a.cls", "cat"), endMark) },
    "data.metadata",
    /"cat"/,
  ],
  [
    "a class beyond all",
    { "a.tar": joined(entry("a.jpg", ""), entry("a.cls", "9999999"), endMark) },
    "data.metadata",
    /9999999/,
  ],
  [
    "a caption of megabytes",
    { "a.tar": joined(entry("a.jpg", ""), entry("a.txt", new Uint8Array(2 ** 20 + 1)), endMark) },
    "data.metadata",
    /at most/,
  ],
];

for (const [name, files, code, message] of wrong) {
  Deno.test(`a WebDataset with ${name} is refused`, async () => {
    const error = await refusal(read(files));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
  });
}

Deno.test("what members are called leads nowhere, and __proto__ is a name like others", async () => {
  const json = '{"__proto__": {"caption": "evil"}}';
  const names = ["../../up", "/etc/root", "__proto__"];
  const members = names.flatMap((name) => [entry(`${name}.png`, "x"), entry(`${name}.json`, json)]);
  await withFolder({ "a.tar": joined(...members, endMark) }, async (folder) => {
    const { train } = await webDataset(folder, all);
    assert.deepEqual(said(train), names.map((name) => [`a.tar/${name}`, undefined, undefined]));
    assert.ok(train.every(({ path }) => path === join(folder, "a.tar")));
  });
});

Deno.test("spoilt shards give samples within the file or an error, never anything else", async () => {
  for (const bytes of spoilt(await shard(0, 3), 60)) {
    await withFolder({ "a.tar": bytes }, async (folder) => {
      try {
        for (const { part } of (await webDataset(folder, all)).train) {
          const { offset, bytes: length } = part as { offset: number; bytes: number };
          assert.ok(offset >= 512 && offset + length <= bytes.length);
        }
      } catch (error) {
        assert.ok(error instanceof LatentError, String(error));
      }
    });
  }
});
