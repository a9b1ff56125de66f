import { type Generator, noGrad, scope, type Tensor } from "../tensor/mod.ts";
import { buffer, Module, parameter } from "./module.ts";

/** Options of {@linkcode GroupNorm}. */
export interface GroupNormOptions {
  /** Groups of neighbouring channels that are normalised together; they divide the channels. @default {32} */
  groups?: number;
  /** Added to the variance. @default {1e-5} */
  eps?: number;
  /**
   * Subtract each group's first element first, which changes nothing but rounding: libtorch's kernel for channels_last
   * computes E[x²] − E[x]² and loses all digits where a group varies much less than it is large. @default {false}
   */
  centred?: boolean;
}

/** Group normalisation of [B, C, h, w], as torch.nn.GroupNorm with 32 groups unless said otherwise. */
export class GroupNorm extends Module {
  /** [C], what the normalised channels are multiplied by. */
  readonly weight: Tensor;
  /** [C], what is added then. */
  readonly bias: Tensor;

  /** The norm of so many channels. */
  constructor(channels: number, private readonly options: GroupNormOptions = {}) {
    super();
    this.weight = parameter([channels]);
    this.bias = parameter([channels]);
  }

  /** Weight 1, bias 0. */
  override reset(): void {
    resetNorm(this.weight, this.bias);
  }

  /** [B, C, h, w] → the same shape, each group of mean 0 and variance 1 before weight and bias. */
  override forward(x: Tensor): Tensor {
    const { groups = 32, eps = 1e-5, centred = false } = this.options;
    return (centred ? x.sub(firstOfGroups(x, groups)) : x).groupNorm(groups, this.weight, this.bias, eps);
  }
}

/** [B, C, h, w] → [B, C, 1, 1], for each channel the first element of its group; a constant to autograd. */
function firstOfGroups(x: Tensor, groups: number): Tensor {
  const [b, c] = x.shape as [number, number];
  const first = x.detach().select(3, 0).select(2, 0).reshape([b, groups, -1]).narrow(2, 0, 1); // [B, G, 1]
  return first.expand([b, groups, c / groups]).reshape([b, c, 1, 1]);
}

/** Normalisation of the last dimension, as torch.nn.LayerNorm. */
export class LayerNorm extends Module {
  /** [D], what the normalised features are multiplied by. */
  readonly weight: Tensor;
  /** [D], what is added then. */
  readonly bias: Tensor;

  /** The norm of a last dimension of size D. @param eps added to the variance */
  constructor(private readonly features: number, private readonly eps = 1e-5) {
    super();
    this.weight = parameter([features]);
    this.bias = parameter([features]);
  }

  /** Weight 1, bias 0. */
  override reset(): void {
    resetNorm(this.weight, this.bias);
  }

  /** [..., D] → the same shape, each row of mean 0 and variance 1 before weight and bias. */
  override forward(x: Tensor): Tensor {
    return x.layerNorm([this.features], this.weight, this.bias, this.eps);
  }
}

/** Batch normalisation of [B, C, h, w], as torch.nn.BatchNorm2d: eps 1e-5, averages that move by a tenth. */
export class BatchNorm2d extends Module {
  /** [C], what the normalised channels are multiplied by. */
  readonly weight: Tensor;
  /** [C], what is added then. */
  readonly bias: Tensor;
  /** [C], the moving average of batch means: what is subtracted when not training. */
  readonly running_mean: Tensor;
  /** [C], the moving average of batch variances (unbiased). */
  readonly running_var: Tensor;
  /** Batches that the averages have seen: int64, a scalar. */
  readonly num_batches_tracked: Tensor;

  /** The norm of so many channels. */
  constructor(channels: number) {
    super();
    this.weight = parameter([channels]);
    this.bias = parameter([channels]);
    this.running_mean = buffer([channels]);
    this.running_var = buffer([channels]);
    this.num_batches_tracked = buffer([], "int64");
  }

  /** The averages. */
  override get buffers(): readonly string[] {
    return ["running_mean", "running_var", "num_batches_tracked"];
  }

  /** Weight 1, bias 0; mean 0, variance 1, no batch seen. */
  override reset(_generator: Generator): void {
    resetNorm(this.weight, this.bias);
    resetNorm(this.running_var, this.running_mean);
    this.num_batches_tracked.zero_();
  }

  /** [B, C, h, w] → the same shape, by the batch's own statistics while training, which move the averages; else by those. */
  override forward(x: Tensor): Tensor {
    if (this.training) this.num_batches_tracked.add_(1);
    const { weight, bias, running_mean, running_var, training } = this;
    return x.batchNorm(weight, bias, running_mean, running_var, training, 0.1, 1e-5, true);
  }
}

/**
 * A scale and a shift of each channel of [B, C, h, w], learned from where they give the first training batch mean 0 and
 * deviation 1 (ActNorm, taming/modules/util.py).
 */
export class ActNorm extends Module {
  /** [1, C, 1, 1], what is added. */
  readonly loc: Tensor;
  /** [1, C, 1, 1], what the sum is multiplied by. */
  readonly scale: Tensor;
  /** 1 once a training batch was seen: uint8, a scalar. */
  readonly initialized: Tensor;

  /** The norm of so many channels. */
  constructor(channels: number) {
    super();
    this.loc = parameter([1, channels, 1, 1]);
    this.scale = parameter([1, channels, 1, 1]);
    this.initialized = buffer([], "uint8");
  }

  /** Whether a batch was seen. */
  override get buffers(): readonly string[] {
    return ["initialized"];
  }

  /** Scale 1, shift 0, until the first training batch. */
  override reset(): void {
    resetNorm(this.scale, this.loc);
    this.initialized.zero_();
  }

  /** [B, C, h, w] → the same shape: scale · (x + loc). */
  override forward(x: Tensor): Tensor {
    if (this.training && this.initialized.item() === 0) noGrad(() => this.#fit(x));
    return x.add(this.loc).mul(this.scale);
  }

  #fit(x: Tensor): void {
    scope(() => {
      this.loc.copy_(x.mean([0, 2, 3], true).neg());
      this.scale.copy_(x.std([0, 2, 3], { keepdim: true }).add(1e-6).reciprocal());
      this.initialized.fill_(1);
    });
  }
}

function resetNorm(weight: Tensor, bias: Tensor): void {
  weight.fill_(1);
  bias.zero_();
}
