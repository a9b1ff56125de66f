/** Two steps of training a first stage with its discriminator. @module */
import assert from "node:assert/strict";
import {
  AutoencoderKL,
  type AutoencoderOptions,
  AutoencoderVQ,
  type AutoencoderVQOptions,
  discriminatorLoss,
  type FirstStageLoss,
  klLoss,
  LossNetworks,
  samplePosterior,
  vqLoss,
} from "../../../lib/model/mod.ts";
import { onDevice, withDtype } from "../../../lib/nn/mod.ts";
import { Adam } from "../../../lib/optim/mod.ts";
import type { ReleasedLoss } from "../../../lib/released/mod.ts";
import {
  clearGrads,
  type DType,
  foreachNorm,
  grads,
  noGrad,
  scope,
  stack,
  type Tensor,
} from "../../../lib/tensor/mod.ts";
import { device } from "../../device.ts";
import { type Case, type Claim, gives, type Golden, probe } from "../golden.ts";

/** Of an image in a golden; the draw of that name is used where a latent is drawn. */
interface Objective {
  model: AutoencoderKL | AutoencoderVQ;
  generator(draw: string, discStart: number): FirstStageLoss;
  discriminator(draw: string): FirstStageLoss;
}

const trains = (of: Case): boolean => of.config?.kind === "first-stage" && gives(of, "generator.loss");

/** The autoencoder, and what it is trained with. */
function settingsOf({ config }: Golden): ReleasedLoss & { options: AutoencoderOptions | AutoencoderVQOptions } {
  const firstStage = config!.firstStage;
  assert.ok(firstStage.kind !== "identity" && firstStage.loss !== undefined);
  return { ...firstStage.loss, options: firstStage.options };
}

function objective(golden: Golden, networks: LossNetworks, dtype: DType): Objective {
  const { options: coder, weights } = settingsOf(golden);
  const step = golden.facts.arguments.global_step;
  const build = <T>(network: () => T) => onDevice(device, () => withDtype(dtype, network));
  const images = golden.stored("in.image").to({ dtype }).permute([0, 3, 1, 2]);
  const discriminator = (reconstructions: Tensor) =>
    discriminatorLoss({ images, reconstructions, step }, networks, weights);

  if ("codebook" in coder) {
    const { codebook: { codes } } = coder;
    const codebook = { ...coder.codebook, ...golden.remap };
    const model = golden.fill(build(() => new AutoencoderVQ({ ...coder, codebook })), "firstStage");
    return {
      model: model.train(),
      generator(_, discStart) {
        const quantized = model.call(images);
        const reconstructions = model.decodeQuantized(quantized.z);
        const judges = { discriminator: networks, lastLayer: model.decoder.conv_out.weight };
        return vqLoss({ images, reconstructions, step }, { quantized, codes }, judges, { ...weights, discStart });
      },
      discriminator: () => discriminator(model.decodeQuantized(model.call(images).z)),
    };
  }
  const model = golden.fill(build(() => new AutoencoderKL(coder)), "firstStage");
  const drawn = (draw: string) => {
    const posterior = model.call(images);
    const z = samplePosterior(posterior, golden.stored(`draw.posterior.${draw}`).to({ dtype }).select(0, 0));
    return { posterior, reconstructions: model.decode(z) };
  };
  return {
    model: model.train(),
    generator(draw, discStart) {
      const { posterior, reconstructions } = drawn(draw);
      const judges = { discriminator: networks, lastLayer: model.decoder.conv_out.weight };
      const of = { posterior, logvar: networks.logvar! };
      return klLoss({ images, reconstructions, step }, of, judges, { ...weights, discStart });
    },
    discriminator: (draw) => discriminator(drawn(draw).reconstructions),
  };
}

