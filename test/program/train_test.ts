import assert from "node:assert/strict";
import { devices } from "../../lib/tensor/mod.ts";
import { assignments, type Ended, latent } from "./latent.ts";
import { inWorkshop, merged, tinyAutoencoder, type Workshop } from "./workshop.ts";

/** `latent train autoencoder --out run` with a tiny config, and more. */
function train({ path, data }: Workshop, ...more: string[]): Promise<Ended> {
  const settings = assignments(merged(tinyAutoencoder(data), { steps: 2 }));
  return latent(["train", "autoencoder", "--out", path("run"), ...settings, ...more], path());
}

const refusals: [args: string[], message: RegExp][] = [
  [["--learningrate", "1"], /--learningrate +found an unknown flag +wanted --learning-rate\n/],
  [["model.f=3"], /model\.f +found 3 +wanted one of 2, 4, 8, 16, 32\n/],
  [["model.chanels=64"], /model\.chanels +found an unknown key +wanted model\.channels\n/],
  [["--seed", "none"], /--seed +found "none" +wanted an integer of at least 0\n/],
  [["size=30"], /size 30\n +wanted +a multiple of 4[^]*Use size 32/],
  [["data=/nowhere"], /no folder \/nowhere/],
  [["--resume"], /no run to resume in .*run\n/],
  [["--config", "wrong.yaml"], /wrong\.yaml has a problem\n +optimiser +found an unknown key +wanted optimizer\n/],
  [
    ["--device", devices().length > 1 ? "cuda:99" : "cuda"],
    /There is no device "cuda[^]*found +cpu[^]*leave --device out/,
  ],
];
for (const [args, message] of refusals) {
  const code = args[0] === "data=/nowhere" ? 1 : 2;
  Deno.test(`latent train autoencoder ${args.join(" ")}: refused with exit code ${code}, nothing is made`, () =>
    inWorkshop(async (at) => {
      Deno.writeTextFileSync(at.path("wrong.yaml"), "optimiser:\n  clip: 2\n");
      const { code: found, out, err } = await train(at, ...args);
      assert.match(err, message);
      assert.deepEqual([found, out], [code, ""]);
      assert.throws(() => Deno.statSync(at.path("run")), Deno.errors.NotFound);
    }));
}

Deno.test("--dry-run says shapes, parameters, memory, seeds and files, and writes nothing", () =>
  inWorkshop(async (at) => {
    const { code, out, err } = await train(at, "--dry-run", "seed=5");
    assert.deepEqual([code, err], [0, ""]);
    assert.match(out, /^latent train autoencoder would train/);
    assert.match(out, /network +[\d,]+ parameters; images \[4, 3, 32, 32\], latents \[4, 3, 8, 8\]\n/);
    assert.match(
      out,
      /steps +2 of 4 images[^]*memory +about [\d.]+ MB[^]*seeds +weights 5, order 5, noise 6, dropout 7\n/,
    );
    assert.match(out, new RegExp(`files +${at.path("run")}/config\\.yaml\n`));
    const plan = JSON.parse((await train(at, "--dry-run", "--json")).out);
    assert.deepEqual(plan.shapes, { images: [4, 3, 32, 32], latents: [4, 3, 8, 8] });
    assert.ok(plan.parameters > 1e4 && plan.bytes.activations > 4 * 4 * 3 * 32 * 32);
    assert.throws(() => Deno.statSync(at.path("run")), Deno.errors.NotFound);
  }));

Deno.test("--json is lines of JSON to the end, which is what was done or the error; resumed, other settings are named", () =>
  inWorkshop(async (at) => {
    const { code, events, err } = await train(at, "--json", "every.checkpoint=1");
    assert.equal(code, 0, err);
    assert.deepEqual([events[0]!.type, events.at(-1)!.type], ["note", "done"]);
    assert.deepEqual(events.flatMap((event) => event.type === "progress" ? [event.done] : []), [0, 1, 2]);
    for (const event of events) if (event.type === "file") assert.ok(Deno.statSync(event.path).size > 0);
    const changed = ["--resume", "--json", "--learning-rate", "5e-3", "model.dropout=0.5"];
    const resumed = await latent(["train", "autoencoder", "--out", at.path("run"), ...changed], at.path());
    assert.equal(resumed.code, 2);
    assert.match(resumed.err, /model\.dropout +found 0\.5 +wanted 0\n +learningRate +found 0\.005 +wanted 0\.0001\n/);
    const last = JSON.parse(resumed.out.trimEnd().split("\n").at(-1)!);
    assert.deepEqual([last.type, last.code], ["error", "config.changed"]);
  }));

Deno.test("a training that runs away ends with 1 and the name of the module; its last checkpoint stays", () =>
  inWorkshop(async (at) => {
    const { code, out, err } = await train(at, "steps=9", "learningRate=1e30", "every.checkpoint=1");
    assert.equal(code, 1);
    assert.match(err, /latent: Training stopped at step 2: .*\n +found +loss [^]*first in (en|de)coder\./);
    assert.match(out, /step-000000001\.safetensors\n$/);
    const rest = [...Deno.readDirSync(at.path("run", "checkpoints"))].map(({ name }) => name);
    assert.deepEqual(rest, ["step-000000001.safetensors"]);
  }));
