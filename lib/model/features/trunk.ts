import { Conv2d, type Layer, Module, Sequential } from "../../nn/mod.ts";
import { cat, type Tensor } from "../../tensor/mod.ts";

/** The networks that LPIPS can stand on. */
export type LpipsNet = "vgg" | "alex" | "squeeze";

/** What a trunk is made of: torchvision's `features`, where they are cut, and the channels there. */
interface Plan {
  layers: Layer[];
  /** After how many layers each slice ends. */
  ends: readonly number[];
  channels: readonly number[];
}

/** In place: the convolution before it needs its output for nothing else. */
const relu: Layer = { call: (x) => x.relu_().share() };

/** Places as small as 3×3 that begin inside and overlap by one. @param ceil whether one may end outside */
function maxPool(ceil = false): Layer {
  return { call: (x) => x.maxPool2d(3, 2, 0, 1, ceil) };
}

/** Squeezes to few channels, expands by 1×1 and 3×3 beside each other (Iandola et al. 2016; torchvision, Fire). */
class Fire extends Module {
  readonly squeeze: Conv2d;
  readonly expand1x1: Conv2d;
  readonly expand3x3: Conv2d;

  constructor(channels: number, squeezed: number, expanded: number) {
    super();
    this.squeeze = new Conv2d(channels, squeezed, 1);
    this.expand1x1 = new Conv2d(squeezed, expanded, 1);
    this.expand3x3 = new Conv2d(squeezed, expanded, 3, { padding: 1 });
  }

  override forward(x: Tensor): Tensor {
    const h = this.squeeze.call(x).relu_();
    return cat([this.expand1x1.call(h), this.expand3x3.call(h)], 1).relu_();
  }
}

/** VGG16 up to relu5_3 (Simonyan & Zisserman 2014). */
function vgg(): Plan {
  const layers: Layer[] = [];
  let channels = 3;
  for (const [width, count] of [[64, 2], [128, 2], [256, 3], [512, 3], [512, 3]] as const) {
    if (layers.length > 0) layers.push({ call: (x) => x.maxPool2d(2) });
    for (let i = 0; i < count; i++) {
      layers.push(new Conv2d(channels, width, 3, { padding: 1 }), relu);
      channels = width;
    }
  }
  return { layers, ends: [4, 9, 16, 23, 30], channels: [64, 128, 256, 512, 512] };
}

/** AlexNet in one column (Krizhevsky 2014). */
function alex(): Plan {
  const layers = [
    new Conv2d(3, 64, 11, { stride: 4, padding: 2 }),
    relu,
    maxPool(),
    new Conv2d(64, 192, 5, { padding: 2 }),
    relu,
    maxPool(),
    new Conv2d(192, 384, 3, { padding: 1 }),
    relu,
    new Conv2d(384, 256, 3, { padding: 1 }),
    relu,
    new Conv2d(256, 256, 3, { padding: 1 }),
    relu,
  ];
  return { layers, ends: [2, 5, 8, 10, 12], channels: [64, 192, 384, 256, 256] };
}

/** SqueezeNet 1.1 (Iandola et al. 2016). */
function squeeze(): Plan {
  const layers = [
    new Conv2d(3, 64, 3, { stride: 2 }),
    relu,
    maxPool(true),
    new Fire(64, 16, 64),
    new Fire(128, 16, 64),
    maxPool(true),
    new Fire(128, 32, 128),
    new Fire(256, 32, 128),
    maxPool(true),
    new Fire(256, 48, 192),
    new Fire(384, 48, 192),
    new Fire(384, 64, 256),
    new Fire(512, 64, 256),
  ];
  return { layers, ends: [2, 5, 8, 10, 11, 12, 13], channels: [64, 128, 256, 384, 384, 512, 512] };
}

const plans = { vgg, alex, squeeze };

/** Layers under their places in the whole: the first of `slice2` is its layer 4. */
class Slice extends Sequential {
  constructor(private readonly first: number, layers: readonly Layer[]) {
    super(...layers);
  }

  override *children(): ReturnType<Module["children"]> {
    for (const [name, child] of super.children()) yield [String(this.first + Number(name)), child];
  }
}

/** The convolutions of a classifier in slices, as lpips cuts them: [B, 3, h, w] → the output of each slice. */
export class Trunk extends Module<[Tensor], Tensor[]> {
  /** The channels of each output. */
  readonly channels: readonly number[];
  readonly #slices: readonly Slice[];

  /** The trunk of a net, its weights yet to be filled. */
  constructor(net: LpipsNet) {
    super();
    const { layers, ends, channels } = plans[net]();
    this.channels = channels;
    this.#slices = ends.map((end, i) => {
      const first = ends[i - 1] ?? 0;
      return new Slice(first, layers.slice(first, end));
    });
  }

  /** `slice1`, `slice2`, … */
  override *children(): ReturnType<Module["children"]> {
    for (const [i, slice] of this.#slices.entries()) yield [`slice${i + 1}`, slice];
  }

  override forward(x: Tensor): Tensor[] {
    const outputs: Tensor[] = [];
    for (const slice of this.#slices) outputs.push(slice.call(outputs.at(-1) ?? x));
    return outputs;
  }
}
