import { LatentError } from "../base/mod.ts";
import { Module } from "../nn/mod.ts";
import type { Tensor } from "../tensor/mod.ts";

/**
 * A first stage as diffusion sees it: functions from images to latents and back. Images are [B, C, H, W] in [−1, 1],
 * latents [B, Z, H/f, W/f]; what is given back is the caller's.
 */
export interface FirstStage {
  /** The downsampling factor f. */
  readonly factor: number;
  /** Channels Z of a latent. */
  readonly latentChannels: number;
  /** Image → what its latents come from, at their resolution: the posterior's moments, or the latent itself. */
  encode(image: Tensor): Tensor;
  /**
   * Encoding → latent.
   *
   * @param normal draws standard-normal noise of a shape where the latent is drawn at random; without it that is the mean
   */
  latent(encoding: Tensor, normal?: (shape: readonly number[]) => Tensor): Tensor;
  /** Latent → image, not clamped. */
  decode(z: Tensor): Tensor;
}

/** The first stage of diffusion on pixels, f = 1: images are the latents (IdentityFirstStage, models/autoencoder.py). */
export class IdentityFirstStage extends Module implements FirstStage {
  /** Images stay as large as they are. */
  readonly factor = 1;

  /** Has no weights. */
  constructor(readonly options: IdentityOptions) {
    super();
  }

  /** Channels of an image. */
  get latentChannels(): number {
    return this.options.imageChannels;
  }

  /** The image. */
  override forward(image: Tensor): Tensor {
    return this.encode(image);
  }

  /** The image. */
  encode(image: Tensor): Tensor {
    wantImage(image, this.options.imageChannels, 1);
    return image.share();
  }

  /** The image. */
  latent(encoding: Tensor): Tensor {
    return encoding.share();
  }

  /** The image. */
  decode(z: Tensor): Tensor {
    wantLatent(z, this.latentChannels);
    return z.share();
  }
}

/** What an {@linkcode IdentityFirstStage} is made of. */
export interface IdentityOptions {
  /** Channels of an image. */
  imageChannels: number;
}

/** @throws LatentError `image.shape` where a first stage of factor f cannot encode it */
export function wantImage(image: Tensor, channels: number, factor: number): void {
  const [, c, height, width, ...rest] = image.shape;
  const whole = (size?: number) => size !== undefined && size > 0 && size % factor === 0;
  if (c === channels && whole(height) && whole(width) && rest.length === 0) return;
  const near = (size: number) => Math.max(factor, Math.round(size / factor) * factor);
  throw new LatentError("image.shape", {
    what: "The first stage cannot encode this image",
    found: `[${image.shape.join(", ")}]`,
    wanted: `[B, ${channels}, H, W]` + (factor === 1 ? "" : `, H and W multiples of ${factor}`),
    ...c === channels && height && width && rest.length === 0
      ? { mend: `Resize or crop it to ${near(height)} × ${near(width)}.` }
      : {},
  });
}

/** @throws LatentError `latent.shape` where a first stage cannot decode it */
export function wantLatent(z: Tensor, channels: number): void {
  if (z.shape.length === 4 && z.shape[1] === channels) return;
  throw new LatentError("latent.shape", {
    what: "The first stage cannot decode this latent",
    found: `[${z.shape.join(", ")}]`,
    wanted: `[B, ${channels}, h, w]`,
    mend: "Decode it by the first stage that it was encoded with.",
  });
}
