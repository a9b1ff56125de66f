import { type AutoencoderKL, posteriorKl, samplePosterior } from "../model/mod.ts";
import { gridOf, saveFirstStage } from "../task/mod.ts";
import { cat, inferenceMode, randn, scope } from "../tensor/mod.ts";
import type { Trainee } from "./trainee.ts";

/**
 * The first stage's training: mean |x − x̂| + klWeight · KL / (elements of an image), which is the original's loss
 * (contperceptual.py) without its perceptual and adversarial terms, divided by the number of elements.
 */
export function firstStageTrainee(model: AutoencoderKL, { klWeight }: { klWeight: number }): Trainee {
  return {
    network: model,
    state: {},
    begin: () => {},
    prepare: () => {},
    loss(images, generator) {
      const posterior = model.call(images);
      const noise = randn(posterior.mean.shape, { generator, device: images.device });
      const reconstruction = model.decode(samplePosterior(posterior, noise));
      const elements = images.numel / images.shape[0]!;
      return reconstruction.l1Loss(images).add(posteriorKl(posterior).mean(null).mul(klWeight / elements));
    },
    show: (images) =>
      Promise.resolve(inferenceMode(() =>
        scope(() => {
          const rows = images.chunk(2).flatMap((half) => [half, model.decode(model.call(half).mean)]);
          return gridOf(cat(rows), Math.ceil(images.shape[0]! / 2)); // a row of images above a row of reconstructions
        })
      )),
    save: (path) => saveFirstStage(path, model),
  };
}
