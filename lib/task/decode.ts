import { setImmediate } from "node:timers/promises";
import { basename, extname } from "@std/path";
import { LatentError, type WorkProgress } from "../base/mod.ts";
import { loadTensor, openTensorFile, type TensorFile } from "../file/mod.ts";
import type { Picture } from "../image/mod.ts";
import type { FirstStage } from "../model/mod.ts";
import { type Device, inferenceMode, scope, type Tensor } from "../tensor/mod.ts";
import { picturesOf } from "./pictures.ts";

/** Options of {@linkcode decodeLatents}. */
export interface DecodeOptions {
  /** Where the first stage is. @default {"cpu"} */
  device?: Device;
  /** Ends the work before the next picture: the call throws the signal's reason. */
  signal?: AbortSignal;
}

/** A latent is decoded. */
export interface DecodedLatent {
  /** What tells it from progress. */
  type: "picture";
  /** The file it was in. */
  path: string;
  /** The file's name without its extension, and where it has several latents the number. */
  name: string;
  /** What it shows. */
  picture: Picture;
}

/**
 * Decodes the latents in files of tensors: `latent`, or `mean`, of shape [N, Z, h, w] or [Z, h, w], as the first stage
 * encoded them, one after the other.
 *
 * @param firstStage or one that works in tiles
 * @throws LatentError `file.*`, `file.tensor` for a file without such a tensor, `latent.shape` for latents of another
 * first stage; the reason of the signal where that aborts
 */
export async function* decodeLatents(
  firstStage: FirstStage,
  paths: readonly string[],
  { device = "cpu", signal }: DecodeOptions = {},
): AsyncGenerator<WorkProgress | DecodedLatent> {
  for (const path of paths) {
    using latents = latentsIn(path, firstStage.latentChannels);
    const count = latents.shape[0]!;
    const stem = basename(path, extname(path));
    const progress = (done: number): WorkProgress => ({
      type: "progress",
      label: stem,
      done,
      total: count,
      unit: "image",
    });
    for (let i = 0; i < count; i++) {
      yield progress(i);
      signal?.throwIfAborted();
      const [picture] = inferenceMode(() =>
        scope(() => picturesOf(firstStage.decode(latents.narrow(0, i, 1).to({ dtype: "float32", device }))))
      );
      const name = count === 1 ? stem : `${stem}-${String(i).padStart(String(count - 1).length, "0")}`;
      yield { type: "picture", path, name, picture: picture! };
      await setImmediate();
    }
    yield progress(count);
  }
}

/** [N, Z, h, w] on the CPU, as it is in the file. */
function latentsIn(path: string, channels: number): Tensor {
  using file = openTensorFile(path);
  const name = nameIn(file);
  const { shape } = file.entry(name);
  if (![3, 4].includes(shape.length) || shape.at(-3) !== channels || shape.includes(0)) {
    throw new LatentError("latent.shape", {
      what: `The first stage cannot decode the latents in ${path}`,
      found: `${name} [${shape.join(", ")}]`,
      wanted: `[N, ${channels}, h, w] or [${channels}, h, w]`,
      mend: "Decode them by the first stage that they were encoded with.",
    });
  }
  return scope(() => {
    const latents = loadTensor(file, name);
    return shape.length === 4 ? latents : latents.unsqueeze(0);
  });
}

function nameIn({ path, entries }: TensorFile): string {
  const name = ["latent", "mean"].find((name) => entries.has(name));
  if (name !== undefined) return name;
  throw new LatentError("file.tensor", {
    what: `${path} has no latents`,
    found: [...entries.keys()].slice(0, 5).join(", ") || "no tensor",
    wanted: "a tensor named latent or mean",
    mend: "Name the files that `latent encode` wrote.",
  });
}
