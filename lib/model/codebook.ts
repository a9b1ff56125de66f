import { LatentError } from "../base/mod.ts";
import { buffer, Embedding, Module } from "../nn/mod.ts";
import { arange, autocast, cat, full, Generator, noGrad, randint, scope, type Tensor } from "../tensor/mod.ts";
import { wide } from "./wide.ts";

/** A codebook and its loss. */
export interface CodebookOptions {
  /** Vectors in the codebook. */
  codes: number;
  /** Weight of one of the two terms of the loss. @default {0.25} */
  beta?: number;
  /** Whether `beta` is on the codes' term, as in the original and its checkpoints; else on the encoder's. @default {true} */
  legacy?: boolean;
  /** Length of a list of used codes, kept as `used` beside the codes: see {@linkcode Codebook.toUsed}. */
  remap?: number;
}

/** Vectors replaced by codes. */
export interface Quantized {
  /** [B, D, h, w], the nearest codes; their gradient is passed on to the vectors. */
  z: Tensor;
  /** A scalar: how far vectors and codes are apart. */
  loss: Tensor;
  /** [B, h, w], which codes: int64. */
  indices: Tensor;
}

/** Distances that are held at once. */
const held = 2 ** 25;

/** K vectors that begin uniform in ±1/K. */
class Codes extends Embedding {
  override reset(generator: Generator): void {
    const bound = 1 / this.weight.shape[0]!;
    this.weight.uniform_(-bound, bound, { generator });
  }
}

/** Vector quantisation: [B, D, h, w] → the nearest codes (section 3.1; VectorQuantizer2, taming/modules/vqvae/quantize.py). */
export class Codebook extends Module<[Tensor], Quantized> {
  /** The codes: its weight is [K, D]. */
  readonly embedding: Embedding;
  /** The codes that are used, int64; null without `remap`. */
  readonly used: Tensor | null;

  /** K codes of D channels, yet to be filled. */
  constructor(readonly options: CodebookOptions, channels: number) {
    super();
    this.embedding = new Codes(options.codes, channels);
    this.used = options.remap === undefined ? null : buffer([options.remap], "int64");
  }

  /** The list of used codes. */
  override get buffers(): readonly string[] {
    return ["used"];
  }

  /** The first codes are the used ones, until a list is loaded. */
  override reset(): void {
    if (this.used !== null) this.used.copy_(arange(0, this.used.numel, 1, { device: this.used.device }));
  }

  /** Vectors [B, D, h, w] → the nearest codes, the loss, and which they are. */
  override forward(z: Tensor): Quantized {
    const { beta = 0.25, legacy = true } = this.options;
    const rows = wide(z).permute([0, 2, 3, 1]); // [B, h, w, D]
    const indices = this.nearest(rows);
    const codes = this.embedding.call(indices); // [B, h, w, D]
    const encoder = codes.detach().sub(rows).square().mean(null);
    const codebook = codes.sub(rows.detach()).square().mean(null);
    return {
      z: rows.add(codes.sub(rows).detach()).permute([0, 3, 1, 2]),
      loss: legacy ? encoder.add(codebook.mul(beta)) : encoder.mul(beta).add(codebook),
      indices,
    };
  }

  /** Codes by number: [B, h, w] → [B, D, h, w]. */
  entries(indices: Tensor): Tensor {
    return scope(() => this.embedding.call(indices).permute([0, 3, 1, 2]));
  }

  /**
   * Rows [..., D] → the number of the nearest code of each, [...]; of equally near ones the first. Squared distances are
   * |z|² + |e|² − 2·z·e in the original's order of operations, so that rounding decides as it does there.
   */
  nearest(rows: Tensor): Tensor {
    const codes = this.embedding.weight;
    const [count, channels] = codes.shape as [number, number];
    const body = () => {
      const squares = codes.square().sum(1); // [K]
      const transposed = codes.transpose(0, 1).unsqueeze(0); // [1, D, K]
      const parts = rows.reshape([-1, channels]).split(Math.max(1, Math.floor(held / count)));
      const nearest = parts.map((part) =>
        scope(() => {
          const products = part.unsqueeze(0).bmm(transposed).squeeze(0);
          return part.square().sum(1, true).add(squares).sub_(products.mul_(2)).argmin(1);
        })
      );
      return cat(nearest).view(rows.shape.slice(0, -1));
    };
    return scope(() => noGrad(() => autocast(rows.device, "float32", body)));
  }

  /**
   * Numbers of codes → their places in the list of used ones.
   *
   * @param unknown the place of codes that are not in it (its length is the original's "extra"), or draws one at random
   */
  toUsed(indices: Tensor, unknown: Generator | number): Tensor {
    return scope(() => {
      const used = this.#list();
      const { shape, device } = indices;
      const matches = indices.unsqueeze(-1).eq(used).to({ dtype: "int64" }); // [..., used]
      const others = unknown instanceof Generator
        ? randint(0, used.numel, shape, { generator: unknown, dtype: "int64", device })
        : full(shape, unknown, { dtype: "int64", device });
      return matches.sum(-1).ge(1).where(matches.argmax(-1), others);
    });
  }

  /** Places in the list of used codes → numbers of codes; a place beyond the list is its first. */
  toAll(places: Tensor): Tensor {
    return scope(() => {
      const used = this.#list();
      const known = places.mul(places.lt(used.numel)).flatten();
      return used.indexSelect(0, known).view(places.shape);
    });
  }

  #list(): Tensor {
    if (this.used !== null) return this.used;
    throw new LatentError("config.remap", {
      what: "The codebook has no list of used codes",
      wanted: "one that was built with `remap`, the list's length",
    });
  }
}
