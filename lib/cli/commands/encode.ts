import * as z from "zod";
import { encode as encodeImages } from "../../task/mod.ts";
import { command } from "../command.ts";
import { computeOn, computing } from "../computing.ts";
import { pathOption, userPath } from "../paths.ts";

const options = z.strictObject({
  model: pathOption("file", "Run folder or model file of a first stage."),
  data: z.string().default("emoji").describe("A folder of images, or `emoji`.").meta({
    placeholder: "FOLDER",
    complete: "folder",
  }),
  size: z.int().min(1).max(4096).default(64).describe("Side of the images, pixels."),
  split: z.array(z.enum(["train", "validation"])).min(1).default(["train", "validation"]).describe(
    "Which parts of the data.",
  ),
  validation: z.number().min(0).max(0.9).default(0.05).describe(
    "Share of a folder that is validation (emoji: a fixed tenth).",
  ),
  classes: z.array(z.string()).min(1).optional().describe("Only these: subfolders of a folder, groups of the emoji."),
  flip: z.boolean().default(false).describe("Encode the mirrored images too."),
  dtype: z.enum(["float32", "float16"]).default("float32").describe("Of what is stored."),
  shard: z.int().min(1).default(1024).describe("Images of a file, rounded up to whole batches."),
  batchSize: z.int().min(1).max(4096).default(16).describe("Images encoded at once."),
  ...computing,
  out: pathOption("folder", "Where the latents go; what is there already is gone on with.").default(
    userPath("latents"),
  ),
});

/** `latent encode`: a data set as latents, for training and for others. */
export const encode = command({
  name: "encode",
  summary: "Encode a data set with a first stage, into safetensors files.",
  options,
  computes: true,
  permissions: ["read", "write", "ffi", "sys"],
  run({ model, data, split: splits, device, threads, classes, ...rest }, { signal }) {
    const settings = { ...rest, splits, signal, device: computeOn({ device, threads }), ...classes && { classes } };
    return encodeImages(model, { ...settings, data: data === "emoji" ? data : userPath(data) });
  },
});
