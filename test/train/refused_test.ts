import assert from "node:assert/strict";
import { LatentError, type WorkEvent } from "../../lib/base/mod.ts";
import { disk, tensorSources, writeSafetensors } from "../../lib/file/mod.ts";
import { tensor } from "../../lib/tensor/mod.ts";
import { trainAutoencoder, trainDiffusion, type TrainOptions } from "../../lib/train/mod.ts";
import {
  merged,
  tinyAutoencoder,
  tinyUnet,
  type Workshop,
  workshopTest,
  writeFirstStage,
} from "../program/workshop.ts";

/** Consumes a training and gives its events. */
async function all(events: AsyncIterable<WorkEvent>): Promise<WorkEvent[]> {
  return await Array.fromAsync(events);
}

async function refused(events: AsyncIterable<WorkEvent>, code: string, message: RegExp): Promise<void> {
  await assert.rejects(all(events), (error) => {
    assert.ok(error instanceof LatentError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  });
}

type Over = Record<string, unknown>;

const endless = { kind: "linear", cycles: [{ warmup: 1, length: 9, start: 0, most: 1, least: 1 }] };

const autoencoders: [name: string, over: Over, code: string, message: RegExp][] = [
  ["an unknown key", { learningrate: 1 }, "config.invalid", /learningrate +found an unknown key +wanted learningRate/],
  ["an unknown key of a mapping", { optimizer: { clipp: 1 } }, "config.invalid", /optimizer.clipp .*optimizer.clip\n/],
  ["a text for a number", { steps: "many" }, "config.invalid", /steps +found "many" +wanted an integer of at least 1/],
  ["half an image", { batchSize: 1.5 }, "config.invalid", /batchSize +found 1.5 +wanted an integer/],
  ["a cosine shorter than the warm-up", { optimizer: { warmup: 9, cosine: 9 } }, "config.invalid", /optimizer.cosine/],
  ["two learning-rate schedules", { optimizer: { warmup: 9, rate: endless } }, "config.invalid", /optimizer.rate/],
  ["f = 3", { model: { f: 3 } }, "config.invalid", /model.f +found 3 +wanted one of 2, 4, 8, 16, 32/],
  [
    "multipliers for another f",
    { model: { f: 8 } },
    "config.invalid",
    /model.multipliers .* wanted 4 numbers, for f = 8/,
  ],
  [
    "channels that no 32 groups divide",
    { model: { channels: 40 } },
    "config.invalid",
    /channels +found 40 .*multiple of 32/,
  ],
  ["a size that f doesn't divide", { size: 30 }, "config.size", /found +size 30[^]*multiple of 4[^]*Use size 32/],
  ["a device that isn't there", { device: "cuda:7" }, "usage.device", /no device "cuda:7"[^]*found +cpu/],
  [
    "all of that at once",
    { steps: 0, batchsize: 2, seed: -1 },
    "config.invalid",
    /3 problems[^]*steps[^]*seed[^]*batchSize/,
  ],
];
for (const [name, over, code, message] of autoencoders) {
  workshopTest(`an autoencoder's config with ${name} is refused, and no folder is made`, async ({ path, data }) => {
    await refused(trainAutoencoder(merged(tinyAutoencoder(data), over), { out: path("run") }), code, message);
    assert.equal(disk.exists(path("run")), false);
  });
}

const denoisers: [name: string, over: Over, code: string, message: RegExp][] = [
  ["no first stage", { firstStage: "" }, "config.invalid", /firstStage/],
  ["a first stage that isn't there", { firstStage: "/nowhere" }, "usage.model", /no model at \/nowhere/],
  ["a size for the first stage alone", { size: 36 }, "config.size", /multiple of 8, by which first stage and U-Net/],
  [
    "heads that don't divide the channels",
    { model: { headChannels: 24 } },
    "config.invalid",
    /headChannels .*divisor of 64/,
  ],
  ["multipliers that begin with 2", { model: { multipliers: [2, 4] } }, "config.invalid", /begins with 1/],
  ["more than the whole of β", { schedule: { end: 1 } }, "config.invalid", /schedule.end/],
  [
    "noise alone to predict",
    { schedule: { zeroTerminalSnr: true } },
    "config.invalid",
    /objective.predict +found .*v or x0/,
  ],
];
for (const [name, over, code, message] of denoisers) {
  workshopTest(`a denoiser's config with ${name} is refused, and no folder is made`, async ({ path, data }) => {
    writeFirstStage(path("first.safetensors"));
    const base = tinyUnet(data, path("first.safetensors"));
    await refused(trainDiffusion(merged(base, over), { out: path("run") }), code, message);
    assert.equal(disk.exists(path("run")), false);
  });
}

/** What is wrong with a folder. */
const places: [name: string, make: (at: Workshop) => [over: Over, options: TrainOptions], code: string, RegExp][] = [
  [
    "a data folder that isn't there",
    ({ path }) => [{ data: path("no") }, { out: path("run") }],
    "data.missing",
    /no folder/,
  ],
  [
    "a data folder without images",
    ({ path }) => {
      Deno.mkdirSync(path("texts"));
      Deno.writeTextFileSync(path("texts", "a.txt"), "a");
      return [{ data: path("texts") }, { out: path("run") }];
    },
    "data.empty",
    /no image is in[^]*1 other file[^]*\.png/,
  ],
  [
    "a folder with something in it",
    ({ data }) => [{}, { out: data }],
    "usage.run_exists",
    /found .*png, .*png[^]*--resume/,
  ],
  ["a file for the run's folder", ({ data }) => [{}, { out: `${data}/00.png` }], "usage.out", /cannot be made/],
  ["no run to resume", ({ path }) => [{}, { out: path("run"), resume: true }], "usage.no_run", /no run to resume/],
  [
    "weights for a resumed run",
    ({ path }) => [{}, { out: path("run"), resume: true, init: "a" }],
    "usage.init",
    /both/,
  ],
  [
    "weights that aren't there",
    ({ path }) => [{}, { out: path("run"), init: path("a") }],
    "usage.model",
    /no model at/,
  ],
  [
    "another network's weights",
    ({ path }) => {
      using weight = tensor([1]);
      writeSafetensors(path("other.safetensors"), tensorSources(new Map([["weight", weight]])));
      return [{}, { out: path("run"), init: path("other.safetensors") }];
    },
    "usage.init",
    /no tensor with a name and shape/,
  ],
];
for (const [name, make, code, message] of places) {
  workshopTest(`${name}: refused`, async (at) => {
    const [over, options] = make(at);
    await refused(trainAutoencoder(merged(tinyAutoencoder(at.data), over), options), code, message);
    assert.equal(disk.exists(at.path("run", "config.yaml")), false);
  });
}

workshopTest(
  "a resumed run with another config is refused with every difference; the run stays",
  async ({ path, data }) => {
    const config = merged(tinyAutoencoder(data), { steps: 1 });
    await all(trainAutoencoder(config, { out: path("run") }));
    const before = Deno.readTextFileSync(path("run", "log.jsonl"));
    const changed = merged(config, { batchSize: 2, model: { latentChannels: 5 }, steps: 2, images: { workers: 2 } });
    const again = trainAutoencoder(changed, { out: path("run"), resume: true });
    await refused(again, "config.changed", /latentChannels +found 5 +wanted 3\n +batchSize +found 2 +wanted 4\n[^ ]/);
    assert.equal(Deno.readTextFileSync(path("run", "log.jsonl")), before);
  },
);

workshopTest("a resumed run on other images is refused; in another folder the same will do", async ({ path, data }) => {
  const config = merged(tinyAutoencoder(data), { steps: 1 });
  await all(trainAutoencoder(config, { out: path("run") }));
  const resumed = (over: Over) => trainAutoencoder(merged(config, over), { out: path("run"), resume: true });
  Deno.renameSync(data, path("moved"));
  await all(resumed({ data: path("moved"), steps: 2 }));
  Deno.removeSync(path("moved", "07.png"));
  await refused(resumed({ data: path("moved"), steps: 3 }), "config.data", /are not those/);
});

workshopTest("a run of one kind is not resumed as one of the other", async ({ path, data }) => {
  await all(trainAutoencoder(merged(tinyAutoencoder(data), { steps: 1 }), { out: path("run") }));
  const other = trainDiffusion(tinyUnet(data, path("run")), { out: path("run"), resume: true });
  await refused(other, "usage.kind", /found +autoencoder\n +wanted +diffusion/);
});

workshopTest("--init copies by name and shape, and lists the rest", async ({ path, data }) => {
  await all(trainAutoencoder(merged(tinyAutoencoder(data), { steps: 1 }), { out: path("run") }));
  const wider = merged(tinyAutoencoder(data), { model: { latentChannels: 5 }, steps: 1 });
  const events = await all(trainAutoencoder(wider, { out: path("other"), init: path("run") }));
  const [note] = events.flatMap((event) => event.type === "note" ? [event.text] : []);
  assert.match(
    note!,
    /^started from \d+ tensors of .*run; 7 start anew: encoder.conv_out.weight, .*, post_quant_conv.bias$/,
  );
});
