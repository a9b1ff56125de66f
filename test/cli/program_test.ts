import { deepEqual, equal, match } from "node:assert/strict";
import { dirname, fromFileUrl, join } from "@std/path";

const root = fromFileUrl(new URL("../..", import.meta.url));
const real = join(root, "cli.ts");
const ours = join(root, "test/cli/program.ts");

interface Options {
  cwd: string;
  env?: Record<string, string>;
}

function start(program: string, args: string[], { cwd, env = {} }: Options): Deno.ChildProcess {
  const deno = ["run", "--no-check", "-A", "--no-prompt", "--config", join(root, "deno.json"), program];
  return new Deno.Command(Deno.execPath(), {
    args: [...deno, ...args],
    cwd,
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

async function run(program: string, line: string, options?: Partial<Options>) {
  const cwd = options?.cwd ?? await Deno.makeTempDir();
  try {
    const { code, stdout, stderr } = await start(program, line.split(" ").filter(Boolean), { cwd, ...options })
      .output();
    const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, out: decode(stdout), err: decode(stderr) };
  } finally {
    if (options?.cwd === undefined) await Deno.remove(cwd, { recursive: true });
  }
}

const calls: [program: string, line: string, code: number, out: RegExp, err: RegExp][] = [
  [real, "--version", 0, /^latent \d+\.\d+\.\d+ \(Deno /, /^$/],
  [real, "--help", 0, /Usage: latent COMMAND[^]*\n {2}setup[^]*\n {2}doctor[^]*\n {2}version/, /^$/],
  [real, "setup --help", 0, /--variant auto\|cpu\|cuda.*default auto/, /^$/],
  [real, "", 2, /^$/, /Usage:[^]*latent: No command was given/],
  [real, "docter", 2, /^$/, /^latent: There is no command "docter"[^]*Did you mean latent doctor\?\n$/],
  [real, "setup --varient cpu", 2, /^$/, /--varient +found an unknown flag +wanted --variant/],
  [real, "setup --variant gpu", 2, /^$/, /--variant +found "gpu" +wanted one of auto, cpu, cuda/],
  [ours, "draw a.png --batch-size 65", 2, /^$/, /from 1 to 64[^]*See latent draw --help/],
  [ours, "train net --steps 2", 0, /^\/runs\/1\/last.safetensors\n$/, /^train with ch 8\ntrain: 2\/2 .*\ntrained\n$/],
  [ours, "bad", 1, /^not ready\n$/, /^$/],
  [ours, "bad --json", 1, /^\{"ready":false\}\n$/, /^$/],
  [ours, "compute", 0, /^computed\n$/, /^armed\n$/],
  [ours, "--setup-first compute", 0, /^computed\n$/, /^set up quietly\narmed\n$/],
  [ours, "--setup-first bad", 1, /^not ready\n$/, /^$/], // nothing to set up for what doesn't compute
  [ours, "--setup-first --help", 0, /^latent/, /^$/],
  [ours, "fail file", 1, /^$/, /^latent: the file is broken\n {2}found {3}1\n {2}wanted {2}2\nMend it.\n$/],
  [ours, "fail config", 2, /^$/, /^latent: the config is broken/],
  [ours, "fail file --json", 1, /^\{"type":"error","code":"file.broken","message":"the file is broken/, /^latent: /],
  [ours, "fail bug", 1, /^$/, /^latent: TypeError: x is not a function\n.*--verbose.*\n$/],
  [ours, "fail bug --verbose", 1, /^$/, /\n {4}at .*program\.ts:/],
];
for (const [program, line, code, out, err] of calls) {
  Deno.test(`${program === real ? "latent" : "a program"} ${line} exits with ${code}`, async () => {
    const result = await run(program, line);
    match(result.err, err);
    match(result.out, out);
    equal(result.code, code);
  });
}

Deno.test("--json gives every event as a line of JSON", async () => {
  const { out, err } = await run(ours, "train net --json steps=1");
  const events = out.trimEnd().split("\n").map((line) => JSON.parse(line));
  deepEqual(events.map(({ type }) => type), ["step", "progress", "progress", "file", "done"]);
  deepEqual(events[1], { type: "progress", label: "train", done: 0, total: 1, fields: { loss: 1 } });
  equal(err, "");
});

Deno.test("a command has the permissions that it names and no others", async () => {
  const { out } = await run(ours, "permissions --json");
  const { read, ffi, ...others } = JSON.parse(out);
  deepEqual([read, ffi], ["granted", "granted"]);
  for (const [name, state] of Object.entries(others)) equal(state, "prompt", name);
});

Deno.test("paths start where deno task was called, which runs in the root; elsewhere where the program is", async () => {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  try {
    const fromTask = await run(ours, "draw ../a.png --json", { cwd: root, env: { INIT_CWD: folder } });
    equal(JSON.parse(fromTask.out).file, join(dirname(folder), "a.png"));
    const other = await run(ours, "draw a.png --json", { cwd: folder, env: { INIT_CWD: root } });
    equal(JSON.parse(other.out).file, join(folder, "a.png"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** Starts work and waits until it is going. */
async function working(args: string[]): Promise<{ child: Deno.ChildProcess; rest: Promise<string> }> {
  const child = start(ours, ["work", "--json", ...args], { cwd: root });
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = (await reader.read()).value ?? "";
  const rest = (async () => {
    for (let next = await reader.read(); !next.done; next = await reader.read()) text += next.value;
    return text;
  })();
  return { child, rest };
}

for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  Deno.test(`${signal} lets the work write its checkpoint; the exit code is ${code}`, async () => {
    const { child, rest } = await working([]);
    child.kill(signal);
    const [status, text] = await Promise.all([child.status, rest]);
    equal(status.code, code);
    match(text, /"type":"file".*last.safetensors"/);
    match(await new Response(child.stderr).text(), /stopping/);
  });

  Deno.test(`a second ${signal} ends the process at once`, async () => {
    const { child, rest } = await working(["--hang"]);
    const said = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
    child.kill(signal);
    match((await said.read()).value ?? "", /once more to stop at once/);
    await new Promise((resolve) => setTimeout(resolve, 150));
    const start = performance.now();
    child.kill(signal);
    equal((await child.status).code, code);
    equal(performance.now() - start < 500, true);
    await Promise.all([rest, said.cancel()]);
  });
}

Deno.test("a SIGINT that deno task passes on right behind the terminal's own counts as one", async () => {
  const { child, rest } = await working([]);
  child.kill("SIGINT");
  await new Promise((resolve) => setTimeout(resolve, 5));
  child.kill("SIGINT");
  equal((await child.status).code, 130);
  match(await rest, /last.safetensors/);
  await child.stderr.cancel();
});

Deno.test("whoever closes our stdout has seen enough: no error, exit code 0", async () => {
  const child = start(ours, ["work", "--json"], { cwd: root });
  const reader = child.stdout.getReader();
  await reader.read();
  await reader.cancel();
  const [status, err] = await Promise.all([child.status, new Response(child.stderr).text()]);
  deepEqual([status.code, err], [0, ""]);
});
