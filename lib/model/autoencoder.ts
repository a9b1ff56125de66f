import { Conv2d, Module } from "../nn/mod.ts";
import { scope, type Tensor } from "../tensor/mod.ts";
import { type CoderOptions, Decoder, Encoder } from "./coder.ts";

/** The architecture of a first stage. */
export interface AutoencoderOptions extends CoderOptions {
  /** Channels of the latent. */
  embedChannels: number;
}

/** A diagonal Gaussian over latents (DiagonalGaussianDistribution, distributions.py). */
export interface Posterior {
  /** [B, Z, h, w] */
  mean: Tensor;
  /** [B, Z, h, w], clamped to [−30, 20] */
  logvar: Tensor;
}

/**
 * The KL-regularised autoencoder (section 3.1; AutoencoderKL, models/autoencoder.py).
 * Images are [B, 3, H, W] in [−1, 1], latents [B, Z, H/f, W/f], both in channels_last.
 */
export class AutoencoderKL extends Module<[Tensor], Posterior> {
  /** Image [B, 3, H, W] → moments [B, 2·latentChannels, h, w]. */
  readonly encoder: Module;
  /** Features [B, latentChannels, h, w] → image [B, 3, H, W]. */
  readonly decoder: Module;
  /** The encoder's moments → mean and log-variance of the latent, [B, 2Z, h, w]. */
  readonly quant_conv: Conv2d;
  /** Latent [B, Z, h, w] → the decoder's features. */
  readonly post_quant_conv: Conv2d;

  /** The networks, their weights yet to be filled: by `initialise` or `loadStateDict`. */
  constructor(readonly options: AutoencoderOptions) {
    super();
    this.encoder = new Encoder(options);
    this.decoder = new Decoder(options);
    this.quant_conv = new Conv2d(2 * options.latentChannels, 2 * options.embedChannels, 1);
    this.post_quant_conv = new Conv2d(options.embedChannels, options.latentChannels, 1);
  }

  /** The downsampling factor f. */
  get factor(): number {
    return 2 ** (this.options.multipliers.length - 1);
  }

  /** Image [B, 3, H, W] in [−1, 1] → posterior over latents [B, Z, H/f, W/f]; H and W are multiples of f. */
  override forward(image: Tensor): Posterior {
    const moments = this.quant_conv.call(this.encoder.call(image));
    const [mean, logvar] = moments.chunk(2, 1) as [Tensor, Tensor];
    return { mean, logvar: logvar.clamp(-30, 20) };
  }

  /** Latent [B, Z, h, w] → image [B, 3, f·h, f·w], about [−1, 1] and not clamped. */
  decode(z: Tensor): Tensor {
    using features = this.post_quant_conv.call(z);
    return this.decoder.call(features);
  }
}

/** A latent from the posterior, mean + std · noise; noise is standard normal, [B, Z, h, w] as the mean. */
export function samplePosterior({ mean, logvar }: Posterior, noise: Tensor): Tensor {
  using std = logvar.mul(0.5).exp_();
  return mean.addcmul(std, noise);
}

/** KL divergence from the standard normal, summed over each latent: [B]. */
export function posteriorKl({ mean, logvar }: Posterior): Tensor {
  return scope(() => mean.square().add(logvar.exp()).sub(logvar).sub(1).sum([1, 2, 3]).mul(0.5));
}
