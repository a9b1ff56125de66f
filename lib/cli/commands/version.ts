import * as z from "zod";
import manifest from "../../../deno.json" with { type: "json" };
import { command } from "../command.ts";

/** `latent version`: what this is, for reports and scripts. */
export const version = command({
  name: "version",
  summary: "Print the version.",
  options: z.strictObject({}),
  permissions: [],
  run() {
    const value = { latent: manifest.version, deno: Deno.version.deno, platform: Deno.build.target };
    return Promise.resolve({ text: `latent ${value.latent} (Deno ${value.deno}, ${value.platform})`, value });
  },
});
