import { LatentError, sha256File } from "../base/mod.ts";
import { openLatents } from "../data/mod.ts";
import { modelPath } from "../task/mod.ts";
import type { DenoiseConfig } from "./config.ts";
import type { DiffusionSettings } from "./settings.ts";

/**
 * The settings and config of a training on encoded images: these are its data, with the size that they were encoded at,
 * and mirrored where they were. Others stay as they are.
 *
 * @param resumed keeps the first stage that it was begun with
 * @throws LatentError `usage.other_model` where they were encoded by another first stage, and what `openLatents` throws
 */
export async function onLatents(
  settings: DiffusionSettings,
  config: DenoiseConfig,
  resumed: boolean,
): Promise<[DiffusionSettings, DenoiseConfig]> {
  if (config.latents === undefined) return [settings, config];
  const { header, dataset } = openLatents(config.latents);
  if (!resumed) await wantFirstStage(config.firstStage, config.latents, header.model);
  const flip = header.tensors.some((name) => name.startsWith("flipped."));
  const { workers, validation } = config.images;
  const images = { crop: "center", flip, background: "white", validation, workers } as const;
  return [{ ...settings, data: dataset }, { ...config, data: header.data, size: header.size, images }];
}

async function wantFirstStage(firstStage: string, latents: string, wanted: string): Promise<void> {
  const found = await sha256File(modelPath(firstStage));
  if (found === wanted) return;
  throw new LatentError("usage.other_model", {
    what: `The images in ${latents} were encoded by another first stage than ${firstStage}`,
    found: `SHA-256 ${found}`,
    wanted,
    mend: "Name the first stage that encoded them, or encode the images by this one, into another folder.",
  });
}
