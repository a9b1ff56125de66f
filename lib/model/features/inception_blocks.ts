import { Conv2d, type Conv2dOptions, type Layer, Module } from "../../nn/mod.ts";
import { cat, type Tensor } from "../../tensor/mod.ts";
import { FrozenNorm } from "./frozen.ts";

type Kernel = number | readonly [number, number];

/** Convolution without bias, norm, max(x, 0) (torchvision, BasicConv2d). */
export class BasicConv2d extends Module {
  readonly conv: Conv2d;
  readonly bn: FrozenNorm;

  constructor(channels: number, outChannels: number, kernel: Kernel, options: Conv2dOptions = {}) {
    super();
    this.conv = new Conv2d(channels, outChannels, kernel, { ...options, bias: false });
    this.bn = new FrozenNorm(outChannels);
  }

  override forward(x: Tensor): Tensor {
    using h = this.conv.call(x);
    return this.bn.call(h).relu_();
  }
}

/** A convolution that keeps the size. */
function same(channels: number, outChannels: number, kernel: Kernel): BasicConv2d {
  const padding = typeof kernel === "number" ? (kernel - 1) / 2 : kernel.map((k) => (k - 1) / 2) as [number, number];
  return new BasicConv2d(channels, outChannels, kernel, { padding });
}

/** Layers one after the other; what is between is freed. */
export function through(x: Tensor, ...layers: readonly Layer[]): Tensor {
  let h = x;
  for (const layer of layers) {
    const next = layer.call(h);
    if (h !== x) h.dispose();
    h = next;
  }
  return h;
}

/** Mean of 3×3 places; at the border of those inside, as TensorFlow takes it and torchvision does not. */
function averaged(x: Tensor): Tensor {
  return x.avgPool2d(3, 1, 1, false, false);
}

/** Mixed_5b to 5d at 35×35: 224 channels and those of the pool. */
export class InceptionA extends Module {
  readonly branch1x1: Module;
  readonly branch5x5_1: Module;
  readonly branch5x5_2: Module;
  readonly branch3x3dbl_1: Module;
  readonly branch3x3dbl_2: Module;
  readonly branch3x3dbl_3: Module;
  readonly branch_pool: Module;

  constructor(channels: number, poolChannels: number) {
    super();
    this.branch1x1 = same(channels, 64, 1);
    this.branch5x5_1 = same(channels, 48, 1);
    this.branch5x5_2 = same(48, 64, 5);
    this.branch3x3dbl_1 = same(channels, 64, 1);
    this.branch3x3dbl_2 = same(64, 96, 3);
    this.branch3x3dbl_3 = same(96, 96, 3);
    this.branch_pool = same(channels, poolChannels, 1);
  }

  override forward(x: Tensor): Tensor {
    return cat([
      this.branch1x1.call(x),
      through(x, this.branch5x5_1, this.branch5x5_2),
      through(x, this.branch3x3dbl_1, this.branch3x3dbl_2, this.branch3x3dbl_3),
      this.branch_pool.call(averaged(x)),
    ], 1);
  }
}

/** Mixed_6a: 35×35 → 17×17, 480 channels and those of the input. */
export class InceptionB extends Module {
  readonly branch3x3: Module;
  readonly branch3x3dbl_1: Module;
  readonly branch3x3dbl_2: Module;
  readonly branch3x3dbl_3: Module;

  constructor(channels: number) {
    super();
    this.branch3x3 = new BasicConv2d(channels, 384, 3, { stride: 2 });
    this.branch3x3dbl_1 = same(channels, 64, 1);
    this.branch3x3dbl_2 = same(64, 96, 3);
    this.branch3x3dbl_3 = new BasicConv2d(96, 96, 3, { stride: 2 });
  }

  override forward(x: Tensor): Tensor {
    return cat([
      this.branch3x3.call(x),
      through(x, this.branch3x3dbl_1, this.branch3x3dbl_2, this.branch3x3dbl_3),
      x.maxPool2d(3, 2),
    ], 1);
  }
}

/** Mixed_6b to 6e at 17×17: 768 channels. */
export class InceptionC extends Module {
  readonly branch1x1: Module;
  readonly branch7x7_1: Module;
  readonly branch7x7_2: Module;
  readonly branch7x7_3: Module;
  readonly branch7x7dbl_1: Module;
  readonly branch7x7dbl_2: Module;
  readonly branch7x7dbl_3: Module;
  readonly branch7x7dbl_4: Module;
  readonly branch7x7dbl_5: Module;
  readonly branch_pool: Module;

