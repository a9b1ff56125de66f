/** Decoding in tiles beside decoding in one piece: memory, and what tiles do to the picture. @module */
import type { Tiling } from "./cases.ts";
import { type Machine, ours } from "./sides.ts";

/** What a tiling gave. */
export interface TilingResult {
  name: string;
  /** Of one run each. */
  seconds: { whole: number; tiled: number };
  /** Peak resident bytes, each in a process of its own. */
  memory: { whole: number; tiled: number; ratio: number };
  /** The largest difference of the pictures, as a share of the range of the whole one. */
  error: number;
  aim: Tiling["aim"];
}

/** Decodes the same latent twice. */
export async function compareTiling({ network, size, tiles, ...c }: Tiling, machine: Machine): Promise<TilingResult> {
  const folder = await Deno.makeTempDir();
  try {
    const decoded = async (out: string, more: object) => {
      await using side = await ours("time_decode", { network, batch: 1, size, out, ...more }, machine);
      const seconds = await side.run(1);
      const picture = new Float32Array((await Deno.readFile(out)).buffer);
      return { seconds, peak: await side.peak(), picture };
    };
    const whole = await decoded(`${folder}/whole`, {});
    const tiled = await decoded(`${folder}/tiled`, { tiles });
    return {
      name: c.name,
      seconds: { whole: whole.seconds, tiled: tiled.seconds },
      memory: { whole: whole.peak, tiled: tiled.peak, ratio: tiled.peak / whole.peak },
      error: differenceOf(tiled.picture, whole.picture),
      aim: c.aim,
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function differenceOf(picture: Float32Array, wanted: Float32Array): number {
  let [low, high, most] = [Infinity, -Infinity, 0];
  for (const [i, value] of wanted.entries()) {
    [low, high] = [Math.min(low, value), Math.max(high, value)];
    most = Math.max(most, Math.abs(picture[i]! - value));
  }
  return most / (high - low);
}

/** The result in a line. */
export function tilingLine(r: TilingResult): string {
  const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(0);
  const { memory, seconds } = r;
  return `${r.name.padEnd(30)} ${seconds.tiled.toFixed(2)} / ${seconds.whole.toFixed(2)} s in one piece  ` +
    `memory ${mib(memory.tiled)} / ${mib(memory.whole)} MiB = ${memory.ratio.toFixed(2)}  ` +
    `largest difference ${(100 * r.error).toFixed(2)} % of the range`;
}
