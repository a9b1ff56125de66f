import { anisotropicKernel, type BlurKernel, isotropicKernel, shiftedKernel } from "./blur.ts";
import type { Interpolation } from "./interpolate.ts";
import { noiseCovariance, orthonormalBasis, type PictureNoise } from "./picture_noise.ts";
import { draws, mix } from "./random.ts";

/**
 * How pictures for super-resolution are made smaller: Pillow's bicubic, or the published chains of steps in random
 * order (Zhang et al. 2021, BSRGAN; the files of the same names in CompVis/latent-diffusion).
 */
export type Degradation = "bicubic" | "bsrgan" | "bsrgan_light" | "bsrgan_plus";

/** All {@linkcode Degradation}s. */
export const degradations: readonly Degradation[] = ["bicubic", "bsrgan", "bsrgan_light", "bsrgan_plus"];

/** One step of a chain, with all that was drawn for it but the noise itself. */
export type DegradationStep =
  | { readonly kind: "blur"; readonly kernel: BlurKernel }
  | {
    readonly kind: "decimate"; /** That every how manieth pixel is taken after a blur. */
    readonly factor: number;
    readonly kernel: BlurKernel;
  }
  | {
    readonly kind: "resize"; /** Height and width. */
    readonly size: readonly [number, number];
    readonly how: Interpolation;
  }
  | { readonly kind: "imresize"; readonly scale: number }
  | { readonly kind: "noise" | "speckle"; readonly noise: PictureNoise }
  | { readonly kind: "poisson"; readonly peak: number; readonly grey: boolean }
  | { readonly kind: "jpeg"; readonly quality: number };

/** What a picture goes through. */
export interface DegradationChain {
  /** In order. */
  readonly steps: readonly DegradationStep[];
  /** Of the JPEG file that it becomes in the end. */
  readonly quality: number;
}

/** What tells one strength from another. */
interface Strength {
  /** Sides of the kernels of one kind and of the other. */
  anisotropicSize(draw: Draw): number;
  isotropicSize(draw: Draw): number;
  /** Of the blurs' variances and standard deviations. */
  width: number;
  /** Blurs of a chain. */
  blurs: number;
  /** How often pictures become smaller by resizing, not by a blur and leaving out pixels. */
  resized: number;
  /** Levels of noise, of 255, and qualities of JPEG files: the least and the largest. */
  noise: readonly [number, number];
  quality: readonly [number, number];
}

type Draw = () => number;

const wide: Strength = {
  anisotropicSize: (draw) => 2 * between(draw, 2, 11) + 3,
  isotropicSize: (draw) => 2 * between(draw, 2, 11) + 3,
  width: 1,
  blurs: 2,
  resized: 0.75,
  noise: [2, 25],
  quality: [30, 95],
};
const light: Strength = {
  anisotropicSize: (draw) => between(draw, 2, 11) + 3,
  isotropicSize: (draw) => between(draw, 2, 4) + 3,
  width: 0.25,
  blurs: 1,
  resized: 0.8,
  noise: [1, 2],
  quality: [80, 95],
};

/**
 * What a picture goes through: a function of the arguments alone.
 *
 * `bsrgan` and `bsrgan_light` are `degradation_bsrgan_variant` of bsrgan.py and bsrgan_light.py (no Poisson noise and no
 * speckles, which are in `bsrgan_plus` alone); `bsrgan_plus` is `degradation_bsrgan_plus` without its sharpening, which
 * would change the picture that is to be restored. None has the noise of cameras, whose network wasn't published.
 *
 * @param size height and width, multiples of the factor
 * @param draw the picture's random bits, `Cut.draw`
 */
export function chooseDegradation(
  degradation: Exclude<Degradation, "bicubic">,
  size: readonly [number, number],
  factor: number,
  draw: number,
): DegradationChain {
  const next = draws(mix(draw, 1), 0);
  if (degradation === "bsrgan_plus") return plus(size, factor, next);
  return chain(degradation === "bsrgan" ? wide : light, size, factor, next);
}

function chain(strength: Strength, size: readonly [number, number], factor: number, draw: Draw): DegradationChain {
  const steps: DegradationStep[] = [];
  let [h, w] = size;
  let rest = factor;
  if (factor === 4 && draw() < 0.25) {
    steps.push(draw() < 0.5 ? resizeTo([h / 2, w / 2], draw) : { kind: "imresize", scale: 0.5 });
    [h, w, rest] = [h / 2, w / 2, 2];
  }
  const order = shuffled(["blur", "second blur", "shrink", "fit", "noise", "jpeg"] as const, draw);
  const [shrink, fit] = [order.indexOf("shrink"), order.indexOf("fit")];
  if (fit < shrink) [order[shrink], order[fit]] = ["fit", "shrink"];
  for (const name of order) {
    if (name === "blur" || name === "second blur" && strength.blurs > 1) steps.push(blur(strength, rest, draw));
    if (name === "shrink") steps.push(shrunk(strength, [h, w], rest, draw));
    if (name === "fit") steps.push(resizeTo([Math.floor(h / rest), Math.floor(w / rest)], draw));
    if (name === "noise") steps.push({ kind: "noise", noise: noiseOf(strength, draw) });
    if (name === "jpeg" && draw() < 0.9) steps.push({ kind: "jpeg", quality: qualityOf(strength, draw) });
  }
  return { steps, quality: qualityOf(strength, draw) };
}

