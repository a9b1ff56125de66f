import * as z from "zod";
import type { WorkEvent } from "../../base/mod.ts";
import { encodePng } from "../../image/mod.ts";
import { decodeLatents, loadFirstStage, tiled } from "../../task/mod.ts";
import { command } from "../command.ts";
import { computeOn, computing } from "../computing.ts";
import { pathOption, userPath } from "../paths.ts";
import { writeNew } from "../write_new.ts";

const options = z.strictObject({
  files: z.array(pathOption("file", "Latents.")).min(1).describe(
    "Files of latent encode, or others with a tensor `latent` or `mean`.",
  ),
  model: pathOption("file", "Run folder or model file of a first stage."),
  tile: z.int().min(1).optional().describe("Work in overlapping tiles of so many pixels, for large pictures."),
  ...computing,
  out: pathOption("folder", "Where the pictures go.").default(userPath("decoded")),
});
type Options = z.output<typeof options>;

/** `latent decode`: pictures from latents. */
export const decode = command({
  name: "decode",
  summary: "Decode latents to pictures with a first stage.",
  options,
  arguments: ["files"],
  computes: true,
  permissions: ["read", "write", "ffi", "sys"],
  run: (given, { signal }) => decoded(given, signal),
});

async function* decoded(
  { files, model, tile, out, ...given }: Options,
  signal: AbortSignal,
): AsyncGenerator<WorkEvent> {
  const device = computeOn(given);
  using network = loadFirstStage(model, device);
  const firstStage = tile === undefined ? network : tiled(network, { tile });
  let count = 0;
  for await (const event of decodeLatents(firstStage, files, { device, signal })) {
    if (event.type !== "picture") yield event;
    else {
      count++;
      yield { type: "file", path: writeNew(out, event.name, await encodePng(event.picture)), kind: "image" };
    }
  }
  const text = `${count} ${count === 1 ? "picture" : "pictures"} in ${out}`;
  yield { type: "done", text, result: { out, images: count } };
}
