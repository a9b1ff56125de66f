import { epochKey, mix } from "./random.ts";

/** Where a position of the endless stream of samples falls. */
export interface Place {
  /** Passes over the set that were begun before this one. */
  epoch: number;
  /** Index of the item in the set. */
  index: number;
}

/**
 * The order of the data: position p of an endless stream over n items → the item, in constant time, with nothing
 * replayed. Each epoch is a permutation of its own, a function of (seed, epoch) alone.
 *
 * @param seed an integer of 0 … 2⁵³ − 1
 * @param n how many items there are, at least 1
 */
export function shuffledPlace(position: number, n: number, seed: number): Place {
  const epoch = Math.floor(position / n);
  return { epoch, index: permute(position % n, n, epochKey(seed, epoch, 0)) };
}

/** The same stream in file order. */
export function filePlace(position: number, n: number): Place {
  return { epoch: Math.floor(position / n), index: position % n };
}

/** After r rounds an item stood still with probability 2⁻ʳ. */
const rounds = 64;

/**
 * A keyed permutation of 0 … n − 1: the swap-or-not shuffle (Hoang, Morris and Rogaway 2012). A round pairs x with
 * k − x mod n and, by a bit that depends on the pair, swaps them or not. It is a bijection for every n, with no cycle
 * to walk, since each round undoes itself.
 */
export function permute(x: number, n: number, key: number): number {
  for (let round = 0; round < rounds; round++) {
    const k = mix(key, round, 0, 1) % n;
    const partner = k >= x ? k - x : k - x + n;
    if (mix(key, round, Math.max(x, partner), 2) & 1) x = partner;
  }
  return x;
}
