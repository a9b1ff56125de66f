/** A comparison with PyTorch in paired turns. @module */
import type { Peer } from "../test/peer/environment.ts";
import { PeerProcess } from "../test/peer/runner.ts";
import type { Pair } from "./cases.ts";
import { type Machine, ours, theirs } from "./sides.ts";

/** What a pair gave. */
export interface PairResult {
  name: string;
  turns: number;
  /** Seconds of one repetition: medians. */
  ours: number;
  theirs: number;
  /** Of the turns, ours / theirs. */
  time: { median: number; low: number; high: number };
  /** Peak resident bytes. */
  memory: { ours: number; theirs: number; ratio: number };
  aim?: Pair["aim"];
}

/** Takes turns: ours, theirs, theirs, ours … @param turns unless the pair takes fewer */
export async function comparePair(c: Pair, environment: Peer, turns: number, machine: Machine): Promise<PairResult> {
  const { program, setup, network, repeat = 1 } = c;
  // a single small operator is measured on one thread: two would only wait for each other
  const threads = program === "time_add" ? 1 : machine.threads;
  const ourSetup = { ...setup, ...network && { network: network.ours } };
  const theirSetup = { ...setup, ...network && { network: network.theirs }, threads };
  await using a = await ours(program, ourSetup, { ...machine, threads });
  await using b = await theirs(program, theirSetup, new PeerProcess(environment));
  const warmUp = c.turns === undefined ? [a, b, a, b] : [a, b];
  for (const side of warmUp) await side.run(repeat);
  const pairs: [number, number][] = [];
  for (let i = 0; i < Math.min(turns, c.turns ?? turns); i++) {
    const pair: [number, number] = [0, 0];
    for (const which of i % 2 === 0 ? [0, 1] : [1, 0]) pair[which] = await [a, b][which]!.run(repeat);
    pairs.push(pair);
  }
  const ratios = pairs.map(([x, y]) => x / y);
  const [oursPeak, theirsPeak] = [await a.peak(), await b.peak()];
  return {
    name: c.name,
    turns: pairs.length,
    ours: quantile(pairs.map((p) => p[0]), 0.5) / repeat,
    theirs: quantile(pairs.map((p) => p[1]), 0.5) / repeat,
    time: { median: quantile(ratios, 0.5), low: quantile(ratios, 0.25), high: quantile(ratios, 0.75) },
    memory: { ours: oursPeak, theirs: theirsPeak, ratio: oursPeak / theirsPeak },
    ...c.aim && { aim: c.aim },
  };
}

function quantile(values: number[], q: number): number {
  const sorted = values.toSorted((x, y) => x - y);
  const at = q * (sorted.length - 1);
  const low = sorted[Math.floor(at)]!;
  return low + (at - Math.floor(at)) * ((sorted[Math.ceil(at)] ?? low) - low);
}

/** The result in a line. */
export function pairLine(r: PairResult): string {
  const memory = `memory ${(r.memory.ours / 2 ** 20).toFixed(0)} / ${(r.memory.theirs / 2 ** 20).toFixed(0)} MiB = ${
    r.memory.ratio.toFixed(2)
  }`;
  const unit = r.ours < 1e-3 ? [1e6, "µs"] as const : [1e3, "ms"] as const;
  return `${r.name.padEnd(30)} ${(r.ours * unit[0]).toFixed(2)} / ${(r.theirs * unit[0]).toFixed(2)} ${unit[1]} = ` +
    `${r.time.median.toFixed(3)} (${r.time.low.toFixed(3)} … ${r.time.high.toFixed(3)})  ${memory}`;
}
