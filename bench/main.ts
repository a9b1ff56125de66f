/**
 * `deno task bench [--device cpu] [--turns 15] [case …]`: ours against PyTorch on the same libtorch, each in a process of
 * its own, in paired turns (ours, theirs, theirs, ours …); ratios of each pair, their median and spread, and peak memory.
 * @module
 */
import { parseArgs } from "@std/cli";
import { dirname } from "@std/path";
import { peer } from "../test/peer/environment.ts";
import { type Json, PeerProcess } from "../test/peer/runner.ts";
import { type Case, cases } from "./cases.ts";
import { TextLineStream } from "./lines.ts";

/** One side of a case. */
interface Side extends AsyncDisposable {
  run(n: number): Promise<number>;
  peak(): Promise<number>;
}

/** What a case gave. */
interface Result {
  name: string;
  turns: number;
  /** Seconds of one repetition: medians. */
  ours: number;
  theirs: number;
  /** Of the pairs, ours / theirs. */
  time: { median: number; low: number; high: number };
  /** Peak resident bytes. */
  memory: { ours: number; theirs: number; ratio: number };
  aim?: Case["aim"];
}

async function ours(c: Case, threads: number, device: string): Promise<Side> {
  const script = new URL("./ours.ts", import.meta.url);
  const args = ["run", "-A", "--no-check", script.href];
  const child = new Deno.Command(Deno.execPath(), { args, stdin: "piped", stdout: "piped", stderr: "inherit" }).spawn();
  const input = child.stdin.getWriter();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream()).getReader();
  const call = async (name: string, argument: unknown) => {
    await input.write(new TextEncoder().encode(JSON.stringify({ call: name, argument }) + "\n"));
    const { value } = await lines.read();
    if (value === undefined) throw new Error(`our side of ${c.name} ended`);
    return JSON.parse(value);
  };
  await call("setup", { ...c.setup, program: c.program, threads, device });
  return {
    run: async (n) => (await call("run", { n })).seconds,
    peak: async () => (await call("memory", null)).peak,
    async [Symbol.asyncDispose]() {
      await input.close();
      await lines.cancel();
      await child.status;
    },
  };
}

async function theirs(c: Case, threads: number, python: PeerProcess): Promise<Side> {
  await python.call(`${c.program}.setup`, { ...c.setup, threads } as Record<string, Json>);
  return {
    run: async (n) => (await python.call<{ seconds: number }>(`${c.program}.run`, { n })).json.seconds,
    peak: async () => (await python.call<{ peak_rss: number }>("process.memory")).json.peak_rss,
    [Symbol.asyncDispose]: () => python[Symbol.asyncDispose](),
  };
}

async function measure(c: Case, turns: number, threads: number, device: string): Promise<Result> {
  const environment = await peer();
  if (environment === undefined) throw new Error("the Python environment could not be made");
  await using a = await ours(c, threads, device);
  await using b = await theirs(c, threads, new PeerProcess(environment));
  for (const side of [a, b, a, b]) await side.run(c.repeat); // warm-up
  const pairs: [number, number][] = [];
  for (let i = 0; i < turns; i++) {
    const pair: [number, number] = [0, 0];
    for (const which of i % 2 === 0 ? [0, 1] : [1, 0]) pair[which] = await [a, b][which]!.run(c.repeat);
    pairs.push(pair);
  }
  const ratios = pairs.map(([x, y]) => x / y);
  const [oursPeak, theirsPeak] = [await a.peak(), await b.peak()];
  return {
    name: c.name,
    turns,
    ours: quantile(pairs.map((p) => p[0]), 0.5) / c.repeat,
    theirs: quantile(pairs.map((p) => p[1]), 0.5) / c.repeat,
    time: { median: quantile(ratios, 0.5), low: quantile(ratios, 0.25), high: quantile(ratios, 0.75) },
    memory: { ours: oursPeak, theirs: theirsPeak, ratio: oursPeak / theirsPeak },
    ...(c.aim === undefined ? {} : { aim: c.aim }),
  };
}

function quantile(values: number[], q: number): number {
  const sorted = values.toSorted((x, y) => x - y);
  const at = q * (sorted.length - 1);
  const low = sorted[Math.floor(at)]!;
  return low + (at - Math.floor(at)) * ((sorted[Math.ceil(at)] ?? low) - low);
}

function line(r: Result): string {
  const memory = `memory ${(r.memory.ours / 2 ** 20).toFixed(0)} / ${(r.memory.theirs / 2 ** 20).toFixed(0)} MiB = ${
    r.memory.ratio.toFixed(2)
  }`;
  const unit = r.ours < 1e-3 ? [1e6, "µs"] as const : [1e3, "ms"] as const;
  return `${r.name.padEnd(30)} ${(r.ours * unit[0]).toFixed(2)} / ${(r.theirs * unit[0]).toFixed(2)} ${unit[1]} = ` +
    `${r.time.median.toFixed(3)} (${r.time.low.toFixed(3)} … ${r.time.high.toFixed(3)})  ${memory}`;
}

const typed = parseArgs(Deno.args, { string: ["device", "turns", "threads", "out"] });
const { device, turns, threads } = { device: "cpu", turns: "15", threads: "2", ...typed };
const out = typeof typed.out === "string" ? typed.out : undefined;
const names = typed._.map(String);
const wanted = names.length === 0 ? cases : cases.filter((c) => names.includes(c.name));
const results: Result[] = [];
for (const c of wanted) {
  // A single small operator is measured on one thread: two would only wait for each other.
  const result = await measure(c, Number(turns), c.program === "time_add" ? 1 : Number(threads), device);
  results.push(result);
  console.log(line(result));
}
if (out !== undefined) {
  const about = { device, threads: Number(threads), cores: navigator.hardwareConcurrency, deno: Deno.version.deno };
  Deno.mkdirSync(dirname(out), { recursive: true });
  Deno.writeTextFileSync(out, JSON.stringify({ about, results }, null, 2) + "\n");
}
