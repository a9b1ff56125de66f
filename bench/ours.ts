/** Our side of a case: answers `setup`, `run` and `memory` as JSON lines, in a process of its own. @module */
import { TextLineStream } from "./lines.ts";
import { addNoise, linearSqrt } from "../lib/diffusion/mod.ts";
import { AutoencoderKL, posteriorKl, samplePosterior, Unet } from "../lib/model/mod.ts";
import { type AnyModule, onDevice } from "../lib/nn/mod.ts";
import { AdamW, clipGradNorm, Ema } from "../lib/optim/mod.ts";
import {
  autocast,
  clearGrads,
  type DType,
  Generator,
  inferenceMode,
  keep,
  randint,
  randn,
  scope,
  stack,
  synchronize,
  type Tensor,
  threads as setThreads,
} from "../lib/tensor/mod.ts";
import type { PeerUnet } from "./cases.ts";

interface Setup {
  program: string;
  device: string;
  threads: number;
  network?: unknown;
  task?: "diffusion" | "autoencoder";
  batch?: number;
  size?: number;
  dtype?: "float32" | "bfloat16";
}

type Turn = (count: number) => void;

const generator = () => Generator.seeded(0);

function setup(s: Setup): Turn {
  setThreads(s.threads);
  if (s.program === "time_add") return additions(s.device);
  return s.program === "time_forward" ? forward(s) : step(s);
}

function additions(device: string): Turn {
  const make = () => keep(randn([16], { device })).requiresGrad_();
  const [a, b] = [make(), make()];
  return (count) => {
    scope(() => {
      for (let i = 0; i < count; i++) a.add(b).dispose();
    });
  };
}

function forward({ network, batch = 1, size = 1, dtype = "float32", device }: Setup): Turn {
  const unet = unetOf(network as PeerUnet, device);
  const x = input([batch, unet.options.inChannels, size, size], device, dtype);
  const t = keep(scope(() => randint(500, 501, [batch]).to({ device })));
  return repeated(() => inferenceMode(() => unet.call(x, t).dispose()));
}

function step({ network, task, batch = 1, size = 1, dtype = "float32", device }: Setup): Turn {
  using random = generator();
  const [model, loss] = task === "diffusion"
    ? denoising(network as PeerUnet, batch, size, device)
    : coding(network, batch, size, device);
  model.initialise(random).train();
  const named = model.namedParameters();
  const parameters = [...named.values()];
  const optimizer = new AdamW(named, { learningRate: 1e-3 });
  const ema = new Ema(named);
  return repeated(() => {
    const value = autocast(device, dtype, loss);
    value.backward();
    const norm = clipGradNorm(parameters, 1);
    optimizer.step();
    clearGrads(parameters);
    ema.update();
    stack([value, norm]).tolist();
  });
}

function denoising(network: PeerUnet, batch: number, size: number, device: string): [AnyModule, () => Tensor] {
  const unet = unetOf(network, device);
  const schedule = linearSqrt();
  const x0 = input([batch, network.in_channels, size, size], device, "float32");
  return [unet, () => {
    const t = randint(0, 1000, [batch], { device });
    const noise = randn(x0.shape, { device }).contiguous({ memoryFormat: "channels_last" });
    const steps = Array.from(t.data() as BigInt64Array, Number);
    return unet.call(addNoise(schedule, x0, noise, steps), t).to({ dtype: "float32" }).mseLoss(noise);
  }];
}

function coding(network: unknown, batch: number, size: number, device: string): [AnyModule, () => Tensor] {
  const { ddconfig: d, embed_dim } = network as { ddconfig: Record<string, number & number[]>; embed_dim: number };
  const options = {
    channels: d["ch"]!,
    multipliers: d["ch_mult"]!,
    residualBlocks: d["num_res_blocks"]!,
    attentionResolutions: [],
    resolution: d["resolution"]!,
    imageChannels: d["in_channels"]!,
    latentChannels: d["z_channels"]!,
    embedChannels: embed_dim,
    doubleLatent: true,
    dropout: 0,
  };
  const model = onDevice(device, () => new AutoencoderKL(options));
  const images = input([batch, 3, size, size], device, "float32");
  return [model, () => {
    const posterior = model.call(images);
    const noise = randn(posterior.mean.shape, { device });
    const kl = posteriorKl(posterior).mean(null).mul(1e-6 / (3 * size * size));
    return model.decode(samplePosterior(posterior, noise)).l1Loss(images).add(kl);
  }];
}

function unetOf(n: PeerUnet, device: string): Unet {
  using random = generator();
  const unet = onDevice(device, () =>
    new Unet({
      inChannels: n.in_channels,
      outChannels: n.out_channels,
      modelChannels: n.model_channels,
      multipliers: n.channel_mult,
      residualBlocks: n.num_res_blocks,
      attentionFactors: n.attention_resolutions,
      heads: { channels: n.num_head_channels },
      dropout: 0,
      scaleShift: false,
      residualResampling: false,
    }));
  return unet.initialise(random);
}

function input(shape: number[], device: string, dtype: DType): Tensor {
  return keep(scope(() => randn(shape, { device }).to({ dtype }).contiguous({ memoryFormat: "channels_last" })));
}

function repeated(turn: () => void): Turn {
  return (count) => {
    for (let i = 0; i < count; i++) scope(turn);
  };
}

/** Peak resident bytes of this process, or what Deno knows where there is no /proc. */
function peakBytes(): number {
  try {
    return 1024 * Number(/VmHWM:\s+(\d+)/.exec(Deno.readTextFileSync("/proc/self/status"))?.[1]);
  } catch {
    return Deno.memoryUsage().rss;
  }
}

let turn: Turn = () => {};
let device = "cpu";
const answers: Record<string, (argument: never) => unknown> = {
  setup: (s: Setup) => {
    turn = setup(s);
    device = s.device;
    return {};
  },
  run: ({ n }: { n: number }) => {
    const start = performance.now();
    turn(n);
    if (device !== "cpu") synchronize(device);
    return { seconds: (performance.now() - start) / 1000 };
  },
  memory: () => ({ peak: peakBytes() }),
};

for await (const line of Deno.stdin.readable.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream())) {
  const { call, argument } = JSON.parse(line) as { call: string; argument: never };
  console.log(JSON.stringify(answers[call]!(argument)));
}
