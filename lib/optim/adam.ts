import { foreachAdd_, fusedAdam_, fusedAdamw_, grads, keep, noGrad, scope, type Tensor, zeros } from "../tensor/mod.ts";

/** Options of {@linkcode Adam}. */
export interface AdamOptions {
  /** Per optimiser step; {@linkcode Adam.step} can be given another. @default {1e-3} */
  learningRate?: number;
  /** How much of the old is kept each step in the averages of gradients and of their squares. @default {[0.9, 0.999]} */
  betas?: readonly [number, number];
  /** Added to the root of the squares' average. @default {1e-8} */
  eps?: number;
  /** Decoupled (AdamW) or added to the gradient (Adam). @default {0.01 for AdamW, 0 for Adam} */
  weightDecay?: number;
}

/** Adam (Kingma & Ba 2015), through libtorch's fused operator: one native call a step. */
export class Adam implements Disposable {
  /** libtorch's operator that does the step. */
  protected readonly fused: typeof fusedAdam_ = fusedAdam_;
  /** What it optimises. */
  readonly parameters: readonly Tensor[];
  readonly #expAvg: readonly Tensor[];
  readonly #expAvgSq: readonly Tensor[];
  readonly #steps: readonly Tensor[];
  readonly #options: Required<AdamOptions>;

  /** For parameters by name, which stay the caller's; the optimiser owns the averages that it keeps of each. */
  constructor(readonly named: ReadonlyMap<string, Tensor>, options: AdamOptions = {}) {
    this.#options = { learningRate: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, ...options };
    this.parameters = [...named.values()];
    this.#expAvg = this.parameters.map((p) => keep(p.zerosLike()));
    this.#expAvgSq = this.parameters.map((p) => keep(p.zerosLike()));
    this.#steps = this.parameters.map((p) => keep(zeros([], { device: p.device })));
  }

  /** One step with the accumulated gradients; parameters without one stay. @param learningRate of this step */
  step(learningRate = this.#options.learningRate): void {
    const { betas, eps, weightDecay } = this.#options;
    scope(() =>
      noGrad(() => {
        const all = grads(this.parameters);
        const used = all.flatMap((g, i) => g === null ? [] : [i]);
        if (used.length === 0) return;
        const pick = (list: readonly Tensor[]) => used.map((i) => list[i]!);
        const steps = pick(this.#steps);
        foreachAdd_(steps, 1);
        this.fused(
          pick(this.parameters),
          used.map((i) => all[i]!),
          pick(this.#expAvg),
          pick(this.#expAvgSq),
          [],
          steps,
          { lr: learningRate, beta1: betas[0], beta2: betas[1], weightDecay, eps, amsgrad: false, maximize: false },
        );
      })
    );
  }

  /** The state by name (`NAME.exp_avg`, `NAME.exp_avg_sq`, `NAME.step`): the tensors themselves. */
  stateDict(): Map<string, Tensor> {
    const names = [...this.named.keys()];
    return new Map(names.flatMap((name, i): [string, Tensor][] => [
      [`${name}.exp_avg`, this.#expAvg[i]!],
      [`${name}.exp_avg_sq`, this.#expAvgSq[i]!],
      [`${name}.step`, this.#steps[i]!],
    ]));
  }

  /** Frees its averages; the parameters stay. */
  dispose(): void {
    for (const tensor of this.stateDict().values()) tensor.dispose();
  }

  /** The same, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** AdamW (Loshchilov & Hutter 2019): Adam with decoupled weight decay, 0.01 unless said otherwise. */
export class AdamW extends Adam {
  /** libtorch's operator that does the step. */
  protected override readonly fused: typeof fusedAdam_ = fusedAdamw_;

  /** For parameters by name, which stay the caller's; the optimiser owns the averages that it keeps of each. */
  constructor(named: ReadonlyMap<string, Tensor>, options: AdamOptions = {}) {
    super(named, { weightDecay: 0.01, ...options });
  }
}
