/** Latents to images in inference mode, in one piece or in tiles. @module */
import { AutoencoderKL, type AutoencoderOptions } from "../../lib/model/mod.ts";
import { tiled, type TileOptions } from "../../lib/task/mod.ts";
import { inferenceMode, type Tensor } from "../../lib/tensor/mod.ts";
import { built, input, repeated, type Setup, type Turns } from "./program.ts";

/** How it decodes. */
interface DecodeSetup extends Setup<AutoencoderOptions> {
  /** In tiles, not in one piece. */
  tiles?: TileOptions;
  /** Writes the picture's float32 numbers here. */
  out?: string;
}

/** The first stage, and latents [batch, Z, size, size]. */
export function setup({ network, batch, size, device, tiles, out }: DecodeSetup): Turns {
  const model = built(device, () => new AutoencoderKL(network));
  const { decode } = tiles === undefined ? { decode: (z: Tensor) => model.decode(z) } : tiled(model, tiles);
  const z = input([batch, network.embedChannels, size, size], device);
  return repeated(() => {
    const image = inferenceMode(() => decode(z));
    if (out !== undefined) Deno.writeFileSync(out, image.contiguous().bytes());
  });
}
