import assert from "node:assert/strict";
import { sha256, type WorkEvent } from "../../lib/base/mod.ts";
import { type LatentsHeader, listShards, loader } from "../../lib/data/mod.ts";
import { loadTensors, SafetensorsFile, tensorSources, writeSafetensors } from "../../lib/file/mod.ts";
import {
  AutoencoderKL,
  AutoencoderVQ,
  firstStageOf,
  type FirstStageOptions,
  IdentityFirstStage,
} from "../../lib/model/mod.ts";
import {
  decodeLatents,
  encode,
  type EncodeOptions,
  imagesOf,
  openDataset,
  picturesOf,
  saveFirstStage,
} from "../../lib/task/mod.ts";
import { Generator, inferenceMode, live, randn, scope, type Tensor } from "../../lib/tensor/mod.ts";
import {
  tinyCoder,
  tinyCodes,
  type Workshop,
  workshopTest,
  writeFirstStage,
  writePicture,
} from "../program/workshop.ts";

const stages: Record<string, FirstStageOptions> = {
  KL: tinyCoder,
  VQ: tinyCodes,
  identity: { imageChannels: 3 },
};

/** Files of three batches of four. */
function settings({ data, path }: Workshop, out = "latents"): EncodeOptions & { out: string; data: string } {
  return { out: path(out), data, size: 32, validation: 0.2, shard: 10, batchSize: 4 };
}

function headerIn(folder: string): LatentsHeader {
  return JSON.parse(Deno.readTextFileSync(`${folder}/latents.json`));
}

/** Every file of a folder but the lock, by its hash. */
function hashes(folder: string): Record<string, string> {
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => name !== ".lock").sort();
  return Object.fromEntries(names.map((name) => [name, sha256(Deno.readFileSync(`${folder}/${name}`))]));
}

for (const [name, options] of Object.entries(stages)) {
  workshopTest(`each image's row is its encoding, and that of its mirrored image: ${name}`, async (at) => {
    using generator = Generator.seeded(0);
    using stage = firstStageOf(options).initialise(generator);
    saveFirstStage(at.path("first.safetensors"), stage);
    const given = { ...settings(at), flip: true };
    await Array.fromAsync(encode(at.path("first.safetensors"), given));
    const header = headerIn(given.out);
    const dataset = await openDataset({ data: at.data, images: { validation: 0.2 } });
    for (const split of ["train", "validation"] as const) {
      const shards = listShards(given.out, split, header);
      const items = dataset[split].map(({ key }) => ({ key }));
      assert.deepEqual(shards.flatMap((shard) => shard.items), items);
      assert.equal(header.splits[split].images, items.length);
      assert.deepEqual(shards.map((shard) => shard.items.length), split === "train" ? [12, 12, 6] : [10]);
      const batches = loader(dataset[split], { batchSize: 4, size: 32, order: "file" });
      for (const { path } of shards) {
        using file = SafetensorsFile.open(path);
        const tensors = loadTensors(file);
        assert.deepEqual([...tensors.keys()].sort(), [...header.tensors].sort());
        const count = tensors.get(header.tensors[0]!)!.shape[0]!;
        for (let row = 0; row < count; row += 4) {
          const { value: batch } = await batches.next();
          if (batch === undefined) assert.fail("no batch");
          inferenceMode(() =>
            scope(() => {
              const images = imagesOf(batch, 32);
              const rows = (name: string) => tensors.get(name)!.narrow(0, row, batch.items.length);
              wantEncoding(stage, images, rows);
              wantEncoding(stage, images.flip([3]), (name) => rows(`flipped.${name}`));
            })
          );
        }
        for (const tensor of tensors.values()) tensor.dispose();
      }
      await batches.return();
    }
  });
}

/** Whether rows are what the first stage gives. */
function wantEncoding(stage: unknown, images: Tensor, rows: (name: string) => Tensor): void {
  if (stage instanceof AutoencoderKL) {
    const { mean, logvar } = stage.call(images);
    assert.ok(rows("mean").equal(mean) && rows("std").equal(logvar.mul(0.5).exp()));
  } else if (stage instanceof AutoencoderVQ) {
    const { indices } = stage.call(images);
    assert.ok(rows("latent").equal(stage.encode(images)) && rows("indices").to({ dtype: "int64" }).equal(indices));
  } else assert.ok(rows("latent").equal(images));
}

