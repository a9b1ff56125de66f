import * as z from "zod";
import type { WorkEvent } from "../../base/mod.ts";
import { setup as provide } from "../../setup/mod.ts";
import { command } from "../command.ts";
import { pathOption } from "../paths.ts";

/** `latent setup`: libtorch and the shim, found or fetched and built. */
export const setup = command({
  name: "setup",
  summary: "Find or fetch libtorch and build what connects to it.",
  options: z.strictObject({
    variant: z.enum(["auto", "cpu", "cuda"]).default("auto").describe("Which build of libtorch."),
    fromWheel: pathOption("file", "A PyTorch wheel to unpack instead of fetching one.").optional(),
    libtorch: pathOption("folder", "A folder with libtorch to use instead of searching for one.").optional(),
    quietWhenDone: z.boolean().default(false).describe("Say nothing where nothing is missing."),
  }),
  permissions: ["read", "write", "net", "run", "ffi", "sys"],
  async *run({ quietWhenDone, variant, fromWheel, libtorch }, { signal }): AsyncGenerator<WorkEvent> {
    const wishes = { variant, signal, ...fromWheel && { fromWheel }, ...libtorch && { libtorch } };
    for await (const event of provide(wishes)) {
      const nothing = event.type === "done" && event.result?.["changed"] === false;
      if (!(quietWhenDone && nothing)) yield event;
    }
  },
});
