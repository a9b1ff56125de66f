// Memory over a long time, each load in a process of its own: live tensors stay the same, and resident memory does too.
import assert from "node:assert/strict";
import { encodePng, leaked, live, scope, tensor, trainAutoencoder, trainDiffusion } from "../mod.ts";

/** Something that runs for long and calls back 100 times or more. */
type Load = (look: () => void) => Promise<void> | void;

const loads: Record<string, Load> = {
  "1,000,000 operator calls"(look) {
    const sizes = [1, 4, 64, 1000, 4000];
    for (let i = 0; i < 100_000; i++) { // 10 operators each
      if (i % 1000 === 0) look();
      scope(() => {
        const x = tensor([1, 2, 3, 4]).requiresGrad_();
        const y = x.repeat([sizes[i % sizes.length]!]).mul(2).add(1).relu().square().sub(3).exp().log();
        y.sum(null).mul(1e-3).backward();
      });
    }
  },

  "300 training steps of the first stage": (look) =>
    inFolder(async (dir) => {
      for await (const { type } of trainFirstStage(dir, 300)) if (type === "progress") look();
    }),

  "300 training steps of the denoiser": (look) =>
    inFolder(async (dir) => {
      for await (const _ of trainFirstStage(dir, 1));
      const model = { channels: 32, multipliers: [1, 2], residualBlocks: 1, attentionFactors: [2] };
      const settings = { ...common(dir, 300), firstStage: `${dir}/first`, model, objective: { sampleSteps: 2 } };
      for await (const { type } of trainDiffusion(settings, { out: `${dir}/second` })) if (type === "progress") look();
    }),
};

const common = (dir: string, steps: number) => (
  { data: `${dir}/data`, size: 16, batchSize: 4, steps, device: "cpu", images: { workers: 1 } }
);

function trainFirstStage(dir: string, steps: number): ReturnType<typeof trainAutoencoder> {
  const model = { f: 2 as const, channels: 32, residualBlocks: 1, resolution: 16 };
  return trainAutoencoder({ ...common(dir, steps), model }, { out: `${dir}/first` });
}

async function inFolder(body: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await writePictures(`${dir}/data`);
    await body(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

async function writePictures(folder: string): Promise<void> {
  await Deno.mkdir(folder);
  for (let i = 0; i < 40; i++) {
    const data = Uint8ClampedArray.from({ length: 4 * 16 * 16 }, (_, j) => (i * 31 + j * j) % 256);
    await Deno.writeFile(`${folder}/${i}.png`, await encodePng({ width: 16, height: 16, data }));
  }
}

/** Prints what lives and what is resident at each look. */
async function run(load: Load): Promise<void> {
  const looks: [number, number][] = [];
  await load(() => void looks.push([live() + leaked(), Deno.memoryUsage().rss]));
  console.log(JSON.stringify(looks));
}

for (const name of Object.keys(loads)) {
  Deno.test(`over ${name} live tensors and resident memory stay the same`, async () => {
    const args = ["run", "-A", "--no-prompt", import.meta.url, name];
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    const looks: [number, number][] = JSON.parse(new TextDecoder().decode(stdout).trim().split("\n").at(-1)!);
    assert.ok(looks.length >= 100);
    const tenth = (k: number) =>
      looks.slice(Math.floor(k * looks.length / 10), Math.floor((k + 1) * looks.length / 10));
    const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;
    const resident = (k: number) => median(tenth(k).map(([, rss]) => rss));
    const alive = (k: number) => Math.max(...tenth(k).map(([count]) => count));
    const growth = resident(9) - resident(1);
    assert.equal(alive(9), alive(1));
    assert.ok(growth <= Math.max(0.03 * resident(1), 16e6), `${growth / 1e6} MB more than ${resident(1) / 1e6} MB`);
  });
}

if (import.meta.main) await run(loads[Deno.args[0]!]!);
