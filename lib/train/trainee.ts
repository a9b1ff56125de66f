import type { Picture } from "../image/mod.ts";
import type { AnyModule } from "../nn/mod.ts";
import type { Generator, Tensor } from "../tensor/mod.ts";

/** What is minimised, and what is worth logging of it. */
export interface TrainingLoss {
  /** A scalar to go backward from. */
  loss: Tensor;
  /** Scalars by name: the terms it is made of. */
  terms?: Readonly<Record<string, Tensor>>;
}

/** A network that is trained against the one that is wanted, each step after it and by an optimiser of its own. */
export interface Adversary {
  network: AnyModule;
  /** Steps of training before its first. */
  start: number;
  /** The run's unless given. */
  learningRate?: number;
  /** Its loss, of what the network makes of the input now. */
  loss(input: Tensor, generator: Generator): TrainingLoss;
}

/** What the loop trains: the first stage and the denoiser each supply one. Images are [B, 3, S, S] in [−1, 1]. */
export interface Trainee {
  /** The network to optimise. */
  network: AnyModule;
  /** Trained with it and no part of it. */
  extraParameters?: ReadonlyMap<string, Tensor>;
  /** Trained against it. */
  adversary?: Adversary;
  /** Networks that the loss looks through, by the names that messages call them by. */
  judges?: ReadonlyMap<string, AnyModule>;
  /** Writes what a run keeps beside its checkpoints into its folder, unless it is there. */
  begin(folder: string): void;
  /**
   * What the loss needs of images, [B, …], where a fixed network computes it: it is then computed once for a set whose
   * images come back unchanged.
   */
  features?(images: Tensor): Tensor;
  /** Measures what must be known before the first step, such as the latent scale, on that step's first batch. */
  prepare(input: Tensor, generator: Generator): void;
  /** The loss of images or their features after so many steps; random numbers come from the generator alone. */
  loss(input: Tensor, generator: Generator, step: number): TrainingLoss;
  /** Changes the weights after a step by other means than gradients. */
  stepped?(generator: Generator): void;
  /** A grid that shows what it has learned, from images of the validation set. Throws the reason of an abort. */
  show(images: Tensor, signal?: AbortSignal): Promise<Picture>;
  /** What belongs to the state of the run beside the weights; set when a run is resumed. */
  state: Record<string, number>;
  /** Tensors that belong to the state of the run and that no optimiser changes. */
  extraTensors?: ReadonlyMap<string, Tensor>;
  /** Writes the model for use, with the network's weights as they are now. */
  save(path: string): void;
}
