/** What conditions a denoiser: networks, and what they make of a case's inputs. @module */
import assert from "node:assert/strict";
import { type Condition, encoderOf, firstStageOf, HybridConditioner, Unet } from "../../../lib/model/mod.ts";
import { type AnyModule, type Module, onDevice } from "../../../lib/nn/mod.ts";
import { cat, full, inferenceMode, scope, type Tensor } from "../../../lib/tensor/mod.ts";
import { device } from "../../device.ts";
import { type Case, type Claim, gives, type Golden } from "../golden.ts";

/** A denoiser, and what makes its conditions. */
export class ConditionedUnet implements Disposable {
  readonly unet: Unet;
  /** Undefined where nothing conditions it. */
  readonly conditioner: AnyModule | undefined;
  readonly #golden: Golden;

  constructor(golden: Golden) {
    const { unet, condition } = golden.diffusion;
    this.#golden = golden;
    this.unet = golden.fill(onDevice(device, () => new Unet(unet)), "denoiser");
    this.conditioner = condition && conditionerOf(golden);
  }

  /** The condition of the case's batch. */
  condition(): Condition {
    return this.#conditionOf(inputOf(this.#golden));
  }

  /** Of no class or text, where the case has that. */
  unconditional(): Condition {
    return this.#conditionOf(unconditionalInput(this.#golden));
  }

  #conditionOf(input: Tensor[]): Condition {
    const { condition } = this.#golden.diffusion;
    if (condition === undefined) return {};
    if (this.conditioner instanceof HybridConditioner) return this.conditioner.call(input[0]!, input[1]!);
    const made = condition.encoder.kind === "first-stage"
      ? masked(this.#golden, this.conditioner as ReturnType<typeof firstStageOf>)
      : (this.conditioner as Module).call(input[0]!);
    return { [{ concat: "concat", crossattn: "context", adm: "classes", hybrid: "" }[condition.mode]]: made };
  }

  /** x and steps → the denoiser's output under a condition. */
  call(x: Tensor, t: Tensor, condition: Condition = this.condition()): Tensor {
    return this.unet.call(x, t, condition);
  }

  /** What is trained, by its names in the checkpoint. */
  trained(): Map<string, Tensor> {
    const conditioner = this.#golden.diffusion.condition?.trained ? this.conditioner!.train().namedParameters() : [];
    return new Map([
      ...Array.from(this.unet.namedParameters(), ([name, p]): [string, Tensor] => [`model.diffusion_model.${name}`, p]),
      ...Array.from(conditioner, ([name, p]): [string, Tensor] => [`cond_stage_model.${name}`, p]),
    ]);
  }

  [Symbol.dispose](): void {
    this.unet.dispose();
    this.conditioner?.dispose();
  }
}

/** The network that makes a case's condition, filled. */
function conditionerOf(golden: Golden): AnyModule {
  const { condition, firstStage } = golden.diffusion;
  const encoder = condition!.encoder;
  if (encoder.kind === "first-stage") {
    return golden.fill<AnyModule>(onDevice(device, () => firstStageOf(firstStage.options)), "firstStage");
  }
  const build = () => encoder.kind === "hybrid" ? new HybridConditioner(encoder) : encoderOf(encoder);
  return golden.fill<AnyModule>(onDevice(device, build), "conditioner");
}

/** What the conditioner takes: one tensor, or that which is joined to x and that which is attended to. */
function inputOf(golden: Golden): Tensor[] {
  const { inputs } = golden.facts;
  if ("in.segmentation_labels" in inputs) return [segmentation(golden)];
  if ("in.LR_image" in inputs) return [golden.stored("in.LR_image").permute([0, 3, 1, 2])];
  return ["in.concat_image", "in.tokens", "in.class_label"].filter((name) => name in inputs)
    .map((name) => golden.stored(name));
}

function unconditionalInput(golden: Golden): Tensor[] {
  if ("in.tokens_uncond" in golden.facts.inputs) return [golden.stored("in.tokens_uncond")];
  const encoder = golden.diffusion.condition?.encoder;
  assert.ok(encoder?.kind === "class");
  const { shape } = golden.stored("in.class_label");
  return [full(shape, encoder.classes - 1, { dtype: "int64", device })];
}

/** Labels [B, h, w], each of as many pixels as the image has for it → one-hot [B, N, H, W]. */
function segmentation(golden: Golden): Tensor {
  const labels = golden.stored("in.segmentation_labels");
  const encoder = golden.diffusion.condition?.encoder;
  assert.ok(encoder?.kind === "rescale");
  const times = golden.stored("in.image").shape[1]! / labels.shape[1]!;
  const large = labels.repeatInterleave(times, 1).repeatInterleave(times, 2);
  return large.oneHot(encoder.inChannels).permute([0, 3, 1, 2]).to({ dtype: "float32" });
}

/** The encoded image without what is to be filled, and the mask, both in [−1, 1] (scripts/inpaint.py). */
function masked(golden: Golden, firstStage: ReturnType<typeof firstStageOf>): Tensor {
  const image = golden.stored("in.image").permute([0, 3, 1, 2]).add(1).div(2);
  const mask = golden.stored("in.mask01");
  const latent = firstStage.latent(firstStage.encode(image.mul(mask.rsub(1)).mul(2).sub(1)));
  const resized = mask.mul(2).sub(1).upsampleNearest2d(latent.shape.slice(2));
  golden.check("cond.masked_latent", latent);
  golden.check("cond.mask", resized);
  return cat([latent, resized], 1);
}

const conditions = ["cond", "cond.masked_latent", "cond.c_concat"];

/** Claims about what makes conditions. */
export const conditioners: readonly Claim[] = [{
  says: "the condition is the original's, and that of no condition",
  applies: (of: Case) => conditions.some((name) => gives(of, name)),
  body: (golden) => {
    using model = new ConditionedUnet(golden);
    inferenceMode(() =>
      scope(() => {
        const { concat, context } = model.condition();
        const hybrid = golden.diffusion.condition?.mode === "hybrid";
        if (concat !== undefined) golden.check(hybrid ? "cond.c_concat" : "cond", concat);
        if (context !== undefined) golden.check(hybrid ? "cond.c_crossattn" : "cond", context);
        if (gives(golden, "cond_uncond")) golden.check("cond_uncond", model.unconditional().context!);
      })
    );
  },
}];
