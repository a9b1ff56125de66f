/**
 * The gate before every commit (`deno task ok`): each step in turn, the output of those that fail, then what is longer
 * than it should be. With `--no-tests` it leaves out what `deno task test` does: CI runs that after it.
 *
 * @module
 */
const slow = "**/*_slow_test.ts";
const sources = ["ffi", "lib", "test", "bench", "examples", ".ci", "cli.ts", "mod.ts"];

const steps: [name: string, ...args: string[]][] = [
  ["fmt", "fmt", "--check"],
  ["lint", "lint"],
  ["check", "check", "."],
  ["doc lint", "doc", "--lint", "mod.ts"],
];
if (!Deno.args.includes("--no-tests")) {
  steps.push(
    ["set-up", "run", "-A", "--no-prompt", "cli.ts", "setup", "--quiet-when-done"],
    ["tests", "test", "-A", "--no-check", `--ignore=${slow}`, "test/"],
  );
}

async function deno(args: string[]): Promise<{ success: boolean; text: string }> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    stdin: "null",
    env: { NO_COLOR: "1", OMP_WAIT_POLICY: "PASSIVE" }, // threads that spin stand in the way of those with work
  }).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { success, text: decode(stdout) + decode(stderr) };
}

const failed: string[] = [];
for (const [name, ...args] of steps) {
  const start = performance.now();
  const { success, text } = await deno(args);
  console.log(`${success ? "ok    " : "FAILED"}  ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
  if (success) continue;
  failed.push(name);
  console.log(text);
}

const { text } = await deno(["lint", "--config", ".ci/sizes.json", "--compact", ...sources]);
for (const line of text.matchAll(/^file:\/\/(.+): line (\d+), .* - (a .+) \(sizes\/sizes\)$/gm)) {
  console.log(`long    ${line[1]!.replace(`${Deno.cwd()}/`, "")}:${line[2]}: ${line[3]}`);
}
if (failed.length > 0) console.log(`not ok: ${failed.join(", ")}`);
Deno.exit(failed.length > 0 ? 1 : 0);
