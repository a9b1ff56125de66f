import assert from "node:assert/strict";
import { clearImmediate, setImmediate } from "node:timers";
import { LatentError, type WorkEvent } from "../../lib/base/mod.ts";
import { latestCheckpoint, loadTensor, lockFolder } from "../../lib/file/mod.ts";
import { full, Generator, live, scope } from "../../lib/tensor/mod.ts";
import { loadDiffusion, sample } from "../../lib/task/mod.ts";
import { trainAutoencoder, trainDiffusion, type TrainOptions } from "../../lib/train/mod.ts";
import {
  merged,
  tinyAutoencoder,
  tinyUnet,
  type Workshop,
  workshopTest,
  writeFirstStage,
  writePerceptual,
} from "../program/workshop.ts";
import { logOf, lookOften, losses, stateOf } from "./bits.ts";

const eventful = { model: { dropout: 0.3 }, optimizer: { accumulate: 2 } };

interface Training {
  train(settings: object, options: TrainOptions): AsyncGenerator<WorkEvent>;
  config(at: Workshop): Record<string, unknown>;
}

const adversary = { start: 2, channels: 8, layers: 2, learningRate: 5e-5 };

/**
 * All trainings with dropout and accumulation: the first stages on images that are cut anew each time, diffusion on
 * latents that are kept.
 */
const trainings: Record<"autoencoder" | "codes" | "moments" | "diffusion", Training> = {
  autoencoder: {
    train: trainAutoencoder,
    config: ({ data }: Workshop) =>
      merged(merged(tinyAutoencoder(data), eventful), {
        model: { residualBlocks: 1 },
        images: { flip: true, crop: "random" },
      }),
  },
  codes: {
    train: trainAutoencoder,
    config: ({ data }: Workshop) =>
      merged(merged(tinyAutoencoder(data), eventful), {
        model: { codes: 16 },
        codebook: { reviveAfter: 2 },
        images: { background: "random" },
        adversary,
      }),
  },
  moments: {
    train: trainAutoencoder,
    config: ({ data, path }: Workshop) => {
      writePerceptual(path("weights"));
      return merged(merged(tinyAutoencoder(data), eventful), {
        logvar: { start: 0.5, learn: true },
        adversary: { ...adversary, actNorm: true, loss: "vanilla" },
        perceptual: { network: "lpips-squeeze", weights: path("weights") },
      });
    },
  },
  diffusion: {
    train: trainDiffusion,
    config: ({ data, path }: Workshop) => {
      writeFirstStage(path("first.safetensors"));
      return merged(tinyUnet(data, path("first.safetensors")), eventful);
    },
  },
};

for (const [kind, { train, config }] of Object.entries(trainings)) {
  workshopTest(
    `${kind}: a run that was stopped twice and looked at often has the bits of one that was not`,
    async (at) => {
      const settings = merged(config(at), { steps: 6 });
      const [whole, parts] = [at.path("whole"), at.path("parts")];
      await Array.fromAsync(train(settings, { out: whole }));
      const looked = merged(settings, lookOften);
      await Array.fromAsync(train(merged(looked, { steps: 2 }), { out: parts }));
      await stopAfter(4, (signal) => train(looked, { out: parts, resume: true, signal }));
      await Array.fromAsync(train(looked, { out: parts, resume: true }));
      assert.deepEqual(losses(parts), losses(whole));
      assert.deepEqual(stateOf(parts), stateOf(whole));
    },
  );

  workshopTest(`${kind}: two runs turn by turn, with other draws between, have the bits of each alone`, async (at) => {
    const settings = config(at);
    await Array.fromAsync(train(settings, { out: at.path("alone") }));
    const other = train(merged(settings, { seed: 1 }), { out: at.path("b") });
    for await (const _ of train(settings, { out: at.path("a") })) {
      await other.next();
      scope(() => void full([10], 1).nativeDropout(0.5, true)); // of the device's own generator
    }
    await other.return(undefined);
    assert.deepEqual(stateOf(at.path("a")), stateOf(at.path("alone")));
  });

  workshopTest(`${kind}: whoever leaves after any event leaves no tensor, no partial file and no lock`, async (at) => {
    const settings = merged(config(at), { ...lookOften, steps: 2 });
    const before = live();
    const total = (await Array.fromAsync(train(settings, { out: at.path("all") }))).length;
    for (let count = 1; count < total; count++) {
      const out = at.path(`left-${count}`);
      let seen = 0;
      for await (const _ of train(settings, { out })) if (++seen === count) break;
      assert.equal(live(), before, `after event ${count} of ${total}`);
      assert.deepEqual(namesBelow(out).filter((name) => /partial/.test(name)), []);
      lockFolder(out)[Symbol.dispose]();
    }
  });

  workshopTest(`${kind}: the event loop gets a turn in every step`, async (at) => {
    const settings = merged(config(at), { steps: 8 });
    let turns = 0;
    let timer = setImmediate(function turn() {
      turns++;
      timer = setImmediate(turn);
    });
    const seen: number[] = [];
    for await (const event of train(settings, { out: at.path("run") })) {
      if (event.type === "progress" && event.label === "train") seen.push(turns);
    }
    clearImmediate(timer);
    assert.ok(seen.slice(2).every((count, i) => count > seen[i + 1]!), `turns at each step: ${seen}`);
  });
}

