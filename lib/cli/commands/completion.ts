import * as z from "zod";
import { command } from "../command.ts";
import { shells } from "../completion.ts";

/** `latent completion SHELL`: the script that makes a shell complete commands, flags and their values. */
export const completion = command({
  name: "completion",
  summary: "Print the completion script of a shell, such as: source <(latent completion bash)",
  options: z.strictObject({
    shell: z.enum(["bash", "zsh", "fish"]).describe("Which shell."),
  }),
  arguments: ["shell"],
  permissions: [],
  run({ shell }, { commands }) {
    const text = shells[shell](commands);
    return Promise.resolve({ text, value: { shell, script: text } });
  },
});
