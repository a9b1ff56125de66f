import assert from "node:assert/strict";
import { join } from "@std/path";
import { bundle, compile } from "../../.ci/compile.ts";
import { decodeImage, encodePng, readPngText } from "../../lib/image/mod.ts";
import { colours } from "./colours.ts";

/** Makes the program as one file in a folder, and says how to call it. */
const ways: Record<string, (folder: string) => Promise<string[]>> = {
  async bundle(folder) {
    await bundle(join(folder, "latent.js"));
    const alone = ["--no-config", "--no-lock", "--no-npm", "--no-remote", "--no-prompt", "--allow-all"];
    return [Deno.execPath(), "run", ...alone, "latent.js"];
  },
  async executable(folder) {
    await bundle(join(folder, "latent.js"));
    await compile(join(folder, "latent.js"), join(folder, "latent"));
    await Deno.remove(join(folder, "latent.js"));
    return ["./latent"];
  },
};

const training =
  "--data pictures --size 32 --steps 10 --batch-size 4 --threads 1 model.channels=32 model.residualBlocks=1";

/** What is typed one after the other, and what stdout then has. */
const calls: [line: string, out: RegExp][] = [
  ["setup --json", /libtorch and its shim are ready/],
  ["doctor", /^devices +cpu[^]*\nready/m],
  [`train autoencoder --out first ${training}`, /first\/checkpoints\/.+\n/],
  [`train diffusion --out second --first-stage first ${training} model.multipliers=[1,2]`, /second\/checkpoints\/.+\n/],
  [
    "sample second --count 2 --batch-size 2 --steps 5 --threads 1 --out samples",
    /seed-0\.png\n.*seed-1\.png\n.*grid\.png\n/,
  ],
];

/** Runs the program with an empty cache of Deno's. */
async function run(command: string[], line: string, folder: string): Promise<string> {
  const [program, ...args] = [...command, ...line.split(" ")] as [string, ...string[]];
  const env = { DENO_DIR: join(folder, ".deno"), NO_COLOR: "1" };
  const { code, stdout, stderr } = await new Deno.Command(program, { args, env, cwd: folder }).output();
  assert.equal(code, 0, `${line}\n${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

async function makePictures(folder: string): Promise<void> {
  await Deno.mkdir(folder);
  for (let k = 0; k < 12; k++) {
    const data = Uint8ClampedArray.from({ length: 40 * 36 * 4 }, (_, i) => i % 4 === 3 ? 255 : (i * (k + 1)) >> 4);
    await Deno.writeFile(join(folder, `${k}.png`), await encodePng({ width: 40, height: 36, data }));
  }
}

for (const [kind, make] of Object.entries(ways)) {
  const ignore = kind === "executable" && !Deno.env.has("DENORT_BIN");
  Deno.test({ name: `the ${kind} sets up, trains and samples in a folder with nothing else`, ignore }, async () => {
    const folder = await Deno.makeTempDir();
    try {
      const command = await make(folder);
      await makePictures(join(folder, "pictures"));
      for (const [line, out] of calls) assert.match(await run(command, line, folder), out, line);
      const picture = await Deno.readFile(join(folder, "samples/seed-1.png"));
      const { seed, index, steps } = JSON.parse(readPngText(picture)["latent"]!);
      assert.deepEqual({ seed, index, steps }, { seed: 0, index: 1, steps: 5 });
      assert.ok(colours(await decodeImage(picture)) > 16);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
