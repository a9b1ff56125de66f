import assert from "node:assert/strict";
import { listCheckpoints } from "../../lib/file/mod.ts";
import { lookOften, losses, stateOf } from "../train/bits.ts";
import { assignments, latent, watch } from "./latent.ts";
import { inWorkshop, merged, tinyAutoencoder, tinyUnet, type Workshop, writeFirstStage } from "./workshop.ts";

const kinds = {
  autoencoder: ({ data }: Workshop) => merged(tinyAutoencoder(data), { model: { residualBlocks: 1 } }),
  diffusion: ({ data, path }: Workshop) => {
    writeFirstStage(path("first.safetensors"));
    return tinyUnet(data, path("first.safetensors"));
  },
};
const eventful = {
  model: { dropout: 0.3 },
  optimizer: { accumulate: 2, emaDecay: 0.9, warmup: 3 },
  images: { flip: true, crop: "random" },
};

/** A run of the program to its end. */
async function train(kind: string, at: Workshop, out: string, settings: Record<string, unknown>, ...flags: string[]) {
  const args = ["train", kind, "--out", at.path(out), ...flags, ...assignments(settings)];
  const { code, err } = await latent(args, at.path());
  assert.equal(code, 0, err);
}

for (const [kind, config] of Object.entries(kinds)) {
  for (const [precision, threads] of [["float32", 2], ["bfloat16", 1]] as const) {
    Deno.test(`${kind} in ${precision} on ${threads} of the threads: resumed in new processes, it has the same bits`, () =>
      inWorkshop(async (at) => {
        const settings = merged(config(at), { ...eventful, precision, threads, steps: 8 });
        await train(kind, at, "whole", settings);
        await train(kind, at, "parts", merged(settings, { ...lookOften, steps: 3 }));
        await train(kind, at, "parts", { steps: 5 }, "--resume");
        await train(kind, at, "parts", { steps: 8 }, "--resume");
        assert.deepEqual(losses(at.path("parts")), losses(at.path("whole")));
        assert.deepEqual(stateOf(at.path("parts")), stateOf(at.path("whole")));
        await train(kind, at, "twice", settings);
        assert.deepEqual(stateOf(at.path("twice")), stateOf(at.path("whole")));
      }));
  }
}

/** mulberry32: delays that are the same in every run of this test. */
function delays(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

for (const [kind, config] of Object.entries(kinds)) {
  Deno.test(`${kind}: killed (kill -9) at ten random moments and resumed, it ends as if nothing had been`, () =>
    inWorkshop(async (at) => {
      const every = { validate: 4, sample: 6, checkpoint: 2 };
      const settings = merged(config(at), { ...eventful, every, steps: 40 });
      await train(kind, at, "whole", settings);
      const random = delays(kind.length);
      const reached: number[] = [];
      for (let kill = 0; kill < 10; kill++) {
        const begun = kill > 0 && exists(at.path("run", "config.yaml"));
        const flags = begun ? ["--resume"] : assignments(settings);
        const { child, until, end, seen } = watch(["train", kind, "--out", at.path("run"), ...flags], at.path());
        if (kill % 3 > 0) { // else while it starts
          await until((event) => event.type === "progress" && event.label === "train");
          for (let skipped = Math.floor(10 * random()); skipped > 0; skipped--) await until(() => true);
        }
        await new Promise((resolve) => setTimeout(resolve, (kill % 3 > 0 ? 100 : 1500) * random()));
        child.kill("SIGKILL");
        const { err } = await end();
        assert.doesNotMatch(err, /latent: (?!warning)/); // it was never refused
        reached.push(Math.max(0, ...seen.flatMap((event) => event.type === "progress" ? [event.done] : [])));
      }
      assert.ok(reached.some((step) => step > 3), `reached ${reached}`);
      await train(kind, at, "run", {}, "--resume");
      assert.deepEqual(losses(at.path("run")), losses(at.path("whole")), `reached ${reached}`);
      assert.deepEqual(stateOf(at.path("run")), stateOf(at.path("whole")));
      const partial = [...Deno.readDirSync(at.path("run"))].filter(({ name }) => /partial/.test(name));
      assert.deepEqual(partial, []);
      assert.ok(listCheckpoints(at.path("run", "checkpoints")).length <= 3);
    }));
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
