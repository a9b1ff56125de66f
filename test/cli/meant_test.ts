import { deepEqual, rejects } from "node:assert/strict";
import { join } from "node:path";
import { meant } from "../../lib/cli/meant.ts";
import { typed } from "../../lib/cli/typed.ts";
import { commands } from "./commands.ts";

function options(...args: string[]): Promise<Record<string, unknown>> {
  const call = typed(args, commands);
  return meant(call.command!, call);
}

Deno.test("what was typed becomes what the schema says", async () => {
  const args = ["draw", "/a.png", "--batch-size", "8", "--eta", "1e-1", "--seeds", "1,2", "--seeds", "3"];
  deepEqual(await options(...args, "--prompt", "12", "--dry-run"), {
    file: "/a.png",
    more: [],
    batchSize: 8,
    device: "cpu",
    eta: 0.1,
    prompt: "12", // a text stays one
    seeds: [1, 2, 3],
    grid: true,
    dryRun: true,
  });
});

Deno.test("relative paths start from where the program was called", async () => {
  deepEqual((await options("draw", "a.png"))["file"], join(Deno.env.get("INIT_CWD") ?? Deno.cwd(), "a.png"));
});

Deno.test("assignments win over flags, flags over the file, the file over defaults", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, "config.yaml");
    await Deno.writeTextFile(path, "steps: 10\nema: false\nmodel: { ch: 16, mult: [1] }\n");
    deepEqual(await options("train", "net"), { steps: 3, ema: true, model: { ch: 8, mult: [1, 2] } });
    deepEqual(await options("train", "net", "--config", path), { steps: 10, ema: false, model: { ch: 16, mult: [1] } });
    deepEqual(await options("train", "net", "--config", path, "--steps=20", "--ema", "model.ch=64", "steps=30"), {
      steps: 30,
      ema: true,
      model: { ch: 64, mult: [1] },
    });
    const wrong = options("train", "net", "--config", path, "--steps=0", "model.chn=3");
    await rejects(wrong, (error: Error & { code: string }) => {
      deepEqual([error.code, error.message], [
        "config.options",
        [
          `latent train net with ${path} has 2 problems`,
          "  --steps    found 0               wanted an integer of at least 1",
          "  model.chn  found an unknown key  wanted model.ch",
          "See latent train net --help.",
        ].join("\n"),
      ]);
      return true;
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

const refused: [line: string, code: string, message: RegExp][] = [
  ["draw", "usage.options", /FILE +found nothing +wanted a text/],
  ["draw a.png --batch-size many", "usage.options", /--batch-size +found "many" +wanted an integer from 1 to 64/],
  ["draw a.png --device gpu", "usage.options", /--device +found "gpu" +wanted one of cpu, cuda/],
  ["draw a.png --seeds 1,x", "usage.options", /--seeds +found "x" +wanted an integer/],
  ["train net stps=3", "config.options", /stps +found an unknown key +wanted steps/],
  ["train net steps=3.5", "config.options", /steps +found 3.5 +wanted an integer/],
  ["train net model=3", "config.options", /model +found 3 +wanted a mapping/],
  ["train net --config /nowhere.yaml", "config.unreadable", /nowhere/],
];
for (const [line, code, message] of refused) {
  Deno.test(`${line} is refused`, () => rejects(options(...line.split(" ")), { code, message }));
}
