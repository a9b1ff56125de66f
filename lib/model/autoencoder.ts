import { Conv2d, Module } from "../nn/mod.ts";
import { scope, type Tensor } from "../tensor/mod.ts";
import { Codebook, type CodebookOptions, type Quantized } from "./codebook.ts";
import { type CoderOptions, Decoder, Encoder } from "./coder.ts";
import { type FirstStage, IdentityFirstStage, type IdentityOptions, wantImage, wantLatent } from "./first_stage.ts";

/** The architecture of a first stage. */
export interface AutoencoderOptions extends CoderOptions {
  /** Channels of the latent. */
  embedChannels: number;
}

/** The architecture of a first stage with a codebook. */
export interface AutoencoderVQOptions extends AutoencoderOptions {
  /** What latents are replaced by. */
  codebook: CodebookOptions;
}

/** A diagonal Gaussian over latents (DiagonalGaussianDistribution, distributions.py). */
export interface Posterior {
  /** [B, Z, h, w] */
  mean: Tensor;
  /** [B, Z, h, w], clamped to [−30, 20] */
  logvar: Tensor;
}

/** What the two kinds of autoencoder share: encoder, decoder, and a convolution of size 1 on either side of the latent. */
export abstract class Autoencoder<Out> extends Module<[Tensor], Out> {
  /** Image [B, 3, H, W] → features [B, latentChannels, h, w], of moments twice as many. */
  readonly encoder: Module;
  /** Features [B, latentChannels, h, w] → image [B, 3, H, W]. */
  readonly decoder: Module & { readonly conv_out: Conv2d };
  /** The encoder's features → the encoding, [B, Z or 2Z, h, w]. */
  readonly quant_conv: Conv2d;
  /** Latent [B, Z, h, w] → the decoder's features. */
  readonly post_quant_conv: Conv2d;

  /** The networks, their weights yet to be filled: by `initialise` or `loadStateDict`. */
  constructor(readonly options: AutoencoderOptions) {
    super();
    const { latentChannels, embedChannels, doubleLatent } = options;
    const twice = doubleLatent ? 2 : 1;
    this.encoder = new Encoder(options);
    this.decoder = new Decoder(options);
    this.quant_conv = new Conv2d(twice * latentChannels, twice * embedChannels, 1);
    this.post_quant_conv = new Conv2d(embedChannels, latentChannels, 1);
  }

  /** The downsampling factor f. */
  get factor(): number {
    return 2 ** (this.options.multipliers.length - 1);
  }

  /** Channels Z of a latent. */
  get latentChannels(): number {
    return this.options.embedChannels;
  }

  /**
   * Image [B, 3, H, W] in [−1, 1] → encoding [B, Z or 2Z, H/f, W/f].
   *
   * @throws LatentError `image.shape` where H or W is no multiple of f
   */
  encode(image: Tensor): Tensor {
    wantImage(image, this.options.imageChannels, this.factor);
    using features = this.encoder.call(image);
    return this.quant_conv.call(features);
  }

  /** Latent [B, Z, h, w] → image [B, 3, f·h, f·w], about [−1, 1] and not clamped. @throws LatentError `latent.shape` */
  decode(z: Tensor): Tensor {
    wantLatent(z, this.latentChannels);
    using features = this.post_quant_conv.call(z);
    return this.decoder.call(features);
  }
}

/**
 * The KL-regularised autoencoder (section 3.1; AutoencoderKL, models/autoencoder.py).
 * Images are [B, 3, H, W] in [−1, 1], latents [B, Z, H/f, W/f], both in channels_last.
 */
export class AutoencoderKL extends Autoencoder<Posterior> implements FirstStage {
  /** Image [B, 3, H, W] in [−1, 1] → posterior over latents [B, Z, H/f, W/f]; H and W are multiples of f. */
  override forward(image: Tensor): Posterior {
    return posteriorOf(this.encode(image));
  }

  /** Moments [B, 2Z, h, w] → a latent that is drawn from their Gaussian, or its mean. */
  latent(moments: Tensor, normal?: (shape: readonly number[]) => Tensor): Tensor {
    return scope(() => {
      const posterior = posteriorOf(moments);
      return normal === undefined ? posterior.mean : samplePosterior(posterior, normal(posterior.mean.shape));
    });
  }
}

/**
 * The vector-quantised autoencoder (section 3.1; VQModel and VQModelInterface, models/autoencoder.py). The encoding is
 * the latent before quantisation, which diffusion works on; decoding quantises it.
 */
export class AutoencoderVQ extends Autoencoder<Quantized> implements FirstStage {
  /** Replaces latents by its codes. */
  readonly quantize: Codebook;

  /** The networks, their weights yet to be filled: by `initialise` or `loadStateDict`. */
  constructor(override readonly options: AutoencoderVQOptions) {
    super(options);
    this.quantize = new Codebook(options.codebook, options.embedChannels);
  }

  /** Image [B, 3, H, W] in [−1, 1] → codes [B, Z, H/f, W/f], which {@linkcode decodeQuantized} takes, and their loss. */
  override forward(image: Tensor): Quantized {
    return this.quantize.call(this.encode(image));
  }

  /** The encoding is the latent. */
  latent(encoding: Tensor): Tensor {
    return encoding.share();
  }

  /** Latent [B, Z, h, w] → its codes → image [B, 3, f·h, f·w], not clamped. @throws LatentError `latent.shape` */
  override decode(z: Tensor): Tensor {
    wantLatent(z, this.latentChannels);
    return scope(() => this.decodeQuantized(this.quantize.call(z).z));
  }

  /** Codes, or a latent that is not to be quantised, [B, Z, h, w] → image [B, 3, f·h, f·w], not clamped. */
  decodeQuantized(codes: Tensor): Tensor {
    return super.decode(codes);
  }
}

/** The networks of a first stage. */
export type FirstStageNetwork = AutoencoderKL | AutoencoderVQ | IdentityFirstStage;

/** What a first stage is made of. */
export type FirstStageOptions = AutoencoderOptions | AutoencoderVQOptions | IdentityOptions;

/** The first stage that options describe: with a codebook, with moments, or, where they name no coder, the identity. */
export function firstStageOf(options: FirstStageOptions): FirstStageNetwork {
  if ("codebook" in options) return new AutoencoderVQ(options);
  return "channels" in options ? new AutoencoderKL(options) : new IdentityFirstStage(options);
}

/** Moments [B, 2Z, h, w] → mean and log-variance. */
export function posteriorOf(moments: Tensor): Posterior {
  const [mean, logvar] = moments.chunk(2, 1) as [Tensor, Tensor];
  return { mean, logvar: logvar.clamp(-30, 20) };
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
