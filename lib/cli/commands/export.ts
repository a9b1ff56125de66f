import * as z from "zod";
import type { WorkEvent } from "../../base/mod.ts";
import { exportModel } from "../../task/mod.ts";
import { command } from "../command.ts";
import { pathOption } from "../paths.ts";

const options = z.strictObject({
  model: pathOption("folder", "Run folder or model file."),
  out: pathOption("folder", "Where it goes."),
  dtype: z.enum(["float16", "bfloat16", "float32"]).default("float16").describe("Type of the weights."),
});

/** `latent export`: a trained model to give away. */
export const exported = command({
  name: "export",
  summary: "Write a trained model for others: weights in 16 bits, config, log and curve.",
  options,
  arguments: ["model", "out"],
  computes: true,
  permissions: ["read", "write", "ffi", "sys"],
  run: ({ model, ...given }) => written(model, given),
});

async function* written(
  model: string,
  given: { out: string; dtype: "float16" | "bfloat16" | "float32" },
): AsyncGenerator<WorkEvent> {
  yield* exportModel(model, given);
  yield { type: "done", text: `${given.dtype} model in ${given.out}`, result: { out: given.out } };
}
