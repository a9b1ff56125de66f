/** What a first stage makes of images and latents. @module */
import assert from "node:assert/strict";
import {
  AutoencoderKL,
  AutoencoderVQ,
  IdentityFirstStage,
  type Posterior,
  posteriorKl,
  samplePosterior,
} from "../../../lib/model/mod.ts";
import { onDevice } from "../../../lib/nn/mod.ts";
import type { ReleasedFirstStage } from "../../../lib/released/mod.ts";
import { inferenceMode, scope, type Tensor } from "../../../lib/tensor/mod.ts";
import { device } from "../../device.ts";
import type { Case, Claim, Golden } from "../golden.ts";

const prefix = "in.image.";

/** What the names of a case's images end with: one batch of each size. */
const sizesOf = ({ facts }: Case): string[] =>
  Object.keys(facts.inputs).flatMap((name) => name.startsWith(prefix) ? [name.slice(prefix.length)] : []);

/** A claim about one kind of first stage: its network, and what is compared of it for each size of images. */
function claim<N extends Disposable>(
  kind: ReleasedFirstStage["kind"],
  says: string,
  network: (golden: Golden) => N,
  body: (model: N, golden: Golden, size: string) => void,
): Claim {
  return {
    says,
    applies: (of) => of.config?.kind === "first-stage" && of.config.firstStage.kind === kind && sizesOf(of).length > 0,
    body: (golden) => {
      using model = network(golden);
      for (const size of sizesOf(golden)) inferenceMode(() => scope(() => body(model, golden, size)));
    },
  };
}

/** The negative log-likelihood of latents in a posterior: [B]. */
function negativeLogLikelihood({ mean, logvar }: Posterior, z: Tensor): Tensor {
  return z.sub(mean).square().div(logvar.exp()).add(logvar).add(Math.log(2 * Math.PI)).sum([1, 2, 3]).mul(0.5);
}

/** Which codes, as the original numbers them where only some are used; in a row, or where they stand. */
function checkCodes({ quantize }: AutoencoderVQ, golden: Golden, name: string, indices: Tensor): void {
  const places = quantize.used === null ? indices : quantize.toUsed(indices, quantize.used.numel);
  golden.check(name, places.view(golden.stored(`out.${name}`).shape));
}

/** Claims about first stages. */
export const firstStages: readonly Claim[] = [
  claim(
    "kl",
    "the first stage encodes and decodes as the original's",
    (golden) => golden.fill(onDevice(device, () => new AutoencoderKL(golden.firstStage("kl").options)), "firstStage"),
    (model, golden, size) => {
      const image = golden.stored(`in.image.${size}`);
      golden.check(`encoder.${size}`, model.encoder.call(image));
      golden.check(`moments.${size}`, model.encode(image));
      golden.check(`mode.${size}`, model.latent(model.encode(image)));
      const posterior = model.call(image);
      const sample = samplePosterior(posterior, golden.stored(`draw.posterior.${size}`).select(0, 0));
      golden.check(`mean.${size}`, posterior.mean);
      golden.check(`logvar.${size}`, posterior.logvar);
      golden.check(`std.${size}`, posterior.logvar.mul(0.5).exp());
      golden.check(`kl.${size}`, posteriorKl(posterior));
      golden.check(`sample.${size}`, sample);
      golden.check(`nll.${size}`, negativeLogLikelihood(posterior, sample));
      golden.check(`decode_mode.${size}`, model.decode(posterior.mean));
      golden.check(`decode_sample.${size}`, model.decode(sample));
      golden.check(`decode_z.${size}`, model.decode(golden.stored(`in.z.${size}`)));
    },
  ),
  claim(
    "vq",
    "the first stage quantises as the original's, to the same codes",
    (golden) => {
      const { options } = golden.firstStage("vq");
      const codebook = { ...options.codebook, ...golden.remap };
      return golden.fill(onDevice(device, () => new AutoencoderVQ({ ...options, codebook })), "firstStage");
    },
    (model, golden, size) => {
      const image = golden.stored(`in.image.${size}`);
      golden.check(`encoder.${size}`, model.encoder.call(image));
      golden.check(`prequant.${size}`, model.encode(image));
      const { z, loss, indices } = model.call(image);
      checkCodes(model, golden, `indices.${size}`, indices);
      golden.check(`quant.${size}`, z);
      golden.check(`emb_loss.${size}`, loss);
      golden.check(`decode_quant.${size}`, model.decodeQuantized(z));
      golden.check(`codebook_entry.${size}`, model.quantize.entries(indices));
      const free = golden.stored(`in.z.${size}`);
      checkCodes(model, golden, `z_indices.${size}`, model.quantize.call(free).indices);
      golden.check(`decode_z_quantized.${size}`, model.decode(free));
      golden.check(`decode_z_not_quantized.${size}`, model.decodeQuantized(free));
    },
  ),
  claim(
    "identity",
    "the identity first stage passes everything through",
    (golden) => golden.fill(new IdentityFirstStage(golden.firstStage("identity").options), "firstStage"),
    (model, golden, size) => {
      assert.equal(model.stateDict().size, 0);
      const image = golden.stored(`in.image.${size}`);
      golden.check(`encode.${size}`, model.encode(image));
      golden.check(`decode.${size}`, model.decode(image));
      golden.check(`quantize.${size}`, model.latent(image));
    },
  ),
];
