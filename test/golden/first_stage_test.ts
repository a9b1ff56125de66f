import { AutoencoderKL, posteriorKl, samplePosterior } from "../../lib/model/mod.ts";
import { inferenceMode, scope } from "../../lib/tensor/mod.ts";
import { onDevice } from "../../lib/nn/mod.ts";
import { device } from "../device.ts";
import { autoencoderOptions } from "./config.ts";
import { goldenTest } from "./golden.ts";

goldenTest(
  "the first stage encodes and decodes as the original's",
  ["first-stage-kl-f8-attn", "first-stage-kl-f4"],
  (golden) => {
    using model = golden.fill(onDevice(device, () => new AutoencoderKL(autoencoderOptions(golden.config.params))), "");
    for (const size of ["square", "wide"]) {
      inferenceMode(() =>
        scope(() => {
          const image = golden.stored(`in.image.${size}`);
          const features = model.encoder.call(image);
          golden.check(`encoder.${size}`, features);
          golden.check(`moments.${size}`, model.quant_conv.call(features));
          const posterior = model.call(image);
          golden.check(`mean.${size}`, posterior.mean);
          golden.check(`logvar.${size}`, posterior.logvar);
          golden.check(`kl.${size}`, posteriorKl(posterior));
          const sample = samplePosterior(posterior, golden.stored(`draw.posterior.${size}`).select(0, 0));
          golden.check(`sample.${size}`, sample);
          golden.check(`decode_mode.${size}`, model.decode(posterior.mean));
          golden.check(`decode_sample.${size}`, model.decode(sample));
          golden.check(`decode_z.${size}`, model.decode(golden.stored(`in.z.${size}`)));
        })
      );
    }
  },
);
