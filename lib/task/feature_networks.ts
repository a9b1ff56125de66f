import { join } from "@std/path";
import { LatentError, publishedFiles, type PublishedNetwork, weightsFolder } from "../base/mod.ts";
import { loadTensors, openTensorFile } from "../file/mod.ts";
import { EfficientNetLite0, FeatureDistance, FidInception, Lpips, type LpipsNet } from "../model/mod.ts";
import { type Module, onDevice } from "../nn/mod.ts";
import { type Device, scope, type Tensor } from "../tensor/mod.ts";

/** Networks whose features tell how far two images are apart. */
export type PerceptualName = Extract<PublishedNetwork, "efficientnet-lite0" | `lpips-${string}`>;

/** All of them. */
export const perceptualNames: readonly PerceptualName[] = [
  "efficientnet-lite0",
  "lpips-vgg",
  "lpips-alex",
  "lpips-squeeze",
];

/** Networks whose features sets of images are compared in. */
export type FeatureNetworkName = "efficientnet-lite0" | "inception";

/** Options of {@linkcode loadPerceptual} and {@linkcode loadFeatureNetwork}. */
export interface PublishedOptions {
  /** The folder that has the files of weights, under the names they are published with. @default {weightsFolder()} */
  weights?: string | undefined;
  /** Where the network computes. @default {"cpu"} */
  device?: Device;
}

/** A network that sets of images are compared in; the caller disposes of it. */
export interface FeatureNetwork extends Disposable {
  /** What its statistics are kept under. */
  readonly name: string;
  /** Images [B, 3, h, w] of any size in [−1, 1] → features [B, D]. */
  features(images: Tensor): Tensor;
  /** Features [B, D] → scores of classes [B, classes] before the softmax, for the Inception score. */
  logits(features: Tensor): Tensor;
}

/**
 * A distance of images [B, 3, H, W] in [−1, 1] → [B, 1, 1, 1], frozen: LPIPS, or the plain distance in
 * EfficientNet-Lite0's features. The caller disposes of it.
 *
 * @throws LatentError `usage.weights` where files are missing, `checkpoint.mismatch` for another network's, `file.*`
 */
export function loadPerceptual(name: PerceptualName, options: PublishedOptions = {}): Module<[Tensor, Tensor]> {
  if (name === "efficientnet-lite0") return new FeatureDistance(loadEfficientNet(options));
  const net = name.slice("lpips-".length) as LpipsNet;
  return filled(name, options, () => new Lpips(net), (lpips, [trunk, heads]) => lpips.loadWeights(trunk!, heads));
}

/** A network for metrics, frozen. @throws LatentError as {@linkcode loadPerceptual} does */
export function loadFeatureNetwork(name: FeatureNetworkName, options: PublishedOptions = {}): FeatureNetwork {
  const network = name === "inception"
    ? filled(name, options, () => new FidInception(), (inception, [weights]) => inception.loadWeights(weights!))
    : loadEfficientNet(options);
  return {
    name,
    features: (images) => network.call(images),
    logits: (features) => network.logits(features),
    [Symbol.dispose]: () => network.dispose(),
  };
}

/** Whether all files of a network are there. */
export function hasWeights(name: PublishedNetwork, folder: string = weightsFolder()): boolean {
  return missing(name, folder).length === 0;
}

function loadEfficientNet(options: PublishedOptions): EfficientNetLite0 {
  return filled(
    "efficientnet-lite0",
    options,
    () => new EfficientNetLite0(),
    (network, [weights]) => network.loadWeights(weights!),
  );
}

/** A network with the weights of its files. */
function filled<T extends Disposable>(
  name: PublishedNetwork,
  { weights = weightsFolder(), device = "cpu" }: PublishedOptions,
  build: () => T,
  fill: (network: T, files: Map<string, Tensor>[]) => void,
): T {
  const absent = missing(name, weights);
  if (absent.length > 0) throw notThere(name, weights, absent);
  const paths = publishedFiles[name].map((file) => join(weights, file.name));
  using owned = new DisposableStack();
  const network = owned.use(onDevice(device, build));
  scope(() => {
    try {
      fill(network, paths.map((path) => tensorsIn(path, device)));
    } catch (error) {
      throw error instanceof LatentError && error.code === "checkpoint.mismatch" ? named(error, paths) : error;
    }
  });
  owned.move();
  return network;
}

function tensorsIn(path: string, device: Device): Map<string, Tensor> {
  using file = openTensorFile(path);
  return loadTensors(file, { device });
}

function missing(name: PublishedNetwork, folder: string): string[] {
  return publishedFiles[name].flatMap((file) => {
    try {
      return Deno.statSync(join(folder, file.name)).isFile ? [] : [file.name];
    } catch {
      return [file.name];
    }
  });
}

function notThere(name: PublishedNetwork, folder: string, absent: string[]): LatentError {
  return new LatentError("usage.weights", {
    what: `The weights of ${name} are not there`,
    found: `no ${absent.join(", no ")} in ${folder}`,
    wanted: publishedFiles[name].map((file) => file.name).join(" and "),
    mend: `Fetch them with \`latent pull ${name}\`, or put the files there.`,
  });
}

/** The mismatch, with the files that it is in. */
function named({ code, fields }: LatentError, paths: string[]): LatentError {
  return new LatentError(code, { ...fields, what: `${paths.join(" with ")}: ${fields.what}` });
}