  /** @param inner channels between the 1×7 and 7×1 convolutions */
  constructor(channels: number, inner: number) {
    super();
    this.branch1x1 = same(channels, 192, 1);
    this.branch7x7_1 = same(channels, inner, 1);
    this.branch7x7_2 = same(inner, inner, [1, 7]);
    this.branch7x7_3 = same(inner, 192, [7, 1]);
    this.branch7x7dbl_1 = same(channels, inner, 1);
    this.branch7x7dbl_2 = same(inner, inner, [7, 1]);
    this.branch7x7dbl_3 = same(inner, inner, [1, 7]);
    this.branch7x7dbl_4 = same(inner, inner, [7, 1]);
    this.branch7x7dbl_5 = same(inner, 192, [1, 7]);
    this.branch_pool = same(channels, 192, 1);
  }

  override forward(x: Tensor): Tensor {
    const twice = [this.branch7x7dbl_2, this.branch7x7dbl_3, this.branch7x7dbl_4, this.branch7x7dbl_5];
    return cat([
      this.branch1x1.call(x),
      through(x, this.branch7x7_1, this.branch7x7_2, this.branch7x7_3),
      through(x, this.branch7x7dbl_1, ...twice),
      this.branch_pool.call(averaged(x)),
    ], 1);
  }
}

/** Mixed_7a: 17×17 → 8×8, 512 channels and those of the input. */
export class InceptionD extends Module {
  readonly branch3x3_1: Module;
  readonly branch3x3_2: Module;
  readonly branch7x7x3_1: Module;
  readonly branch7x7x3_2: Module;
  readonly branch7x7x3_3: Module;
  readonly branch7x7x3_4: Module;

  constructor(channels: number) {
    super();
    this.branch3x3_1 = same(channels, 192, 1);
    this.branch3x3_2 = new BasicConv2d(192, 320, 3, { stride: 2 });
    this.branch7x7x3_1 = same(channels, 192, 1);
    this.branch7x7x3_2 = same(192, 192, [1, 7]);
    this.branch7x7x3_3 = same(192, 192, [7, 1]);
    this.branch7x7x3_4 = new BasicConv2d(192, 192, 3, { stride: 2 });
  }

  override forward(x: Tensor): Tensor {
    return cat([
      through(x, this.branch3x3_1, this.branch3x3_2),
      through(x, this.branch7x7x3_1, this.branch7x7x3_2, this.branch7x7x3_3, this.branch7x7x3_4),
      x.maxPool2d(3, 2),
    ], 1);
  }
}

/** Mixed_7b and 7c at 8×8: 2,048 channels. */
export class InceptionE extends Module {
  readonly branch1x1: Module;
  readonly branch3x3_1: Module;
  readonly branch3x3_2a: Module;
  readonly branch3x3_2b: Module;
  readonly branch3x3dbl_1: Module;
  readonly branch3x3dbl_2: Module;
  readonly branch3x3dbl_3a: Module;
  readonly branch3x3dbl_3b: Module;
  readonly branch_pool: Module;

  /** @param pool the mean in 7b; the maximum in 7c, which the weights for FID were made with */
  constructor(channels: number, private readonly pool: "mean" | "maximum") {
    super();
    this.branch1x1 = same(channels, 320, 1);
    this.branch3x3_1 = same(channels, 384, 1);
    this.branch3x3_2a = same(384, 384, [1, 3]);
    this.branch3x3_2b = same(384, 384, [3, 1]);
    this.branch3x3dbl_1 = same(channels, 448, 1);
    this.branch3x3dbl_2 = same(448, 384, 3);
    this.branch3x3dbl_3a = same(384, 384, [1, 3]);
    this.branch3x3dbl_3b = same(384, 384, [3, 1]);
    this.branch_pool = same(channels, 192, 1);
  }

  override forward(x: Tensor): Tensor {
    const h = this.branch3x3_1.call(x);
    const twice = through(x, this.branch3x3dbl_1, this.branch3x3dbl_2);
    return cat([
      this.branch1x1.call(x),
      this.branch3x3_2a.call(h),
      this.branch3x3_2b.call(h),
      this.branch3x3dbl_3a.call(twice),
      this.branch3x3dbl_3b.call(twice),
      this.branch_pool.call(this.pool === "mean" ? averaged(x) : x.maxPool2d(3, 1, 1)),
    ], 1);
  }
}
