import * as z from "zod";
import { publishedFiles, type PublishedNetwork } from "../../base/mod.ts";
import { fetchEmoji } from "../../data/mod.ts";
import { fetchWeights } from "../../setup/mod.ts";
import { command } from "../command.ts";

const choices = ["emoji", ...Object.keys(publishedFiles) as PublishedNetwork[]] as const;

/** `latent pull`: gets a data set, or what others have published: weights, vocabularies. */
export const pull = command({
  name: "pull",
  summary: "Fetch the emoji (3,391 pictures, 16 MB), or the weights of a network for metrics or texts.",
  options: z.strictObject({
    what: z.enum(choices).meta({ placeholder: "WHAT", description: `One of ${choices.join(", ")}.` }),
  }),
  arguments: ["what"],
  permissions: ["read", "write", "net", "run", "sys"],
  run: ({ what }, { signal }) => what === "emoji" ? fetchEmoji({ signal }) : fetchWeights(what, { signal }),
});
