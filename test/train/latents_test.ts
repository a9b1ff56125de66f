import assert from "node:assert/strict";
import type { WorkEvent } from "../../lib/base/mod.ts";
import { encode, type EncodeOptions, saveFirstStage } from "../../lib/task/mod.ts";
import { firstStageOf, type FirstStageOptions } from "../../lib/model/mod.ts";
import { Generator, live } from "../../lib/tensor/mod.ts";
import { type DiffusionSettings, planDiffusion, trainDiffusion } from "../../lib/train/mod.ts";
import { merged, tinyCodes, tinyUnet, type Workshop, workshopTest, writeFirstStage } from "../program/workshop.ts";
import { lookOften, losses, stateOf } from "./bits.ts";

type Settings = Record<string, unknown> & { firstStage: string; latents: string };

/** Writes a first stage and the latents of the pictures; the settings of a training on them. */
async function prepared(
  { path, data }: Workshop,
  more: Partial<EncodeOptions> = {},
  stage?: FirstStageOptions,
): Promise<Settings> {
  if (stage === undefined) writeFirstStage(path("first.safetensors"));
  else {
    using generator = Generator.seeded(0);
    using network = firstStageOf(stage).initialise(generator);
    saveFirstStage(path("first.safetensors"), network);
  }
  const options = { data, size: 32, validation: 0.1, batchSize: 4, shard: 12, out: path("latents"), ...more };
  await Array.fromAsync(encode(path("first.safetensors"), options));
  const { data: _, size: __, ...settings } = tinyUnet(data, path("first.safetensors"));
  return { ...settings, latents: path("latents") };
}

workshopTest("a run on latents has the bits of one on the images that they were made of", async (at) => {
  const settings = merged(await prepared(at), lookOften);
  const { latents: _, ...images } = { ...settings, data: at.data, size: 32 };
  await Array.fromAsync(trainDiffusion(images, { out: at.path("images") }));
  await Array.fromAsync(trainDiffusion(settings, { out: at.path("run") }));
  assert.deepEqual(losses(at.path("run")), losses(at.path("images")));
  assert.deepEqual(stateOf(at.path("run")), stateOf(at.path("images")));
});

const flipped = { flip: true, dtype: "float16" } as const;

workshopTest(
  "a run on mirrored latents that was stopped and looked at has the bits of one that was not",
  async (at) => {
    const settings = merged(await prepared(at, flipped), { steps: 6, optimizer: { accumulate: 2 } });
    const [whole, parts] = [at.path("whole"), at.path("parts")];
    await Array.fromAsync(trainDiffusion(settings, { out: whole }));
    const looked = merged(settings, lookOften);
    await Array.fromAsync(trainDiffusion(merged(looked, { steps: 2 }), { out: parts }));
    await Deno.rename(at.path("latents"), at.path("moved"));
    const moved = { ...looked, latents: at.path("moved") };
    await Array.fromAsync(trainDiffusion(moved, { out: parts, resume: true }));
    assert.deepEqual(losses(parts), losses(whole));
    assert.deepEqual(stateOf(parts), stateOf(whole));
    assert.match(Deno.readTextFileSync(`${parts}/config.yaml`), /\ndata: pictures\nsize: 32\n[^]*flip: true\n/);

    const without = merged(await prepared(at, { out: at.path("plain") }), { steps: 6, optimizer: { accumulate: 2 } });
    await Array.fromAsync(trainDiffusion({ ...without, latents: at.path("plain") }, { out: at.path("plain-run") }));
    assert.notDeepEqual(losses(at.path("plain-run")), losses(whole));
  },
);

const others = { VQ: tinyCodes, identity: { imageChannels: 3 } };
for (const [name, stage] of Object.entries(others)) {
  workshopTest(`latents of every kind of first stage are learned: ${name}`, async (at) => {
    const settings = merged(await prepared(at, { splits: ["train"], shard: 100 }, stage), { steps: 1 });
    const events: WorkEvent[] = await Array.fromAsync(trainDiffusion(settings, { out: at.path("run") }));
    assert.equal(events.at(-1)!.type, "done");
    const [note] = events.flatMap((event) => event.type === "note" ? [event.text] : []);
    assert.match(note!, /images of pictures to train on and 0 to validate/);
  });
}

workshopTest("whoever leaves after any event leaves no tensor", async (at) => {
  const settings = merged(await prepared(at), { ...lookOften, steps: 1 });
  const before = live();
  const total = (await Array.fromAsync(trainDiffusion(settings, { out: at.path("all") }))).length;
  for (let count = 1; count < total; count++) {
    let seen = 0;
    for await (const _ of trainDiffusion(settings, { out: at.path(`left-${count}`) })) if (++seen === count) break;
    assert.equal(live(), before, `after event ${count} of ${total}`);
  }
});

workshopTest("latents of another first stage, unfinished ones and none are refused before any work", async (at) => {
  const settings = await prepared(at);
  const plan = await planDiffusion(settings, { out: at.path("run") });
  assert.deepEqual(plan.shapes, { images: [4, 3, 32, 32], latents: [4, 3, 8, 8] });
  writeFirstStage(at.path("other.safetensors"), 1);
  const train = (more: Partial<DiffusionSettings>) =>
    Array.fromAsync(trainDiffusion({ ...settings, ...more }, { out: at.path("run") }));
  await assert.rejects(train({ firstStage: at.path("other.safetensors") }), {
    code: "usage.other_model",
    message: /latents were encoded by another first stage than .*other\.safetensors\n +found +SHA-256 [0-9a-f]{64}\n/,
  });
  await assert.rejects(train({ latents: at.data }), {
    code: "data.missing",
    message: /pictures has no encoded images/,
  });
  const shards = [...Deno.readDirSync(at.path("latents"))].map(({ name }) => name).filter((name) => /train/.test(name));
  Deno.removeSync(at.path("latents", shards.sort().at(-1)!));
  await assert.rejects(train({}), {
    code: "latents.unfinished",
    message: /Not all images of train are encoded[^]*found +24 images\n +wanted +\d\d\n[^]*once more/,
  });
  assert.throws(() => Deno.statSync(at.path("run")), Deno.errors.NotFound);
});
