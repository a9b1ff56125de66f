import assert from "node:assert/strict";
import {
  denoiserOf,
  type EtaOptions,
  linearSqrt,
  makePlan,
  type SamplerName,
  samplers,
  type Spacing,
} from "../../lib/diffusion/mod.ts";
import { Unet, type UnetOptions } from "../../lib/model/mod.ts";
import { Generator, noGrad, randn, scope, type Tensor } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";
import { assertNear, float32, numbers, toPeer } from "./arrays.ts";
import { peerTest } from "./peer.ts";
import type { Json, PeerArray } from "./runner.ts";

/** A sampler of ours, and what diffusers calls the same. */
interface Row {
  name: SamplerName;
  spacing: Spacing;
  options?: EtaOptions;
  theirs: string;
  arguments: Record<string, Json>;
  keywords?: Record<string, Json>;
}

const trailing = { timestep_spacing: "trailing" };
const karras = { timestep_spacing: "linspace", use_karras_sigmas: true }; // from σ(T−1) to σ(0), as ours
const clean = { clip_sample: false, set_alpha_to_one: true };
const compvis = { clip_sample: false, set_alpha_to_one: false, timestep_spacing: "leading", steps_offset: 1 };
const plms = { skip_prk_steps: true };

const rows: Row[] = [
  { name: "ddim", spacing: "trailing", theirs: "DDIMScheduler", arguments: { ...trailing, ...clean } },
  {
    name: "ddim",
    spacing: "compvis",
    theirs: "DDIMScheduler",
    arguments: compvis,
    options: { eta: 0.7 },
    keywords: { eta: 0.7 },
  },
  { name: "ddpm", spacing: "trailing", theirs: "DDPMScheduler", arguments: { ...trailing, clip_sample: false } },
  {
    name: "plms",
    spacing: "compvis",
    theirs: "PNDMScheduler",
    arguments: { ...plms, set_alpha_to_one: false, steps_offset: 1 },
  },
  {
    name: "plms",
    spacing: "trailing",
    theirs: "PNDMScheduler",
    arguments: { ...plms, ...trailing, set_alpha_to_one: true },
  },
  { name: "dpmpp-2m", spacing: "trailing", theirs: "DPMSolverMultistepScheduler", arguments: trailing },
  {
    name: "dpmpp-2m-sde",
    spacing: "trailing",
    theirs: "DPMSolverMultistepScheduler",
    arguments: { ...trailing, algorithm_type: "sde-dpmsolver++" },
  },
  { name: "euler", spacing: "trailing", theirs: "EulerDiscreteScheduler", arguments: trailing },
  { name: "euler", spacing: "karras", theirs: "EulerDiscreteScheduler", arguments: karras },
  { name: "euler-ancestral", spacing: "trailing", theirs: "EulerAncestralDiscreteScheduler", arguments: trailing },
  { name: "heun", spacing: "trailing", theirs: "HeunDiscreteScheduler", arguments: trailing },
  { name: "heun", spacing: "karras", theirs: "HeunDiscreteScheduler", arguments: karras },
  { name: "lms", spacing: "trailing", theirs: "LMSDiscreteScheduler", arguments: trailing },
  { name: "lms", spacing: "karras", theirs: "LMSDiscreteScheduler", arguments: karras },
  { name: "unipc", spacing: "trailing", theirs: "UniPCMultistepScheduler", arguments: trailing },
];

const schedule = linearSqrt({ start: 0.00085, end: 0.012 });
const betas = float32(schedule.betas, [1000]);
const shape = [2, 3, 8, 8];

const options: UnetOptions = {
  inChannels: 3,
  outChannels: 3,
  modelChannels: 32,
  multipliers: [1, 1],
  residualBlocks: 1,
  attentionFactors: [2],
  heads: { count: 2 },
  dropout: 0,
  scaleShift: true,
  residualResampling: false,
};

/** The same in the original's words. */
const network = {
  image_size: 8,
  in_channels: 3,
  out_channels: 3,
  model_channels: 32,
  channel_mult: [1, 1],
  num_res_blocks: 1,
  attention_resolutions: [2],
  num_heads: 2,
  use_scale_shift_norm: true,
};

/** A tiny U-Net with random weights, none of them zero. */
function randomUnet(generator: Generator): Unet {
  const unet = new Unet(options);
  noGrad(() =>
    scope(() => {
      for (const parameter of unet.namedParameters().values()) {
        const spread = parameter.shape.length > 1 ? 1 / Math.sqrt(parameter.numel / parameter.shape[0]!) : 0.2;
        parameter.copy_(randn(parameter.shape, { generator }).mul(spread));
      }
    })
  );
  return unet;
}

for (const { name, spacing, options, theirs, arguments: given, keywords } of rows) {
  for (const steps of [1, 10, 20]) {
    if (steps === 1 && (name === "plms" || spacing === "karras")) continue; // theirs has no list, or begins at t = 0
    peerTest(
      `${name}, ${steps} steps, ${spacing}: ends where ${theirs} does`,
      leakFree(async (peer) => {
        using generator = Generator.seeded(steps);
        using unet = randomUnet(generator);
        using start = randn(shape, { generator });
        using draws = randn([steps, ...shape], { generator });
        const plan = makePlan(schedule, steps, spacing);
        let next = 0;
        const noise = { normal: () => draws.select(0, next++), [Symbol.dispose]: () => {} };
        let end: Tensor | undefined;
        for await (const { x } of samplers[name].sampler(denoiserOf(unet), start, plan, noise, options)) end = x;
        using x = end!;
        const weights: Record<string, PeerArray> = {};
        unet.stateDict().forEach((tensor, key) => weights[key] = toPeer(tensor));
        const { arrays } = await peer.call(
          "samplers.sample",
          { scheduler: theirs, options: given, steps, network, ...keywords && { keywords } },
          { betas, start: toPeer(start), draws: toPeer(draws), ...weights },
        );
        assertTimes(numbers(arrays["timesteps"]!), plan.map(({ t }) => t));
        assertNear(toPeer(x), arrays["x"], 1e-3, name);
      }),
    );
  }
}

/** Each t of ours is among theirs, which have those that they look at twice, twice. */
function assertTimes(theirs: number[], ours: number[]): void {
  const different = theirs.filter((t, i) => i === 0 || Math.abs(t - theirs[i - 1]!) > 1e-6);
  assert.equal(different.length, ours.length);
  ours.forEach((t, i) =>
    assert.ok(Math.abs(t - different[i]!) < 2e-3 * Math.max(1, t), `t = ${t}, not ${different[i]}`)
  );
}