workshopTest(
  "a step leaves as many tensors as there were, and dropout draws from no one else's generator",
  async (at) => {
    using shared = Generator.default();
    const state = () => scope(() => shared.state.bytes());
    const before = state();
    const counts: number[] = [];
    const settings = merged(trainings.autoencoder.config(at), { steps: 8 });
    for await (const event of trainAutoencoder(settings, { out: at.path("run") })) {
      if (event.type === "progress") counts.push(live());
    }
    assert.deepEqual(new Set(counts.slice(1)).size, 1, `live tensors: ${counts}`);
    assert.deepEqual(state(), before);
  },
);

workshopTest("a set without validation images trains, and shows what it was trained on", async (at) => {
  const settings = merged(tinyAutoencoder(at.data), { images: { validation: 0 }, ...lookOften });
  const events = await Array.fromAsync(trainAutoencoder(settings, { out: at.path("run") }));
  assert.match(sentence(events, "note"), /40 images of pictures to train on and 0 to validate/);
  assert.match(sentence(events, "done"), /^4 steps in \d+ s: /);
  assert.ok(namesBelow(at.path("run")).includes("samples/step-0000003.png"));
});

workshopTest("an unreadable image is left out, counted and named in one warning, wherever it stands", async (at) => {
  for (const name of ["03.png", "11.png"]) Deno.writeTextFileSync(`${at.data}/${name}`, "no picture");
  const settings = merged(tinyAutoencoder(at.data), { steps: 25, images: { validation: 0.2 }, every: { validate: 5 } });
  const events = await Array.fromAsync(trainAutoencoder(settings, { out: at.path("run") }));
  const warnings = events.flatMap((event) => event.type === "warning" ? [event.text] : []);
  assert.deepEqual(warnings.map((text) => /left out .*\/(\d\d.png): .*not a picture/.exec(text)?.[1]).sort(), [
    "03.png",
    "11.png",
  ]);
  assert.deepEqual(warnings.map((text) => /\((\d+) so far\)/.exec(text)?.[1]), ["1", "2"]);
});

workshopTest("a training whose images are mostly unreadable ends", async (at) => {
  for (let i = 0; i < 20; i++) Deno.writeTextFileSync(`${at.data}/${String(i).padStart(2, "0")}.png`, "no picture");
  await assert.rejects(
    Array.fromAsync(trainAutoencoder(merged(tinyAutoencoder(at.data), { steps: 50 }), { out: at.path("run") })),
    (error) => error instanceof LatentError && error.code === "data.skipped",
  );
});

workshopTest("the best validation loss has a checkpoint that stays, and is logged at its step", async (at) => {
  const every = { validate: 3, checkpoint: 5, sample: 1000 };
  const settings = merged(tinyAutoencoder(at.data), { steps: 20, learningRate: 1e-3, every });
  const events = await Array.fromAsync(trainAutoencoder(settings, { out: at.path("run") }));
  const done = events.at(-1)!;
  const best = done.type === "done" ? done.result!["best"] as { step: number; loss: number } : undefined;
  const validated = logOf(at.path("run")).filter((line) => line["validationLoss"] !== undefined);
  assert.deepEqual(validated.map((line) => line["step"]), [3, 6, 9, 12, 15, 18, 20]);
  const least = validated.reduce((a, b) => b["validationLoss"]! < a["validationLoss"]! ? b : a);
  assert.deepEqual(best, { step: least["step"], loss: least["validationLoss"] });
  assert.ok(namesBelow(at.path("run")).includes(`checkpoints/step-${String(best!.step).padStart(9, "0")}.safetensors`));
});