/** @param whole or only up to the generator's first step */
function follow(golden: Golden, dtype: DType, whole: boolean): void {
  const { facts } = golden;
  const { networks: judgeOptions, weights: { discStart } } = settingsOf(golden);
  const build = () => new LossNetworks(judgeOptions);
  using networks = golden.fill(onDevice(device, () => withDtype(dtype, build)), "loss").train();
  const { model, generator, discriminator } = objective(golden, networks, dtype);
  using owned = model;
  const settings = { learningRate: facts.learning_rate, betas: [0.5, 0.9] } as const;
  using optimizer = new Adam(owned.namedParameters(), settings);
  using judging = new Adam(networks.discriminator.namedParameters(), settings);
  const ofNetworks = [...networks.namedParameters()].map(([name, p]): [string, Tensor] => [`loss.${name}`, p]);
  const named = new Map([...model.namedParameters(), ...ofNetworks]);
  const pick = (names: readonly string[]) => names.map((name) => named.get(name)!);
  const check = new Checks(golden, named);
  const [own, judges] = [pick(facts.autoencoder_parameters), pick(facts.discriminator_parameters)];

  const first = generator("generator", discStart);
  check.loss("generator", first);
  check.log("generator", first);
  first.loss.backward();
  check.gradients("generator", own, facts.chosen);
  assert.ok(grads(judges).every((g) => g === null)); // they would be in the way of its own step
  optimizer.step();
  check.weights("generator", facts.chosen);
  check.norms("generator", facts.autoencoder_parameters);
  clearGrads(own);
  if (!whole) return;

  const second = discriminator("discriminator");
  check.loss("discriminator", second);
  check.log("discriminator", second);
  second.loss.backward();
  check.gradients("discriminator", judges, facts.chosen_discriminator);
  judging.step();
  check.weights("discriminator", facts.chosen_discriminator);
  for (const [name, value] of networks.discriminator.stateDict()) {
    golden.check(`discriminator.after.buffer.${name}`, value); // those that are buffers
  }
  clearGrads(judges);

  check.log("before_start", generator("before_start", facts.arguments.global_step + 1));
  const third = generator("generator2", discStart);
  check.log("generator2", third);
  third.loss.backward();
  optimizer.step();
  check.weights("generator2", facts.chosen);
  clearGrads(own);
}

/** Up to the generator's first step, in float32: rounding decides nothing yet. */
export const firstGeneratorStep: Claim = {
  says: "a step of the generator is the original's",
  applies: trains,
  body: (golden, dtype) => scope(() => follow(golden, dtype, false)),
};

/** Claims about the training of first stages. */
export const firstStageTraining: readonly Claim[] = [{
  says: "steps of generator and discriminator are the original's",
  applies: trains,
  body: (golden, dtype) => scope(() => follow(golden, dtype, true)),
  // In train-autoencoder-kl-f4 the gradient of one weight is 3e-8, which float32 cannot tell from 0: Adam's step of it
  // follows rounding. One activation of the discriminator is then 2e-6 beside the kink of its LeakyReLU, where the next
  // gradients jump by 1 %. PyTorch's own float32 falls on either side, by memory format.
  decidedInFloat64: true,
}];

/** What is compared after each part of a step. */
class Checks {
  constructor(private readonly golden: Golden, private readonly named: ReadonlyMap<string, Tensor>) {}

  /** The loss under the names that the trainer logs it by, and its parts. */
  log(part: string, { loss, log }: FirstStageLoss): void {
    for (const [name, value] of Object.entries({ ...log, aeloss: loss, discloss: loss })) {
      this.golden.check(`${part}.log.${name}`, value);
    }
  }

  loss(part: string, { loss }: FirstStageLoss): void {
    this.golden.check(`${part}.loss`, loss);
  }

  gradients(part: string, parameters: readonly Tensor[], chosen: readonly string[]): void {
    const { golden } = this;
    const gradients = grads(parameters).map((g) => g!);
    golden.check(`${part}.grad.norms`, golden.alive(part, stack(foreachNorm(gradients)).tolist() as number[]));
    golden.check(`${part}.grad.probes`, golden.alive(part, gradients.map(probe)));
    for (const name of chosen) golden.check(`${part}.grad.${name}`, this.named.get(name)!.grad!);
  }

  weights(part: string, chosen: readonly string[]): void {
    for (const name of chosen) this.golden.check(`${part}.after.${name}`, this.named.get(name)!);
  }

  norms(part: string, names: readonly string[]): void {
    const norms = noGrad(() => stack(foreachNorm(names.map((name) => this.named.get(name)!))).tolist()) as number[];
    const { parameters_not_in_any_optimizer: fixed } = this.golden.facts;
    this.golden.check(
      `${part}.after.norms`,
      this.golden.alive(part, norms).filter((_, i) => !fixed.includes(names[i]!)),
    );
  }
}
