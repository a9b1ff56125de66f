import { LatentError, type WorkEvent } from "../base/mod.ts";
import { Average, perceptualDistances, psnr, type Spread, ssim } from "../metric/mod.ts";
import type { Module } from "../nn/mod.ts";
import { scope, type Tensor } from "../tensor/mod.ts";
import {
  type FeatureNetwork,
  type FeatureNetworkName,
  hasWeights,
  loadFeatureNetwork,
  loadPerceptual,
  type PerceptualName,
  perceptualNames,
  type PublishedOptions,
} from "./feature_networks.ts";

/** What both kinds of evaluation take. */
export interface EvaluationOptions extends PublishedOptions {
  /** The networks of perceptual distances. @default all whose weights are there */
  perceptual?: readonly PerceptualName[];
  /** What sets are compared in: a published network, or one of the caller's. @default {"efficientnet-lite0"} */
  features?: FeatureNetworkName | FeatureNetwork;
  /** Images that go through a network at once. @default {16} */
  batchSize?: number;
  /** Stops the work: the signal's reason is thrown. */
  signal?: AbortSignal;
}

/** How near images are to others, one by one. */
export interface PairFigures {
  /** Pairs. */
  images: number;
  /** Files that could not be read. */
  skipped: number;
  /** In dB; infinite where a pair is the same. */
  psnr: Spread;
  /** From −1 to 1, where images are the same. */
  ssim: Spread;
  /** Distances by the network's name. */
  perceptual: Record<string, Spread>;
}

/** Collects {@linkcode PairFigures} from pairs of batches. */
export class PairAverages {
  readonly #psnr = new Average();
  readonly #ssim = new Average();
  readonly #perceptual: ReadonlyMap<string, Average>;

  constructor(private readonly distances: ReadonlyMap<string, Module<[Tensor, Tensor]>>) {
    this.#perceptual = new Map([...distances.keys()].map((name) => [name, new Average()]));
  }

  /** Takes two batches [B, 3, h, w] in [−1, 1] in. */
  add(x: Tensor, y: Tensor): void {
    this.#psnr.add(psnr(x, y));
    this.#ssim.add(ssim(x, y));
    for (const [name, average] of this.#perceptual) {
      const distance = this.distances.get(name)!;
      average.add(perceptualDistances((a, b) => distance.call(a, b), x, y));
    }
  }

  /** What they come to. @throws LatentError `metric.empty` before the first */
  result(skipped: number): PairFigures {
    const perceptual = Object.fromEntries(
      [...this.#perceptual].map(([name, average]) => [name, average.result()] as const),
    );
    return { images: this.#psnr.count, skipped, psnr: this.#psnr.result(), ssim: this.#ssim.result(), perceptual };
  }
}

/** The distances that were asked for, else those at hand, by name; they belong to `owned`. */
export function* openDistances(
  { perceptual, ...options }: EvaluationOptions,
  owned: DisposableStack,
): Generator<WorkEvent, Map<string, Module<[Tensor, Tensor]>>> {
  const names = perceptual ?? perceptualNames.filter((name) => hasWeights(name, options.weights));
  if (names.length === 0) {
    yield { type: "note", text: "no perceptual distance: `latent pull efficientnet-lite0` fetches weights for one" };
  }
  return new Map(names.map((name) => [name, owned.use(loadPerceptual(name, options))]));
}

/** The network that sets are compared in; one that was loaded here belongs to `owned`. */
export function openFeatures(
  { features = "efficientnet-lite0", ...options }: EvaluationOptions,
  owned: DisposableStack,
): FeatureNetwork {
  return typeof features === "string" ? owned.use(loadFeatureNetwork(features, options)) : features;
}

/** Said before the work. @throws LatentError `file.exists` */
export function refuseExisting(path: string): void {
  try {
    Deno.statSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  throw new LatentError("file.exists", {
    what: `${path} exists`,
    mend: "Choose another path: nothing is overwritten.",
  });
}

/** Images as they are in a file of 8 bits, in [−1, 1]. */
export function eightBits(images: Tensor): Tensor {
  return scope(() => images.clamp(-1, 1).add_(1).mul_(127.5).round_().div_(127.5).sub_(1));
}

/** What the Fréchet distance is called: FID is Inception's alone. */
export function frechetName(network: string, prefix = ""): string {
  return network === "inception" ? `${prefix}FID` : `${prefix}FD (${network})`;
}

/** The lines of pairs in a table, a value for each column. */
export function pairLines(columns: readonly PairFigures[]): [string, ...string[]][] {
  const line = (name: string, value: (figures: PairFigures) => string): [string, ...string[]] => [
    name,
    ...columns.map(value),
  ];
  return [
    line("images", ({ images }) => String(images)),
    ...columns.some(({ skipped }) => skipped > 0) ? [line("unreadable", ({ skipped }) => String(skipped))] : [],
    line("PSNR, dB", ({ psnr }) => psnr.mean.toFixed(2)),
    line("SSIM", ({ ssim }) => ssim.mean.toFixed(4)),
    ...Object.keys(columns[0]?.perceptual ?? {}).map((name) =>
      line(
        name.startsWith("lpips-") ? `LPIPS (${name.slice(6)})` : `distance (${name})`,
        ({ perceptual }) => perceptual[name]!.mean.toFixed(4),
      )
    ),
  ];
}

/** Lines of cells, the first column to the left, the others to the right. */
export function tableText(lines: readonly (readonly string[])[]): string {
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines.map((line) =>
    line.map((cell, i) => i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)).join("  ")
  ).join("\n");
}
