import { deepEqual, equal } from "node:assert/strict";
import { shells } from "../../lib/cli/completion.ts";
import { commands } from "./commands.ts";

/** What bash offers when the last of these words is being typed. */
async function complete(...words: string[]): Promise<string[]> {
  const quoted = words.map((word) => `'${word}'`).join(" ");
  const script = `${shells.bash(commands)}
COMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; _latent; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, success } = await new Deno.Command("bash", { args: ["-c", script] }).output();
  equal(success, true);
  return new TextDecoder().decode(stdout).trim().split("\n").filter(Boolean);
}

const offered: [words: string[], next: string[]][] = [
  [["latent", ""], ["draw", "train"]],
  [["latent", "tr"], ["train"]],
  [["latent", "train", ""], ["net"]],
  [["latent", "train", "net", "--s"], ["--steps"]],
  [["latent", "train", "net", "--no"], ["--no-ema"]],
  [["latent", "draw", "a.png", "--device", ""], ["cpu", "cuda"]],
  [["latent", "draw", "a.png", "--device", "cu"], ["cuda"]],
  [["latent", "draw", "--d"], ["--device", "--dry-run"]],
  [["latent", "draw", "--prompt", ""], []], // bash then offers files
  [["latent", "draw", ""], []],
];
for (const [words, next] of offered) {
  Deno.test(`bash: after ${words.join(" ")}| comes ${next.join(", ") || "a file"}`, async () => {
    deepEqual(await complete(...words), next);
  });
}

for (const shell of ["zsh", "fish"] as const) {
  Deno.test(`${shell}'s script names every command and flag`, () => {
    const script = shells[shell](commands);
    for (const word of ["draw", "train", "net", "--batch-size", "--no-grid", "--config", "--json", "cuda"]) {
      equal(script.includes(`'${word}`), true, word);
    }
  });
}