workshopTest("stopped after any image and called again, the files have the bytes of one call", async (at) => {
  writeFirstStage(at.path("first.safetensors"));
  const model = at.path("first.safetensors");
  await Array.fromAsync(encode(model, settings(at, "whole")));
  const whole = hashes(at.path("whole"));
  assert.deepEqual(Object.keys(whole), [
    "latents.json",
    "train-00000.safetensors",
    "train-00001.safetensors",
    "train-00002.safetensors",
    "validation-00000.safetensors",
  ]);
  for (const stops of [[1], [5, 3], [8], [11, 1]]) {
    const given = settings(at, `stopped-${stops}`);
    for (const stop of stops) {
      const last = await stopAfter(stop, (signal) => encode(model, { ...given, signal }));
      assert.match(last!.type === "note" ? last!.text : "", /^stopped/);
      assert.ok(Object.entries(hashes(given.out)).every(([name, hash]) => whole[name] === hash));
    }
    const last = (await Array.fromAsync(encode(model, given))).at(-1)!;
    assert.deepEqual(last.type === "done" && last.result, {
      out: given.out,
      images: { train: 30, validation: 10 },
    });
    assert.deepEqual(hashes(given.out), whole);
  }
  const again = await Array.fromAsync(encode(model, settings(at, "whole")));
  assert.deepEqual(again.map(({ type }) => type), ["note", "note", "done"]);
});

/** Runs until so many batches were encoded, then aborts; the last event. */
async function stopAfter(
  batches: number,
  start: (signal: AbortSignal) => AsyncGenerator<WorkEvent>,
): Promise<WorkEvent | undefined> {
  const controller = new AbortController();
  let last: WorkEvent | undefined;
  for await (const event of start(controller.signal)) {
    if (event.type === "progress" && --batches === 0) controller.abort();
    last = event;
  }
  return last;
}

workshopTest("whoever leaves after any event leaves no tensor, no partial file and no lock", async (at) => {
  writeFirstStage(at.path("first.safetensors"));
  const before = live();
  for (let count = 1; count < 16; count++) {
    let seen = 0;
    for await (const _ of encode(at.path("first.safetensors"), settings(at))) if (++seen === count) break;
    assert.equal(live(), before, `after event ${count}`);
  }
  const last = (await Array.fromAsync(encode(at.path("first.safetensors"), settings(at)))).at(-1);
  assert.equal(last?.type, "done");
});

workshopTest("parts and classes are chosen; labels and float16 are stored", async (at) => {
  writeFirstStage(at.path("first.safetensors"));
  for (const kind of ["cat", "dog", "owl"]) {
    Deno.mkdirSync(at.path("kinds", kind), { recursive: true });
    for (let i = 0; i < 3; i++) await writePicture(at.path("kinds", kind, `${i}.png`), i);
  }
  Deno.writeTextFileSync(at.path("kinds", "metadata.jsonl"), '{"file_name": "owl/1.png", "text": "an owl"}\n');
  const given = { ...settings(at), data: at.path("kinds"), classes: ["owl", "cat"], validation: 0 };
  await Array.fromAsync(encode(at.path("first.safetensors"), { ...given, splits: ["train"], dtype: "float16" }));
  const header = headerIn(given.out);
  assert.deepEqual([header.classes, header.dtype, header.shape], [["cat", "owl"], "float16", [3, 8, 8]]);
  const [shard] = listShards(given.out, "train", header);
  assert.deepEqual(shard!.items.map(({ label }) => label), [0, 0, 0, 1, 1, 1]);
  assert.deepEqual(shard!.items[4], { key: "owl/1.png", label: 1, caption: "an owl" });
  using file = SafetensorsFile.open(shard!.path);
  assert.deepEqual(file.entry("mean").dtype, "F16");
  assert.deepEqual(file.entry("std").shape, [6, 3, 8, 8]);
});

workshopTest("unreadable images are left out with a warning; the rest is whole and stays so", async (at) => {
  writeFirstStage(at.path("first.safetensors"));
  for (const name of ["00", "13", "38", "39"]) Deno.writeTextFileSync(`${at.data}/${name}.png`, "no picture");
  const given = { ...settings(at), validation: 0, shard: 4 };
  const stopped = await stopAfter(2, (signal) => encode(at.path("first.safetensors"), { ...given, signal }));
  assert.equal(stopped?.type, "note");
  const events = await Array.fromAsync(encode(at.path("first.safetensors"), given));
  const left = events.flatMap((event) => event.type === "warning" ? [event.text] : []);
  assert.equal(left.length, 3, left.join("\n")); // the first was told of before
  assert.match(left[0]!, /^left out .*13\.png: .*not a picture/);
  const shards = listShards(given.out, "train", headerIn(given.out));
  assert.deepEqual(shards.map(({ items }) => items.length), Array(9).fill(4));
  assert.deepEqual([shards[0]!.begin, shards.at(-1)!.end], [0, 40]);
  const again = await Array.fromAsync(encode(at.path("first.safetensors"), given));
  assert.deepEqual(again.map(({ type }) => type), ["note", "done"]);
});

