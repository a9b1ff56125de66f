/** A training step of one loss: backward, clipping, AdamW, moving average, loss and norm read. @module */
import { addNoise, linearSqrt } from "../../lib/diffusion/mod.ts";
import {
  AutoencoderKL,
  type AutoencoderOptions,
  posteriorKl,
  samplePosterior,
  Unet,
  type UnetOptions,
} from "../../lib/model/mod.ts";
import type { AnyModule } from "../../lib/nn/mod.ts";
import { AdamW, clipGradNorm, Ema } from "../../lib/optim/mod.ts";
import { autocast, clearGrads, randint, randn, stack, type Tensor } from "../../lib/tensor/mod.ts";
import { built, input, repeated, type Setup, type Turns } from "./program.ts";

type Task =
  | Setup<UnetOptions> & { task: "diffusion" }
  | Setup<AutoencoderOptions> & { task: "autoencoder" };

/** The network of the task, and fixed data. */
export function setup(s: Task & { dtype?: "float32" | "bfloat16" }): Turns {
  const { device, dtype = "float32" } = s;
  const [model, loss] = s.task === "diffusion" ? denoising(s) : coding(s);
  const named = model.train().namedParameters();
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

function denoising({ network, batch, size, device }: Setup<UnetOptions>): [AnyModule, () => Tensor] {
  const unet = built(device, () => new Unet(network));
  const schedule = linearSqrt();
  const x0 = input([batch, network.inChannels, size, size], device);
  return [unet, () => {
    const t = randint(0, 1000, [batch], { device });
    const noise = randn(x0.shape, { device }).contiguous({ memoryFormat: "channels_last" });
    const steps = Array.from(t.data() as BigInt64Array, Number);
    return unet.call(addNoise(schedule, x0, noise, steps), t).to({ dtype: "float32" }).mseLoss(noise);
  }];
}

function coding({ network, batch, size, device }: Setup<AutoencoderOptions>): [AnyModule, () => Tensor] {
  const model = built(device, () => new AutoencoderKL(network));
  const images = input([batch, 3, size, size], device);
  return [model, () => {
    const posterior = model.call(images);
    const noise = randn(posterior.mean.shape, { device });
    const kl = posteriorKl(posterior).mean(null).mul(1e-6 / (3 * size * size));
    return model.decode(samplePosterior(posterior, noise)).l1Loss(images).add(kl);
  }];
}
