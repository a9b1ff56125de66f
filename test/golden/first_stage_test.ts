import assert from "node:assert/strict";
import { AutoencoderKL, AutoencoderVQ, IdentityFirstStage, posteriorKl, samplePosterior } from "../../lib/model/mod.ts";
import { inferenceMode, scope } from "../../lib/tensor/mod.ts";
import { onDevice } from "../../lib/nn/mod.ts";
import { device } from "../device.ts";
import { goldenTest } from "./golden.ts";

const sizes = ["square", "wide"];

goldenTest(
  "the first stage encodes and decodes as the original's",
  ["first-stage-kl-f8-attn", "first-stage-kl-f4"],
  (golden) => {
    using model = golden.fill(onDevice(device, () => new AutoencoderKL(golden.firstStage("kl").options)), "");
    for (const size of sizes) {
      inferenceMode(() =>
        scope(() => {
          const image = golden.stored(`in.image.${size}`);
          const features = model.encoder.call(image);
          golden.check(`encoder.${size}`, features);
          golden.check(`moments.${size}`, model.encode(image));
          const posterior = model.call(image);
          golden.check(`mean.${size}`, posterior.mean);
          golden.check(`logvar.${size}`, posterior.logvar);
          golden.check(`kl.${size}`, posteriorKl(posterior));
          const sample = samplePosterior(posterior, golden.stored(`draw.posterior.${size}`).select(0, 0));
          golden.check(`sample.${size}`, sample);
          golden.check(`mode.${size}`, model.latent(model.encode(image)));
          golden.check(`decode_mode.${size}`, model.decode(posterior.mean));
          golden.check(`decode_sample.${size}`, model.decode(sample));
          golden.check(`decode_z.${size}`, model.decode(golden.stored(`in.z.${size}`)));
        })
      );
    }
  },
);

goldenTest(
  "the first stage quantises as the original's, to the same codes",
  ["first-stage-vq-f4", "first-stage-vq-f8-attn"],
  (golden) => {
    using model = golden.fill(onDevice(device, () => new AutoencoderVQ(golden.firstStage("vq").options)), "");
    for (const size of sizes) {
      inferenceMode(() =>
        scope(() => {
          const image = golden.stored(`in.image.${size}`);
          golden.check(`encoder.${size}`, model.encoder.call(image));
          golden.check(`prequant.${size}`, model.encode(image));
          const { z, loss, indices } = model.call(image);
          golden.check(`indices.${size}`, indices.flatten());
          golden.check(`quant.${size}`, z);
          golden.check(`emb_loss.${size}`, loss);
          golden.check(`decode_quant.${size}`, model.decodeQuantized(z));
          golden.check(`codebook_entry.${size}`, model.quantize.entries(indices));
          const free = golden.stored(`in.z.${size}`);
          golden.check(`z_indices.${size}`, model.quantize.call(free).indices.flatten());
          golden.check(`decode_z_quantized.${size}`, model.decode(free));
          golden.check(`decode_z_not_quantized.${size}`, model.decodeQuantized(free));
        })
      );
    }
  },
);

goldenTest("the identity first stage passes everything through", ["first-stage-identity"], (golden) => {
  using model = golden.fill(new IdentityFirstStage(golden.firstStage("identity").options), "");
  assert.equal(model.stateDict().size, 0);
  for (const size of sizes) {
    scope(() => {
      const image = golden.stored(`in.image.${size}`);
      golden.check(`encode.${size}`, model.encode(image));
      golden.check(`decode.${size}`, model.decode(image));
      golden.check(`quantize.${size}`, model.latent(image));
    });
  }
});
