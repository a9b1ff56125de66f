/** A training step of a KL first stage with its judges: the generator's half, then the discriminator's. @module */
import {
  AutoencoderKL,
  type AutoencoderOptions,
  discriminatorLoss,
  EfficientNetLite0,
  FeatureDistance,
  klLoss,
  LossNetworks,
  Lpips,
  samplePosterior,
} from "../../lib/model/mod.ts";
import type { AnyModule, Module } from "../../lib/nn/mod.ts";
import { Adam } from "../../lib/optim/mod.ts";
import { clearGrads, Generator, noGrad, randn, scope, stack, type Tensor } from "../../lib/tensor/mod.ts";
import { built, input, repeated, type Setup, type Turns } from "./program.ts";

/** What is trained, and its perceptual network by the name of the peer's function. */
export interface FirstStageSetup extends Setup<AutoencoderOptions> {
  perceptual: "efficientnet" | "lpips_vgg";
  learning_rate: number;
}

const distances: Record<FirstStageSetup["perceptual"], () => Module<[Tensor, Tensor]>> = {
  efficientnet: () => new FeatureDistance(new EfficientNetLite0()),
  lpips_vgg: () => new Lpips("vgg"),
};

/** Training, to be taken step by step. */
interface FirstStageTraining extends Disposable {
  /** The generator's loss and the discriminator's. */
  step(): [Tensor, Tensor];
  /** What it starts from, by the peer's names. */
  weights: Map<string, Tensor>;
}

/** Its networks, and images [batch, 3, size, size]. */
export function setup(s: FirstStageSetup): Turns {
  const training = firstStageTraining(s);
  return repeated(() => stack(training.step()).tolist());
}

/** The training that is timed. */
export function firstStageTraining(s: FirstStageSetup): FirstStageTraining {
  const { network, batch, size, device, learning_rate: learningRate } = s;
  const owned = new DisposableStack();
  const model = owned.use(built(device, () => new AutoencoderKL(network)).train());
  const networks = owned.use(built(device, () => new LossNetworks({ logvar: 0 })).train());
  const perceptual = owned.use(evened(built(device, distances[s.perceptual]), device));
  const generator = owned.use(Generator.seeded(1, device));
  const images = owned.use(input([batch, 3, size, size], device, generator));
  const optimizers = [model, networks.discriminator].map((network) =>
    owned.use(new Adam(network.namedParameters(), { learningRate, betas: [0.5, 0.9] }))
  );
  const judges = {
    discriminator: networks,
    perceptual: (x: Tensor, y: Tensor) => perceptual.call(x, y),
    lastLayer: model.decoder.conv_out.weight,
  };
  const reconstructed = () => {
    const posterior = model.call(images);
    const noise = randn(posterior.mean.shape, { device, generator });
    return { posterior, reconstructions: model.decode(samplePosterior(posterior, noise)) };
  };
  const half = (optimizer: Adam, loss: () => Tensor) =>
    scope(() => {
      const value = loss();
      value.backward();
      optimizer.step();
      clearGrads(optimizer.parameters);
      return value.detach();
    });
  return {
    step: () => [
      half(optimizers[0]!, () => {
        const { posterior, reconstructions } = reconstructed();
        const of = { posterior, logvar: networks.logvar! };
        return klLoss({ images, reconstructions, step: 0 }, of, judges, { discStart: 0, klWeight: 1e-6 }).loss;
      }),
      half(optimizers[1]!, () => {
        const { reconstructions } = noGrad(reconstructed);
        return discriminatorLoss({ images, reconstructions, step: 0 }, networks, { discStart: 0 }).loss;
      }),
    ],
    weights: new Map([
      ...prefixed("model", model.stateDict()),
      ...prefixed("discriminator", networks.discriminator.stateDict()),
      ...prefixed("perceptual", perceptual.stateDict()),
    ]),
    [Symbol.dispose]: () => owned.dispose(),
  };
}

/** A frozen network with weights under which activations keep their size: numbers that vanish are slow to compute. */
function evened<T extends AnyModule>(network: T, device: string): T {
  using generator = Generator.seeded(0, device);
  noGrad(() => {
    for (const p of network.parameters()) {
      if (p.shape.length > 1) p.normal_(0, Math.sqrt(2 * p.shape[0]! / p.numel), { generator });
    }
  });
  return network;
}

function prefixed(prefix: string, tensors: ReadonlyMap<string, Tensor>): [string, Tensor][] {
  return [...tensors].map(([name, x]) => [`${prefix}.${name}`, x]);
}
