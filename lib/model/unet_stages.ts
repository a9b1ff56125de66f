import { Conv2d, type Layer, Module } from "../nn/mod.ts";
import type { Tensor } from "../tensor/mod.ts";
import { doubled, Upsample } from "./blocks.ts";
import { SpatialTransformer } from "./transformer.ts";
import type { UnetOptions } from "./unet.ts";
import { AttentionBlock, halved, ResidualBlock, type ResidualBlockOptions, UnetDownsample } from "./unet_blocks.ts";

type UnetLayer = ResidualBlock | SpatialTransformer | Layer;

/**
 * Layers of one position of the U-Net: residual blocks get the time embedding, transformers the context
 * (TimestepEmbedSequential, openaimodel.py).
 */
export class Stage extends Module<[Tensor, Tensor, Tensor?]> {
  readonly #layers: readonly UnetLayer[];

  /** A chain; the layers' names are their positions. */
  constructor(...layers: UnetLayer[]) {
    super();
    this.#layers = layers;
  }

  /** The layers that are modules, by position. */
  override *children(): ReturnType<Module["children"]> {
    for (const [i, layer] of this.#layers.entries()) if (layer instanceof Module) yield [String(i), layer];
  }

  /** The last layer's output; each one between is freed when the next is there. */
  override forward(x: Tensor, emb: Tensor, context?: Tensor): Tensor {
    let h = x;
    for (const layer of this.#layers) {
      const next = called(layer, h, emb, context);
      if (h !== x) h.dispose();
      h = next;
    }
    return h;
  }
}

function called(layer: UnetLayer, h: Tensor, emb: Tensor, context?: Tensor): Tensor {
  if (layer instanceof ResidualBlock) return layer.call(h, emb);
  if (layer instanceof SpatialTransformer) return layer.call(h, context!);
  return layer.call(h);
}

/** Lays out the stages: the stack keeps one skip an input stage, each output stage takes one. */
export class StageBuilder {
  readonly #skips: number[];
  #channels: number;

  constructor(private readonly o: UnetOptions, private readonly embeddingChannels: number) {
    this.#channels = o.modelChannels;
    this.#skips = [this.#channels];
  }

  down(): Stage[] {
    const first = new Stage(new Conv2d(this.o.inChannels, this.#channels, 3, { padding: 1 }));
    const levels = this.o.multipliers.flatMap((multiplier, level) => {
      const blocks = Array.from(
        { length: this.o.residualBlocks },
        (_, i) => this.#block(this.#channels, multiplier, level, { centred: level === 0 && i === 0 }),
      );
      for (const _ of blocks) this.#skips.push(this.#channels);
      if (level === this.o.multipliers.length - 1) return blocks.map((b) => new Stage(...b));
      this.#skips.push(this.#channels);
      return [...blocks.map((b) => new Stage(...b)), new Stage(this.#resampled("down"))];
    });
    return [first, ...levels];
  }

  middle(): Stage {
    const c = this.#channels;
    return new Stage(this.#residual(c, c), this.#attention(), this.#residual(c, c));
  }

  up(): Stage[] {
    const levels = [...this.o.multipliers.entries()].reverse();
    return levels.flatMap(([level, multiplier]) =>
      Array.from({ length: this.o.residualBlocks + 1 }, (_, i) => {
        const layers = this.#block(this.#channels + this.#skips.pop()!, multiplier, level, { up: true });
        const last = i === this.o.residualBlocks && level > 0;
        return new Stage(...layers, ...(last ? [this.#resampled("up")] : []));
      })
    );
  }

  #block(
    inChannels: number,
    multiplier: number,
    level: number,
    { up = false, centred = false }: { up?: boolean; centred?: boolean },
  ): UnetLayer[] {
    this.#channels = multiplier * this.o.modelChannels;
    const attention = this.o.attentionFactors.includes(2 ** level);
    return [
      this.#residual(inChannels, this.#channels, { centred }),
      ...(attention ? [this.#attention(up ? this.o.headsUp : undefined)] : []),
    ];
  }

  #attention(plainHeads?: number): UnetLayer {
    const { heads: shared, transformer, newAttentionOrder = false } = this.o;
    const channels = this.#channels;
    const heads = "count" in shared ? shared.count : channels / shared.channels;
    if (transformer !== undefined) return new SpatialTransformer({ channels, heads, ...transformer });
    return new AttentionBlock(channels, plainHeads ?? heads, !newAttentionOrder);
  }

  #residual(
    channels: number,
    outChannels: number,
    more: Pick<ResidualBlockOptions, "resample" | "centred"> = {},
  ): ResidualBlock {
    const { dropout, scaleShift } = this.o;
    const { embeddingChannels } = this;
    return new ResidualBlock({ channels, outChannels, embeddingChannels, dropout, scaleShift, ...more });
  }

  #resampled(direction: "up" | "down"): UnetLayer {
    const c = this.#channels;
    const { residualResampling, plainResampling = false } = this.o;
    if (residualResampling) return this.#residual(c, c, { resample: direction });
    if (plainResampling) return direction === "down" ? halved : { call: doubled };
    return direction === "down" ? new UnetDownsample(c) : new Upsample(c);
  }
}
