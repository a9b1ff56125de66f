import { Conv2d, Dropout, Module, Sequential } from "../../nn/mod.ts";
import { scope, type Tensor } from "../../tensor/mod.ts";
import { Colours, fillFrozen } from "./frozen.ts";
import { squaredDifference } from "./difference.ts";
import { type LpipsNet, Trunk } from "./trunk.ts";

/** Weighs the channels of a slice: [B, C, h, w] → [B, 1, h, w]; the dropout before it is active while training. */
class Head extends Module {
  readonly model: Sequential;

  constructor(channels: number) {
    super();
    this.model = new Sequential(new Dropout(0.5), new Conv2d(channels, 1, 1, { bias: false }));
  }

  override forward(x: Tensor): Tensor {
    return this.model.call(x);
  }
}

/**
 * The learned perceptual distance (Zhang et al. 2018), version 0.1: two batches of images [B, 3, h, w] in [−1, 1] →
 * [B, 1, 1, 1]. Its tensors have the names of PyPI `lpips` and of taming-transformers, which train first stages with it.
 *
 * It is frozen: gradients reach the images, not its weights. While {@linkcode Module.train training}, half of the
 * channels' differences are dropped, as in the original's training of first stages.
 */
export class Lpips extends Module<[Tensor, Tensor]> {
  /** Colours of [−1, 1] to those the trunk was trained with. */
  readonly scaling_layer: Module = new Colours([-.030, -.088, -.188], [.458, .448, .450]);
  /** The convolutions of the classifier. */
  readonly net: Module<[Tensor], Tensor[]>;
  readonly #heads: readonly Head[];

  /** The distance over a net's features, its weights yet to be loaded: {@linkcode loadWeights}. */
  constructor(private readonly kind: LpipsNet) {
    super();
    const trunk = new Trunk(kind);
    this.net = trunk;
    this.#heads = trunk.channels.map((channels) => new Head(channels));
    this.requiresGrad_(false);
  }

  /** `scaling_layer`, `net`, `lin0`, `lin1`, … */
  override *children(): ReturnType<Module["children"]> {
    yield* super.children();
    for (const [i, head] of this.#heads.entries()) yield [`lin${i}`, head];
  }

  /**
   * Fills it with torchvision's weights of the classifier and the linear heads of PyPI `lpips` (`weights/v0.1`), or
   * with both from one map with the names of {@linkcode stateDict}. The classifier's last layers are passed over.
   *
   * @throws LatentError `checkpoint.mismatch` with every difference in names and shapes
   */
  loadWeights(weights: ReadonlyMap<string, Tensor>, heads: ReadonlyMap<string, Tensor> = new Map()): this {
    const own = [...this.net.stateDict().keys()];
    const names = new Map(own.map((name) => [name.replace(/^slice\d+/, "features"), `net.${name}`]));
    const renamed = new Map(heads);
    for (const [name, tensor] of weights) {
      if (!name.startsWith("classifier.")) renamed.set(names.get(name) ?? name, tensor);
    }
    fillFrozen(this, renamed, sources[this.kind]);
    return this;
  }

  /** What the heads weigh, slice by slice: the squared differences of normalised features, [B, C, h', w'] each. */
  differences(x: Tensor, y: Tensor): Tensor[] {
    return scope(() => {
      const [a, b] = [x, y].map((images) => this.net.call(this.scaling_layer.call(images)));
      return a!.map((features, i) => squaredDifference(features, b![i]!));
    });
  }

  /** Σ over slices of the weighted differences' mean over places. */
  override forward(x: Tensor, y: Tensor): Tensor {
    const parts = this.differences(x, y).map((difference, i) => this.#heads[i]!.call(difference).mean([2, 3], true));
    return parts.reduce((sum, part) => sum.add(part));
  }
}

const sources: Record<LpipsNet, string> = {
  vgg: "torchvision's VGG16 (vgg16-397923af.pth) and lpips' heads (weights/v0.1/vgg.pth)",
  alex: "torchvision's AlexNet (alexnet-owt-7be5be79.pth) and lpips' heads (weights/v0.1/alex.pth)",
  squeeze: "torchvision's SqueezeNet 1.1 (squeezenet1_1-b8a52dc0.pth) and lpips' heads (weights/v0.1/squeeze.pth)",
};
