import { type Layer, Linear, Module } from "../../nn/mod.ts";
import type { Tensor } from "../../tensor/mod.ts";
import { fillFrozen } from "./frozen.ts";
import {
  BasicConv2d,
  InceptionA,
  InceptionB,
  InceptionC,
  InceptionD,
  InceptionE,
  through,
} from "./inception_blocks.ts";

/** Height and width that images are resized to. */
const size = 299;

const pool: Layer = { call: (x) => x.maxPool2d(3, 2) };

/**
 * The Inception v3 (Szegedy et al. 2015) of FID and the Inception score: TensorFlow's of 2015-12-05, whose average
 * pools leave the border out and whose last block takes a maximum, with the names of
 * `pt_inception-2015-12-05-6726825d.pth` (pytorch-fid; torch-fidelity has the same file).
 *
 * Images [B, 3, h, w] in [−1, 1] → features [B, 2048] ("pool_3"). Resized as pytorch-fid does, which differs a little
 * from TensorFlow's own resizing. It is frozen: gradients reach the images, not its weights.
 */
export class FidInception extends Module {
  /** 299 → 149 */
  readonly Conv2d_1a_3x3: Module = new BasicConv2d(3, 32, 3, { stride: 2 });
  /** 149 → 147 */
  readonly Conv2d_2a_3x3: Module = new BasicConv2d(32, 32, 3);
  /** 147 */
  readonly Conv2d_2b_3x3: Module = new BasicConv2d(32, 64, 3, { padding: 1 });
  /** 73, after a pool */
  readonly Conv2d_3b_1x1: Module = new BasicConv2d(64, 80, 1);
  /** 73 → 71 */
  readonly Conv2d_4a_3x3: Module = new BasicConv2d(80, 192, 3);
  /** 35, after a pool */
  readonly Mixed_5b: Module = new InceptionA(192, 32);
  /** 35 */
  readonly Mixed_5c: Module = new InceptionA(256, 64);
  /** 35 */
  readonly Mixed_5d: Module = new InceptionA(288, 64);
  /** 35 → 17 */
  readonly Mixed_6a: Module = new InceptionB(288);
  /** 17 */
  readonly Mixed_6b: Module = new InceptionC(768, 128);
  /** 17 */
  readonly Mixed_6c: Module = new InceptionC(768, 160);
  /** 17 */
  readonly Mixed_6d: Module = new InceptionC(768, 160);
  /** 17 */
  readonly Mixed_6e: Module = new InceptionC(768, 192);
  /** 17 → 8 */
  readonly Mixed_7a: Module = new InceptionD(768);
  /** 8 */
  readonly Mixed_7b: Module = new InceptionE(1280, "mean");
  /** 8 */
  readonly Mixed_7c: Module = new InceptionE(2048, "maximum");
  /** The classifier of 1,008 classes. */
  readonly fc: Linear = new Linear(2048, 1008);

  /** The network, its weights yet to be loaded: {@linkcode loadWeights}. */
  constructor() {
    super();
    this.requiresGrad_(false);
  }

  /** Fills it. @throws LatentError `checkpoint.mismatch` with every difference in names and shapes */
  loadWeights(weights: ReadonlyMap<string, Tensor>): this {
    fillFrozen(this, weights, "pt_inception-2015-12-05-6726825d.pth, which pytorch-fid publishes");
    return this;
  }

  /** Features [B, 2048] of images of any size, resized to 299×299 (bilinear, not antialiased). */
  override forward(images: Tensor): Tensor {
    const resized = images.upsampleBilinear2d([size, size], false); // in [−1, 1] already: pytorch-fid's 2x − 1 is done
    const stem = [this.Conv2d_1a_3x3, this.Conv2d_2a_3x3, this.Conv2d_2b_3x3, pool];
    const narrow = [this.Conv2d_3b_1x1, this.Conv2d_4a_3x3, pool];
    const fine = [this.Mixed_5b, this.Mixed_5c, this.Mixed_5d];
    const middle = [this.Mixed_6a, this.Mixed_6b, this.Mixed_6c, this.Mixed_6d, this.Mixed_6e];
    const coarse = [this.Mixed_7a, this.Mixed_7b, this.Mixed_7c];
    return through(resized, ...stem, ...narrow, ...fine, ...middle, ...coarse).mean([2, 3]);
  }

  /** Scores [B, 1008] without the bias, which the Inception score leaves out, from features [B, 2048]. */
  logits(features: Tensor): Tensor {
    return features.linear(this.fc.weight);
  }
}
