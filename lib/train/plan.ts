import type { Dataset } from "../data/mod.ts";
import { autocast, cpuMemory, device as deviceNamed, Generator, noGrad, scope, zeros } from "../tensor/mod.ts";
import type { TrainConfig } from "./config.ts";
import type { Networks } from "./networks.ts";
import { withDropout } from "./state.ts";
import type { Trainee } from "./trainee.ts";

/** What a training would do: `--dry-run`. */
export interface TrainingPlan {
  /** `autoencoder` or `diffusion`. */
  kind: string;
  /** Elements that are trained. */
  parameters: number;
  /** Of one batch: [B, 3, S, S] and [B, Z, h, w]. */
  shapes: { images: readonly number[]; latents: readonly number[] };
  /** How many images there are, and how often each to train on is seen. */
  data: { train: number; validation: number; epochs: number };
  /** Of an optimiser step: batches and steps. */
  steps: { batches: number; images: number; count: number; minutes?: number };
  /** Bytes: weights, averages, gradients and moments; what one batch's backward pass needs; one checkpoint. */
  bytes: { state: number; activations: number; checkpoint: number };
  /** From which the weights, the order, the noise and dropout follow. */
  seeds: { weights: number; order: number; noise: number; dropout: number };
  /** The one that `auto` means here. */
  device: string;
  /** Of matrix products and convolutions. */
  precision: string;
  /** What is written, absolute. */
  files: string[];
}

/** The plan of a training; one image goes through the networks, to see what that needs. */
export function planOf(
  kind: string,
  config: TrainConfig,
  { trainee, latent }: Networks,
  { train, validation }: Dataset,
  out: string,
): TrainingPlan {
  const { batchSize, size, steps, seed, precision, minutes, optimizer: { accumulate } } = config;
  const parameters = trainee.network.parameterCount;
  const adversary = trainee.adversary?.network.parameterCount ?? 0;
  const names = ["config.yaml", "log.jsonl", "loss.png", "model.safetensors", "checkpoints/", "samples/"];
  return {
    kind,
    parameters,
    shapes: { images: [batchSize, 3, size, size], latents: [batchSize, ...latent] },
    data: { train: train.length, validation: validation.length, epochs: steps * batchSize * accumulate / train.length },
    steps: { batches: accumulate, images: batchSize * accumulate, count: steps, ...minutes && { minutes } },
    bytes: {
      state: 20 * parameters + 16 * adversary,
      activations: batchSize * activationBytes(trainee, size, precision),
      checkpoint: 16 * parameters + 12 * adversary,
    },
    seeds: { weights: seed, order: seed, noise: seed + 1, dropout: seed + 2 },
    device: deviceNamed(config.device),
    precision,
    files: [...names, ...kind === "diffusion" ? ["first_stage.safetensors"] : []].map((name) => `${out}/${name}`),
  };
}

/** What autograd keeps of one image on the CPU, in bytes. */
function activationBytes(trainee: Trainee, size: number, precision: TrainConfig["precision"]): number {
  trainee.network.train();
  trainee.adversary?.network.train();
  using generator = Generator.seeded(0);
  trainee.network.initialise(generator);
  return scope(() => {
    const image = zeros([1, 3, size, size]);
    const input = trainee.features === undefined ? image : noGrad(() => trainee.features!(image));
    const before = cpuMemory().live;
    const step = trainee.adversary?.start ?? 0;
    const { loss } = withDropout(
      generator,
      "cpu",
      () => autocast("cpu", precision, () => trainee.loss(input, generator, step)),
    );
    return loss.alive ? cpuMemory().live - before : 0;
  });
}

/** The plan for people. */
export function describePlan(plan: TrainingPlan): string {
  const { kind, parameters, shapes, data, steps, bytes, seeds, device, precision, files } = plan;
  const shape = (sizes: readonly number[]) => `[${sizes.join(", ")}]`;
  const rows = {
    network: `${parameters.toLocaleString("en")} parameters; images ${shape(shapes.images)}, latents ${
      shape(shapes.latents)
    }`,
    data: `${data.train} images to train on, ${data.validation} to validate`,
    steps: `${steps.count} of ${steps.images} images: each is seen ${Number(data.epochs.toPrecision(3))} times` +
      (steps.minutes === undefined ? "" : `; at most ${steps.minutes} minutes`),
    device: `${device}, ${precision}`,
    memory: `about ${megabytes(bytes.state + bytes.activations)}: ${megabytes(bytes.state)} for weights, averages, ` +
      `gradients and moments, ${megabytes(bytes.activations)} for a batch`,
    disk: `${megabytes(bytes.checkpoint)} a checkpoint`,
    seeds: Object.entries(seeds).map(([name, seed]) => `${name} ${seed}`).join(", "),
    files: files.join("\n           "),
  };
  const lines = Object.entries(rows).map(([name, text]) => `  ${name.padEnd(9)}${text}`);
  return [`latent train ${kind} would train, and writes nothing now`, ...lines].join("\n");
}

function megabytes(bytes: number): string {
  return bytes < 1e9 ? `${(bytes / 1e6).toPrecision(3)} MB` : `${(bytes / 1e9).toPrecision(3)} GB`;
}