function plus([height, width]: readonly [number, number], factor: number, draw: Draw): DegradationChain {
  const noises = ["noise", "poisson", "speckle"] as const;
  const all = ["blur", "resize", ...noises, "jpeg", "blur", "resize", ...noises] as const;
  const mostly = () => ["blur", "resize", ...shuffled(noises, draw)] as const;
  const order = draw() < 0.5 ? shuffled(all, draw) : [...mostly(), "jpeg", ...mostly()] as const;
  let size = [height, width] as const;
  const steps = order.flatMap((name): DegradationStep[] => {
    switch (name) {
      case "blur":
        return [blur(wide, factor, draw)];
      case "resize": {
        const scale = someScale(factor, draw);
        size = [scaled(size[0], scale), scaled(size[1], scale)];
        return [resizeTo(size, draw)];
      }
      case "noise":
        return [{ kind: "noise", noise: noiseOf(wide, draw) }];
      case "poisson":
        return draw() < 0.1 ? [{ kind: "poisson", peak: 10 ** (2 * draw() + 2), grey: draw() >= 0.5 }] : [];
      case "speckle":
        return draw() < 0.1 ? [{ kind: "speckle", noise: noiseOf(wide, draw) }] : [];
      case "jpeg":
        return [{ kind: "jpeg", quality: qualityOf(wide, draw) }];
    }
  });
  steps.push(resizeTo([Math.floor(height / factor), Math.floor(width / factor)], draw));
  return { steps, quality: qualityOf(wide, draw) };
}

function blur({ anisotropicSize, isotropicSize, width }: Strength, factor: number, draw: Draw): DegradationStep {
  if (draw() < 0.5) {
    const variance = () => width * (4 + factor) * (1 - draw()); // never 0
    const [l1, l2] = [variance(), variance()];
    return { kind: "blur", kernel: anisotropicKernel(anisotropicSize(draw), draw() * Math.PI, l1, l2) };
  }
  return { kind: "blur", kernel: isotropicKernel(isotropicSize(draw), width * (2 + 0.2 * factor) * (1 - draw())) };
}

/** Smaller by up to twice what is wanted, or by leaving out pixels by just that. */
function shrunk({ resized }: Strength, [h, w]: readonly [number, number], factor: number, draw: Draw): DegradationStep {
  if (draw() < resized) {
    const scale = 1 / (1 + draw() * (2 * factor - 1));
    return resizeTo([scaled(h, scale), scaled(w, scale)], draw);
  }
  const kernel = isotropicKernel(25, 0.1 + draw() * (0.6 * factor - 0.1));
  return { kind: "decimate", factor, kernel: shiftedKernel(kernel, (factor - 1) / 2) };
}

/** Larger, smaller or neither, as `add_resize`. */
function someScale(factor: number, draw: Draw): number {
  const which = draw();
  if (which > 0.8) return 1 + draw();
  const smallest = 0.5 / factor;
  return which < 0.7 ? smallest + draw() * (1 - smallest) : 1;
}

function resizeTo(size: readonly [number, number], draw: Draw): DegradationStep {
  return { kind: "resize", size, how: (["bilinear", "bicubic", "area"] as const)[between(draw, 0, 2)]! };
}

function noiseOf({ noise: [least, most] }: Strength, draw: Draw): PictureNoise {
  const level = between(draw, least, most) / 255;
  const which = draw();
  if (which > 0.6) return { kind: "color", level };
  if (which < 0.4) return { kind: "grey", level };
  const three = () => [draw(), draw(), draw()];
  const diagonal = three();
  return {
    kind: "correlated",
    covariance: noiseCovariance(most / 255, diagonal, orthonormalBasis([three(), three(), three()])),
  };
}

function qualityOf({ quality: [least, most] }: Strength, draw: Draw): number {
  return between(draw, least, most);
}

const scaled = (size: number, scale: number): number => Math.max(1, Math.floor(size * scale));

/** An integer of least … most. */
function between(draw: Draw, least: number, most: number): number {
  return least + Math.floor(draw() * (most - least + 1));
}

/** In an order that is drawn, all of them equally likely (Fisher and Yates). */
function shuffled<T>(items: readonly T[], draw: Draw): T[] {
  const all = [...items];
  for (let i = all.length - 1; i > 0; i--) {
    const j = between(draw, 0, i);
    [all[i], all[j]] = [all[j]!, all[i]!];
  }
  return all;
}
