import type { Picture } from "../image/mod.ts";
import type { AnyModule } from "../nn/mod.ts";
import type { Generator, Tensor } from "../tensor/mod.ts";

/** What the loop trains: the first stage and the denoiser each supply one. Images are [B, 3, S, S] in [−1, 1]. */
export interface Trainee {
  /** The network to optimise. */
  network: AnyModule;
  /** Writes what a run keeps beside its checkpoints into its folder, unless it is there. */
  begin(folder: string): void;
  /**
   * What the loss needs of images, [B, …], where a fixed network computes it: it is then computed once for a set whose
   * images come back unchanged.
   */
  features?(images: Tensor): Tensor;
  /** Measures what must be known before the first step, such as the latent scale, on that step's first batch. */
  prepare(input: Tensor, generator: Generator): void;
  /** The loss to minimise, a scalar, of images or their features; random numbers come from the generator alone. */
  loss(input: Tensor, generator: Generator): Tensor;
  /** A grid that shows what it has learned, from images of the validation set. Throws the reason of an abort. */
  show(images: Tensor, signal?: AbortSignal): Promise<Picture>;
  /** What belongs to the state of the run beside the weights; set when a run is resumed. */
  state: Record<string, number>;
  /** Writes the model for use, with the network's weights as they are now. */
  save(path: string): void;
}
