import * as z from "zod";
import { fetchEmoji } from "../../data/mod.ts";
import { command } from "../command.ts";

/** `latent pull`: gets a data set. */
export const pull = command({
  name: "pull",
  summary: "Fetch a data set: emoji (3,391 pictures of 256×256, 16 MB).",
  options: z.strictObject({ what: z.enum(["emoji"]).describe("Which.") }),
  arguments: ["what"],
  permissions: ["read", "write", "net", "run", "sys"],
  run: (_, { signal }) => fetchEmoji({ signal }),
});
