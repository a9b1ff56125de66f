import { basename, extname } from "@std/path";
import * as z from "zod";
import type { WorkEvent } from "../../base/mod.ts";
import { encodePng, grid } from "../../image/mod.ts";
import {
  describeReconstructions,
  loadFirstStage,
  perceptualNames,
  reconstruct as reconstructPictures,
  type ReconstructionResult,
  tiled,
} from "../../task/mod.ts";
import { command } from "../command.ts";
import { computeOn, computing } from "../computing.ts";
import { pathOption, userPath } from "../paths.ts";
import { writeNew } from "../write_new.ts";

const options = z.strictObject({
  images: z.array(pathOption("file", "A picture.")).min(1).describe("Pictures of any size."),
  model: pathOption("file", "Run folder or model file of a first stage."),
  size: z.int().min(11).max(16384).optional().describe("Resize and crop to a square of so many pixels."),
  tile: z.int().min(1).optional().describe("Work in overlapping tiles of so many pixels, for large pictures."),
  perceptual: z.array(z.enum(perceptualNames)).optional().describe(
    "Networks of perceptual distances; all whose weights are there unless given.",
  ),
  ...computing,
  out: pathOption("folder", "Where the pictures go, each with its reconstruction to the right.").default(
    userPath("reconstructions"),
  ),
});
type Options = z.output<typeof options>;

/** `latent reconstruct`: pictures through a first stage and back, beside each other, and how near they are. */
export const reconstruct = command({
  name: "reconstruct",
  summary: "Encode and decode pictures with a first stage, and compare.",
  options,
  arguments: ["images"],
  computes: true,
  permissions: ["read", "write", "ffi", "sys"],
  run: (given, { signal }) => reconstructed(given, signal),
});

async function* reconstructed(given: Options, signal: AbortSignal): AsyncGenerator<WorkEvent> {
  const { images, model, size, tile, perceptual, out } = given;
  const device = computeOn(given);
  using network = loadFirstStage(model, device);
  const firstStage = tile === undefined ? network : tiled(network, { tile });
  const results: ReconstructionResult[] = [];
  const settings = { size, device, signal, ...perceptual && { perceptual } };
  for await (const event of reconstructPictures(firstStage, images, settings)) {
    if (event.type !== "reconstruction") yield event;
    else {
      const { type: _, original, reconstruction, ...result } = event;
      const beside = await encodePng(grid([original, reconstruction], { columns: 2 }));
      const name = basename(event.path, extname(event.path));
      yield { type: "file", path: writeNew(out, name, beside), kind: "image" };
      results.push(result);
    }
  }
  yield {
    type: "done",
    text: `${images.length} ${images.length === 1 ? "picture" : "pictures"} in ${out}`,
    output: describeReconstructions(results),
    result: { out, images: results },
  };
}
