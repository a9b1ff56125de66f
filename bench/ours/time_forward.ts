/** A forward pass of the U-Net in inference mode. @module */
import { Unet, type UnetOptions } from "../../lib/model/mod.ts";
import { inferenceMode, keep, randint, scope } from "../../lib/tensor/mod.ts";
import { built, input, repeated, type Setup, type Turns } from "./program.ts";

/** The network, and data [batch, inChannels, size, size]. */
export function setup({ network, batch, size, device }: Setup<UnetOptions>): Turns {
  const unet = built(device, () => new Unet(network));
  const x = input([batch, network.inChannels, size, size], device);
  const t = keep(scope(() => randint(500, 501, [batch]).to({ device })));
  return repeated(() => inferenceMode(() => unet.call(x, t).dispose()));
}
