import assert from "node:assert/strict";
import { splitCheckpoint } from "../../lib/released/mod.ts";

/** The parts that are not empty. */
function parts(names: string[]): Record<string, Record<string, string>> {
  const found = Object.entries(splitCheckpoint(names)).filter(([, part]) => part.size > 0);
  return Object.fromEntries(found.map(([key, part]) => [key, Object.fromEntries(part)]));
}

Deno.test("a diffusion model's names are sorted into its parts; averaged weights get their dots back", () => {
  assert.deepEqual(
    parts([
      "betas",
      "scale_factor",
      "model.diffusion_model.out.0.weight",
      "model.diffusion_model.input_blocks.1.1.a",
      "model_ema.decay",
      "model_ema.num_updates",
      "model_ema.diffusion_modelout0weight",
      "model_ema.diffusion_modelinput_blocks11a",
      "first_stage_model.encoder.conv_in.weight",
      "first_stage_model.loss.logvar",
      "cond_stage_model.encoder.conv_in.weight",
      "model_ema.something",
      "callbacks",
    ]),
    {
      schedule: { betas: "betas" },
      settings: {
        scale_factor: "scale_factor",
        "model_ema.decay": "model_ema.decay",
        "model_ema.num_updates": "model_ema.num_updates",
      },
      denoiser: {
        "out.0.weight": "model.diffusion_model.out.0.weight",
        "input_blocks.1.1.a": "model.diffusion_model.input_blocks.1.1.a",
      },
      denoiserEma: {
        "out.0.weight": "model_ema.diffusion_modelout0weight",
        "input_blocks.1.1.a": "model_ema.diffusion_modelinput_blocks11a",
      },
      firstStage: { "encoder.conv_in.weight": "first_stage_model.encoder.conv_in.weight" },
      loss: { logvar: "first_stage_model.loss.logvar" },
      conditioner: { "encoder.conv_in.weight": "cond_stage_model.encoder.conv_in.weight" },
      other: { "model_ema.something": "model_ema.something", callbacks: "callbacks" },
    },
  );
});

Deno.test("a first stage alone has bare names, its loss and its averaged weights beside it", () => {
  assert.deepEqual(
    parts([
      "encoder.conv_in.weight",
      "quantize.embedding.weight",
      "post_quant_conv.bias",
      "loss.discriminator.main.0.weight",
      "model_ema.encoderconv_inweight",
    ]),
    {
      firstStage: {
        "encoder.conv_in.weight": "encoder.conv_in.weight",
        "quantize.embedding.weight": "quantize.embedding.weight",
        "post_quant_conv.bias": "post_quant_conv.bias",
      },
      loss: { "discriminator.main.0.weight": "loss.discriminator.main.0.weight" },
      firstStageEma: { "encoder.conv_in.weight": "model_ema.encoderconv_inweight" },
    },
  );
});

Deno.test("a name that would stand for the same tensor again is not lost", () => {
  assert.deepEqual(parts(["first_stage_model.encoder.a", "encoder.a"]), {
    firstStage: { "encoder.a": "first_stage_model.encoder.a" },
    other: { "encoder.a": "encoder.a" },
  });
});

Deno.test("names that every object has are names like others", () => {
  assert.deepEqual([...splitCheckpoint(["__proto__", "constructor"]).other.keys()], ["__proto__", "constructor"]);
});
