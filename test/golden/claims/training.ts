/** The loss of a denoiser, and two steps of its training. @module */
import {
  addNoise,
  diffusionObjective,
  makeSchedule,
  type Objective,
  type Schedule,
} from "../../../lib/diffusion/mod.ts";
import { AdamW, constant, cycledRate, Ema } from "../../../lib/optim/mod.ts";
import {
  clearGrads,
  foreachNorm,
  full,
  grads,
  inferenceMode,
  keep,
  noGrad,
  scope,
  stack,
  type Tensor,
} from "../../../lib/tensor/mod.ts";
import { device } from "../../device.ts";
import { type Case, type Claim, gives, type Golden, probe } from "../golden.ts";
import { ConditionedUnet } from "./condition.ts";

/** Claims about the training of denoisers. */
export const denoiserTraining: readonly Claim[] = [
  {
    says: "the loss of a denoiser that is not trained is the original's",
    applies: (of) => gives(of, "val.val/loss") || gives(of, "val/loss"),
    body: (golden) => {
      using training = new Training(golden);
      const prefix = gives(golden, "val.val/loss") ? "val." : "";
      inferenceMode(() => scope(() => void training.loss("in.t", noiseIn(golden), { prefix, split: "val/" })));
    },
  },
  {
    says: "two steps of training are the original's",
    applies: (of) => gives(of, "train1.train/loss"),
    body: twoSteps,
  },
  {
    says: "the gradients of one loss are the original's",
    applies: (of) => gives(of, "train/loss"),
    body: (golden) => {
      using training = new Training(golden);
      scope(() => {
        training.loss("in.t", noiseIn(golden), { prefix: "", split: "train/" }).backward();
        training.checkGradients();
      });
    },
  },
];

const noiseIn = (of: Case): string => "in.noise" in of.facts.inputs ? "in.noise" : "in.noise1";

/** A denoiser with what its loss is made of and what is trained, by the names in the checkpoint. */
class Training implements Disposable {
  readonly model: ConditionedUnet;
  readonly named: ReadonlyMap<string, Tensor>;
  /** In the order of the case's list. */
  readonly parameters: readonly Tensor[];
  readonly #golden: Golden;
  readonly #schedule: Schedule;
  readonly #objective: Objective;
  readonly #logvar: Tensor;

  constructor(golden: Golden) {
    const { schedule, predict, loss: { distance, logvar, ...weights } } = golden.diffusion;
    this.#golden = golden;
    this.#schedule = makeSchedule(schedule);
    this.#objective = diffusionObjective(this.#schedule, { predict, loss: distance, ...weights });
    const stored = golden.part("settings").get("logvar");
    this.#logvar = keep(stored?.clone() ?? full([schedule.steps], logvar.start, { device })).requiresGrad_(
      logvar.trained,
    );
    this.model = new ConditionedUnet(golden);
    this.named = new Map([...this.model.trained(), ["logvar", this.#logvar]]);
    this.parameters = golden.facts.trained_parameters.map((name) => this.named.get(name)!);
  }

  /** The loss at stored steps with stored noise; it and its terms are compared. */
  loss(steps: string, noise: string, { prefix, split }: { prefix: string; split: string }): Tensor {
    const golden = this.#golden;
    const x0 = gives(golden, "z0") ? golden.stored("out.z0") : golden.stored("in.image").permute([0, 3, 1, 2]);
    const t = Array.from(golden.stored(steps).data(), Number);
    const sample = { x0, noise: golden.stored(noise), t };
    const prediction = this.model.call(addNoise(this.#schedule, x0, sample.noise, t), golden.stored(steps));
    if (!("in.z_t" in golden.facts.inputs)) golden.check("eps", prediction);
    const { loss, log } = this.#objective(prediction, sample, this.#logvar);
    for (const [name, value] of Object.entries(log)) {
      golden.check(prefix + (name === "logvar" ? name : split + name), value);
    }
    return loss;
  }

  checkGradients(): void {
    const golden = this.#golden;
    const gradients = grads(this.parameters).map((g, i) => g ?? this.parameters[i]!.zerosLike());
    golden.check("grad.norms", golden.alive("train", stack(foreachNorm(gradients)).tolist() as number[]));
    golden.check("grad.probes", golden.alive("train", gradients.map(probe)));
    for (const name of golden.facts.chosen) golden.check(`grad.${name}`, this.named.get(name)!.grad!);
  }

  [Symbol.dispose](): void {
    this.model[Symbol.dispose]();
    this.#logvar.dispose();
  }
}

function twoSteps(golden: Golden): void {
  const { diffusion: { rate }, facts: { chosen, learning_rate } } = golden;
  using training = new Training(golden);
  const { model, named, parameters } = training;
  using optimizer = new AdamW(new Map(parameters.map((p, i) => [String(i), p])), { learningRate: learning_rate });
  using ema = averages(golden, model.unet.train().namedParameters());
  const factor = rate === undefined ? constant : cycledRate(rate);

  scope(() => {
    training.loss("in.t", "in.noise1", { prefix: "train1.", split: "train/" }).backward();
    training.checkGradients();
    optimizer.step(learning_rate * factor(0));
    for (const name of chosen) golden.check(`after1.${name}`, named.get(name)!);
    ema.update();
    clearGrads(parameters);
  });
  scope(() => {
    training.loss("in.t2", "in.noise2", { prefix: "train2.", split: "train/" }).backward();
    optimizer.step(learning_rate * factor(1));
    const norms = noGrad(() => stack(foreachNorm(parameters)).tolist()) as number[];
    golden.check("after2.norms", golden.alive("train", norms));
    ema.update();
    for (const [name, average] of ema.stateDict()) golden.check(`ema2.model.diffusion_model.${name}`, average);
    golden.check("ema2.num_updates", [ema.updates]);
  });
}

/** The averages of a denoiser's weights: those of the checkpoint, or new ones. */
function averages(golden: Golden, named: ReadonlyMap<string, Tensor>): Ema {
  const [kept, settings] = [golden.part("denoiserEma"), golden.part("settings")];
  if (!golden.diffusion.ema) return new Ema(named);
  const ema = new Ema(named, settings.get("model_ema.decay")!.item());
  ema.updates = settings.get("model_ema.num_updates")!.item();
  noGrad(() => ema.stateDict().forEach((average, name) => average.copy_(kept.get(name)!)));
  return ema;
}