workshopTest("a folder of other latents is refused with every difference, and one with a file missing", async (at) => {
  writeFirstStage(at.path("first.safetensors"));
  writeFirstStage(at.path("other.safetensors"), 1);
  const given = settings(at);
  await Array.fromAsync(encode(at.path("first.safetensors"), given));
  const refusals: [model: string, more: Partial<EncodeOptions>, message: RegExp][] = [
    ["other", {}, /other latents than these\n +model +found "[0-9a-f]{64}" +wanted "[0-9a-f]{64}"\nEncode into/],
    [
      "first",
      { size: 16, flip: true },
      /tensors +found \["mean","std"\][^]*shape +found[^]*size +found 32 +wanted 16\n/,
    ],
    ["first", { dtype: "float16" }, /these\n +dtype +found "float32" +wanted "float16"\nEncode/],
    ["first", { validation: 0 }, /these\n +train +found {"images":30,[^]*validation +found {"images":10,/],
  ];
  for (const [model, more, message] of refusals) {
    const refused = Array.fromAsync(encode(at.path(`${model}.safetensors`), { ...given, ...more }));
    await assert.rejects(refused, { code: "usage.other_latents", message });
  }
  await assert.rejects(Array.fromAsync(encode(at.path("first.safetensors"), { ...given, size: 30 })), {
    code: "usage.size",
    message: /multiple of its factor 4/,
  });
  Deno.removeSync(`${given.out}/train-00001.safetensors`);
  await assert.rejects(Array.fromAsync(encode(at.path("first.safetensors"), given)), {
    code: "latents.shard",
    message: /train-00002\.safetensors does not go with[^]*found +images from 24 on[^]*wanted +images from 12 on/,
  });
  Deno.writeTextFileSync(`${given.out}/latents.json`, "{");
  await assert.rejects(Array.fromAsync(encode(at.path("first.safetensors"), given)), { code: "latents.header" });
});

workshopTest("what was encoded is decoded: files of one part, one latent, other types", async (at) => {
  using generator = Generator.seeded(0);
  using identity = new IdentityFirstStage({ imageChannels: 3 });
  saveFirstStage(at.path("identity.safetensors"), identity);
  const given = settings(at);
  await Array.fromAsync(encode(at.path("identity.safetensors"), given));
  const events = await Array.fromAsync(decodeLatents(identity, [`${given.out}/validation-00000.safetensors`]));
  const made = events.filter((event) => event.type === "picture");
  assert.deepEqual(made.map(({ name }) => name), Array.from({ length: 10 }, (_, i) => `validation-00000-${i}`));
  const { validation } = await openDataset({ data: at.data, images: { validation: 0.2 } });
  for await (const batch of loader(validation, { batchSize: 10, size: 32, order: "file" })) {
    assert.deepEqual(made.map(({ picture }) => picture), scope(() => picturesOf(imagesOf(batch, 32))));
  }

  using z = randn([3, 4, 6], { generator });
  using half = z.to({ dtype: "bfloat16" });
  writeSafetensors(at.path("one.safetensors"), tensorSources(new Map([["mean", half]])));
  const [one] = (await Array.fromAsync(decodeLatents(identity, [at.path("one.safetensors")])))
    .filter((event) => event.type === "picture");
  assert.equal(one!.name, "one");
  assert.deepEqual(one!.picture, scope(() => picturesOf(half)[0]!));
});

workshopTest("files without latents, and those of another first stage, are refused by name", async (at) => {
  using generator = Generator.seeded(0);
  using identity = new IdentityFirstStage({ imageChannels: 3 });
  using z = randn([1, 4, 6, 6], { generator });
  writeSafetensors(at.path("four.safetensors"), tensorSources(new Map([["latent", z]])));
  writeSafetensors(at.path("none.safetensors"), tensorSources(new Map([["x", z]])));
  const decode = (name: string) => Array.fromAsync(decodeLatents(identity, [at.path(name)]));
  await assert.rejects(decode("four.safetensors"), {
    code: "latent.shape",
    message: /four\.safetensors\n +found +latent \[1, 4, 6, 6\]\n +wanted +\[N, 3, h, w\] or \[3, h, w\]/,
  });
  await assert.rejects(decode("none.safetensors"), { code: "file.tensor", message: /no latents\n +found +x\n/ });
  await assert.rejects(decode("missing.safetensors"), { code: "file.missing" });
});
