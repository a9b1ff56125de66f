import * as z from "zod";
import { publishedFiles, type PublishedNetwork } from "../../base/mod.ts";
import { fetchEmoji } from "../../data/mod.ts";
import { fetchWeights } from "../../setup/mod.ts";
import { command } from "../command.ts";

const networks = Object.keys(publishedFiles) as PublishedNetwork[];

/** `latent pull`: gets a data set, or the weights of a network that losses and metrics use. */
export const pull = command({
  name: "pull",
  summary: "Fetch the emoji (3,391 pictures, 16 MB), or the weights of a network for metrics.",
  options: z.strictObject({ what: z.enum(["emoji", ...networks]).describe("Which.") }),
  arguments: ["what"],
  permissions: ["read", "write", "net", "run", "sys"],
  run: ({ what }, { signal }) => what === "emoji" ? fetchEmoji({ signal }) : fetchWeights(what, { signal }),
});
