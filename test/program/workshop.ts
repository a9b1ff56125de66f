/** Small pictures, small networks, and a folder for what is made of them. @module */
import { join } from "@std/path";
import { encodePng } from "../../lib/image/mod.ts";
import { tensorSources, writeSafetensors } from "../../lib/file/mod.ts";
import { AutoencoderKL, type AutoencoderOptions, type AutoencoderVQOptions, Lpips, Unet } from "../../lib/model/mod.ts";
import { saveDiffusion, saveFirstStage } from "../../lib/task/mod.ts";
import { Generator, type Tensor, threads } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";

/** Where a test works. */
export interface Workshop {
  /** A path in the temporary folder. */
  path(...names: string[]): string;
  /** A folder of 40 pictures of 32×32. */
  data: string;
}

/** A test in a folder of its own, that leaves neither a tensor nor a file; operators run on one thread. */
export function workshopTest(name: string, body: (workshop: Workshop) => Promise<void>): void {
  Deno.test(name, leakFree(() => inWorkshop(body)));
}

/** Runs `use` in a new folder and removes it. */
export async function inWorkshop(use: (workshop: Workshop) => Promise<void>): Promise<void> {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  const before = threads();
  threads(1);
  try {
    const data = join(folder, "pictures");
    Deno.mkdirSync(data);
    for (let i = 0; i < 40; i++) await writePicture(join(data, `${String(i).padStart(2, "0")}.png`), i);
    await use({ path: (...names) => join(folder, ...names), data });
  } finally {
    threads(before);
    await Deno.remove(folder, { recursive: true });
  }
}

/** A picture whose left half is darker and whose colours depend on its number. */
export async function writePicture(path: string, number: number, side = 32): Promise<void> {
  const data = new Uint8ClampedArray(4 * side * side);
  for (let p = 0; p < side * side; p++) {
    const [x, y] = [p % side, Math.floor(p / side)];
    data.set([6 * number, (x < side / 2 ? 3 : 7) * x, (number * y) % 256, 255], 4 * p);
  }
  Deno.writeFileSync(path, await encodePng({ width: side, height: side, data }));
}

/** An autoencoder whose step takes milliseconds. */
export function tinyAutoencoder(data: string): Record<string, unknown> {
  return {
    data,
    size: 32,
    images: { validation: 0.1, workers: 1 },
    model: { f: 4, channels: 32, multipliers: [1, 1, 1], residualBlocks: 0, latentChannels: 3 },
    batchSize: 4,
    steps: 4,
    threads: 1,
    every: { validate: 1000, sample: 1000, checkpoint: 1000 },
  };
}

/** A denoiser whose step takes milliseconds. */
export function tinyUnet(data: string, firstStage: string): Record<string, unknown> & { firstStage: string } {
  return {
    ...tinyAutoencoder(data),
    firstStage,
    model: { channels: 32, multipliers: [1, 2], residualBlocks: 1, attentionFactors: [2], headChannels: 16 },
    objective: { sampleSteps: 2 },
  };
}

/** Options over options, mapping by mapping. */
export function merged<T extends Record<string, unknown>>(base: T, over: Record<string, unknown>): T {
  const mapping = (value: unknown): value is Record<string, unknown> =>
    typeof value === "object" && value !== null && !Array.isArray(value);
  const entries = Object.entries(over).map(([key, value]) => {
    const own = base[key];
    return [key, mapping(own) && mapping(value) ? merged(own, value) : value];
  });
  return { ...base, ...Object.fromEntries(entries) };
}

/** A first stage of 32×32 pictures and latents of 8×8×3. */
export const tinyCoder: AutoencoderOptions = {
  channels: 32,
  multipliers: [1, 1, 1],
  residualBlocks: 0,
  attentionResolutions: [],
  resolution: 32,
  imageChannels: 3,
  latentChannels: 3,
  embedChannels: 3,
  doubleLatent: true,
  dropout: 0,
};

/** The same with a codebook. */
export const tinyCodes: AutoencoderVQOptions = { ...tinyCoder, doubleLatent: false, codebook: { codes: 16 } };

function firstStageOf(generator: Generator): AutoencoderKL {
  return new AutoencoderKL(tinyCoder).requiresGrad_(false).initialise(generator);
}

/** Writes a first stage with weights from a seed. */
export function writeFirstStage(path: string, seed = 0): void {
  using generator = Generator.seeded(seed);
  using firstStage = firstStageOf(generator);
  saveFirstStage(path, firstStage);
}

/** Writes LPIPS on SqueezeNet with weights from a seed, under the names of the published files. */
export function writePerceptual(folder: string): void {
  Deno.mkdirSync(folder, { recursive: true });
  using generator = Generator.seeded(0);
  using lpips = new Lpips("squeeze");
  const trunk = new Map<string, Tensor>();
  const heads = new Map<string, Tensor>();
  for (const [name, tensor] of lpips.stateDict()) {
    if (name.startsWith("scaling_layer")) continue;
    tensor.uniform_(0, 0.05, { generator });
    if (name.startsWith("lin")) heads.set(name, tensor);
    else trunk.set(name.replace(/^net\.slice\d+/, "features"), tensor);
  }
  for (const [file, tensors] of [["squeezenet1_1-b8a52dc0.pth", trunk], ["squeeze.pth", heads]] as const) {
    writeSafetensors(join(folder, file), tensorSources(tensors), { replace: true });
  }
}

/** Writes a diffusion model with weights from a seed, none of them zero. */
export function writeModel(path: string, seed = 0): void {
  using generator = Generator.seeded(seed);
  using firstStage = firstStageOf(generator);
  using unet = new Unet({
    inChannels: 3,
    outChannels: 3,
    modelChannels: 32,
    multipliers: [1, 2],
    residualBlocks: 1,
    attentionFactors: [2],
    heads: { channels: 16 },
    dropout: 0,
    scaleShift: false,
    residualResampling: false,
  });
  unet.requiresGrad_(false).initialise(generator);
  for (const [name, tensor] of unet.stateDict()) {
    if (/^out\.2|out_layers\.3|proj_out/.test(name)) tensor.normal_(0, 0.05, { generator }); // they start at zero
  }
  const schedule = { steps: 1000, start: 0.0015, end: 0.0195 };
  saveDiffusion(path, firstStage, unet, { schedule, predict: "eps", latentScale: 0.8, size: 32 });
}
