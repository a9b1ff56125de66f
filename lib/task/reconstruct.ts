import { basename } from "@std/path";
import { LatentError, type WorkEvent } from "../base/mod.ts";
import { composite, decodeImage, type Picture, resize } from "../image/mod.ts";
import { perceptualDistances, psnr, ssim } from "../metric/mod.ts";
import type { FirstStage } from "../model/mod.ts";
import type { Module } from "../nn/mod.ts";
import { cat, fromBytes, inferenceMode, scope, type Tensor } from "../tensor/mod.ts";
import { eightBits, type EvaluationOptions, openDistances, tableText } from "./evaluation.ts";
import { picturesOf } from "./pictures.ts";

/** Options of {@linkcode reconstruct}. */
export interface ReconstructOptions extends Omit<EvaluationOptions, "features" | "batchSize"> {
  /** Resize the shorter side to so many pixels and cut a square from the middle. @default the picture's own sides */
  size?: number | undefined;
}

/** How near a reconstruction is. */
export interface ReconstructionResult {
  /** The picture's file. */
  path: string;
  /** Of the 8-bit pictures, in dB; infinite where they are the same. */
  psnr: number;
  /** Of the 8-bit pictures. */
  ssim: number;
  /** Their distances, by the network's name. */
  perceptual: Record<string, number>;
}

/** What became of a picture. */
export interface ReconstructedPicture extends ReconstructionResult {
  /** What tells it from events. */
  type: "reconstruction";
  /** What was encoded. */
  original: Picture;
  /** Decoded again, of the same size. */
  reconstruction: Picture;
}

/**
 * Encodes pictures to the mean of the posterior and decodes that again, one after the other. Where a side is no multiple
 * of f, the rest is cut off at both ends, and a note says so.
 *
 * @param firstStage or one that works in tiles
 * @throws LatentError `usage.picture` for a file that is not there, `image.*` for one that cannot be decoded or is too
 * small, `image.shape` for a `size` that f does not divide, `usage.weights`; the reason of the signal where that aborts
 */
export async function* reconstruct(
  firstStage: FirstStage,
  paths: readonly string[],
  options: ReconstructOptions = {},
): AsyncGenerator<WorkEvent | ReconstructedPicture> {
  const { size, device = "cpu", signal } = options;
  using owned = new DisposableStack();
  const distances = yield* openDistances(options, owned);
  for (const [done, path] of paths.entries()) {
    yield progress(done, paths.length);
    signal?.throwIfAborted();
    const picture = await readPicture(path);
    const { width, height } = size === undefined ? cropped(path, picture, firstStage.factor) : picture;
    if (width < picture.width || height < picture.height) {
      yield { type: "note", text: `${path}: the ${width} × ${height} pixels in its middle, multiples of f` };
    }
    const figures = inferenceMode(() =>
      scope(() => {
        const images = rgb(picture).to({ device });
        const part = size === undefined ? middle(images, height, width) : middle(shorterSide(images, size), size, size);
        return figuresOf(firstStage, part.to({ dtype: "float32" }).div(127.5).sub(1), distances);
      })
    );
    yield { type: "reconstruction", path, ...figures };
  }
  yield progress(paths.length, paths.length);
}

function figuresOf(
  firstStage: FirstStage,
  image: Tensor,
  distances: ReadonlyMap<string, Module<[Tensor, Tensor]>>,
): Omit<ReconstructedPicture, "type" | "path"> {
  const decoded = eightBits(firstStage.decode(firstStage.latent(firstStage.encode(image))));
  const [original, reconstruction] = picturesOf(cat([image, decoded])) as [Picture, Picture];
  const perceptual = Object.fromEntries(
    [...distances].map(([name, network]) => {
      const [distance] = perceptualDistances((x, y) => network.call(x, y), image, decoded);
      return [name, distance!];
    }),
  );
  return { original, reconstruction, psnr: psnr(image, decoded)[0]!, ssim: ssim(image, decoded)[0]!, perceptual };
}

/** A table, a line for each picture; of several also the mean. */
export function describeReconstructions(results: readonly ReconstructionResult[]): string {
  const names = Object.keys(results[0]?.perceptual ?? {});
  const rows = results.map(({ psnr, ssim, perceptual }) => [psnr, ssim, ...names.map((name) => perceptual[name]!)]);
  const columns = ["PSNR, dB", "SSIM", ...names];
  const mean = columns.map((_, i) => rows.reduce((sum, row) => sum + row[i]!, 0) / rows.length);
  const line = (name: string, values: number[]) => [name, ...values.map((value, i) => value.toFixed(i === 0 ? 2 : 4))];
  return tableText([
    ["", ...columns],
    ...results.map(({ path }, i) => line(basename(path), rows[i]!)),
    ...rows.length > 1 ? [line("mean", mean)] : [],
  ]);
}

/** [1, 3, H, W] of bytes, transparent pixels over white. */
function rgb(picture: Picture): Tensor {
  const { width, height, data } = composite(picture, [255, 255, 255]);
  const pixels = fromBytes(new Uint8Array(data), { dtype: "uint8", shape: [1, height, width, 4] });
  return pixels.narrow(3, 0, 3).permute([0, 3, 1, 2]).contiguous({ memoryFormat: "channels_last" });
}

/** As training resizes its pictures. */
function shorterSide(images: Tensor, side: number): Tensor {
  const sizes = images.shape.slice(2) as [number, number];
  const scale = side / Math.min(...sizes);
  return resize(images, sizes.map((size) => Math.round(size * scale)) as [number, number]);
}

function middle(images: Tensor, height: number, width: number): Tensor {
  const [top, left] = [images.shape[2]! - height, images.shape[3]! - width].map((room) => Math.floor(room / 2));
  return images.narrow(2, top!, height).narrow(3, left!, width);
}

/** The side of the structural similarity's window. */
const leastSide = 11;

/** The largest multiples of f that a picture's sides reach. */
function cropped(path: string, { width, height }: Picture, factor: number): { width: number; height: number } {
  const least = Math.ceil(leastSide / factor) * factor;
  if (Math.min(width, height) < least) {
    throw new LatentError("image.small", {
      what: `${path} is too small to be reconstructed and compared`,
      found: `${width} × ${height} pixels`,
      wanted: `at least ${least} × ${least}`,
      mend: "Leave it out, or name a size to which pictures are enlarged.",
    });
  }
  return { width: width - width % factor, height: height - height % factor };
}

async function readPicture(path: string): Promise<Picture> {
  const bytes = await Deno.readFile(path).catch((cause) => {
    throw new LatentError("usage.picture", {
      what: `${path} cannot be read`,
      found: cause instanceof Error ? cause.message : String(cause),
      wanted: "a PNG, JPEG, WebP, GIF or BMP file",
      cause,
    });
  });
  return decodeImage(bytes, { name: path });
}

function progress(done: number, total: number): WorkEvent {
  return { type: "progress", label: "reconstruct", done, total, unit: "image" };
}