workshopTest("the log has the terms of the loss, the adversary's from its first step on", async (at) => {
  const settings = merged(trainings.moments.config(at), { steps: 4 });
  await Array.fromAsync(trainAutoencoder(settings, { out: at.path("run") }));
  const own = ["logvar", "kl_loss", "nll_loss", "rec_loss"];
  const all = [...own, "d_weight", "disc_factor", "g_loss", "disc_loss", "logits_real", "logits_fake"];
  const steps = losses(at.path("run")) as { terms: Record<string, number> }[];
  assert.deepEqual(steps.map(({ terms }) => Object.keys(terms)), [own, own, all, all]);
  assert.ok(steps.every(({ terms }) => Object.values(terms).every(Number.isFinite)));
  assert.notEqual(steps[1]!.terms["logvar"], steps[0]!.terms["logvar"]);
});

workshopTest("codes that nothing is near to are drawn anew where that is asked for, else they stay", async (at) => {
  const unused = async (reviveAfter: number | undefined) => {
    const out = at.path(`after-${reviveAfter}`);
    const config = { model: { codes: 256 }, codebook: { reviveAfter }, steps: 6, optimizer: { weightDecay: 0 } };
    await Array.fromAsync(trainAutoencoder(merged(tinyAutoencoder(at.data), config), { out }));
    using latest = latestCheckpoint(`${out}/checkpoints`)!;
    using codes = loadTensor(latest.file, "weights.quantize.embedding.weight");
    return codes.data().filter((value) => Math.abs(Number(value)) <= 1 / 256).length; // as they begin
  };
  const [without, revived] = [await unused(undefined), await unused(2)];
  assert.ok(without > 100 && revived < without / 4, `${without} values are as at the start, ${revived} where revived`);
});

workshopTest("without a first stage diffusion is on pixels, resumed and sampled like any", async (at) => {
  const settings = tinyUnet(at.data, "pixels");
  await Array.fromAsync(trainDiffusion(merged(settings, { steps: 1 }), { out: at.path("run") }));
  await Array.fromAsync(trainDiffusion(merged(settings, { steps: 2 }), { out: at.path("run"), resume: true }));
  using model = await loadDiffusion(at.path("run"));
  assert.equal(model.firstStage.factor, 1);
  for await (const event of sample(model, { steps: 2 })) {
    if (event.type === "pictures") assert.deepEqual([event.pictures[0]!.width, event.pictures[0]!.height], [32, 32]);
  }
});

workshopTest("the learning rate rises and falls as the config says", async (at) => {
  const settings = { steps: 4, learningRate: 1e-3, optimizer: { warmup: 1, cosine: 3 } };
  await Array.fromAsync(trainAutoencoder(merged(tinyAutoencoder(at.data), settings), { out: at.path("run") }));
  const rates = logOf(at.path("run")).flatMap(({ learningRate }) => learningRate === undefined ? [] : [learningRate]);
  assert.deepEqual(rates, [0, 1e-3, 5e-4, 0]);
});

/** Reads a training to the event after a step, aborts it there, and reads the rest. */
async function stopAfter(step: number, train: (signal: AbortSignal) => AsyncIterable<WorkEvent>): Promise<void> {
  const controller = new AbortController();
  const events: WorkEvent[] = [];
  for await (const event of train(controller.signal)) {
    events.push(event);
    if (event.type === "progress" && event.label === "train" && event.done === step) controller.abort();
  }
  assert.match(sentence(events.slice(-1), "note"), new RegExp(`^stopped after step ${step}; go on with --resume`));
  assert.equal(events.at(-2)!.type, "file");
}

function sentence(events: readonly WorkEvent[], type: "note" | "done"): string {
  return events.flatMap((event) => event.type === type ? [event.text] : [])[0] ?? "";
}

function namesBelow(folder: string, prefix = ""): string[] {
  return [...Deno.readDirSync(`${folder}/${prefix}`)].flatMap(({ name, isDirectory }) =>
    isDirectory ? namesBelow(folder, `${prefix}${name}/`) : [prefix + name]
  );
}
