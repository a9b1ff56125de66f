/**
 * `deno task bench [--device cpu] [--turns 15] [case …]`: ours against PyTorch on the same libtorch, each in a process of
 * its own, in paired turns (ours, theirs, theirs, ours …); ratios of each pair, their median and spread, and peak memory.
 * Then decoding in tiles against decoding in one piece.
 * @module
 */
import { parseArgs } from "@std/cli";
import { dirname } from "@std/path";
import { peer } from "../test/peer/environment.ts";
import { pairs, tilings } from "./cases.ts";
import { comparePair, pairLine, type PairResult } from "./pair.ts";
import { compareTiling, tilingLine, type TilingResult } from "./tiling.ts";

const typed = parseArgs(Deno.args, { string: ["device", "turns", "threads", "out"] });
const { device, turns, threads } = { device: "cpu", turns: "15", threads: "2", ...typed };
const out = typeof typed.out === "string" ? typed.out : undefined;
const names = typed._.map(String);
const wanted = <T extends { name: string }>(cases: readonly T[]) =>
  names.length === 0 ? cases : cases.filter((c) => names.includes(c.name));

const environment = await peer();
if (environment === undefined) throw new Error("the Python environment could not be made");
const machine = { device, threads: Number(threads) };
const results: (PairResult | TilingResult)[] = [];
for (const c of wanted(pairs)) {
  const result = await comparePair(c, environment, Number(turns), machine);
  results.push(result);
  console.log(pairLine(result));
}
for (const c of wanted(tilings)) {
  const result = await compareTiling(c, machine);
  results.push(result);
  console.log(tilingLine(result));
}
if (out !== undefined) {
  const about = { device, threads: Number(threads), cores: navigator.hardwareConcurrency, deno: Deno.version.deno };
  Deno.mkdirSync(dirname(out), { recursive: true });
  Deno.writeTextFileSync(out, JSON.stringify({ about, results }, null, 2) + "\n");
}
