/**
 * 32 well-mixed bits of up to four 32-bit words: MurmurHash3 (x86, 32 bits) of the words in this order. Words are taken
 * modulo 2³², so a larger number is passed as two.
 */
export function mix(a: number, b = 0, c = 0, d = 0): number {
  let h = block(block(block(block(0, a), b), c), d) ^ 16;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function block(h: number, word: number): number {
  const k = Math.imul(word, 0xcc9e2d51);
  h ^= Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  return Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64 | 0;
}

/** A key for all draws of one epoch under one seed (an integer of 0 … 2⁵³ − 1); `use` keeps different uses apart. */
export function epochKey(seed: number, epoch: number, use: number): number {
  return mix(seed % 2 ** 32, Math.floor(seed / 2 ** 32), epoch, use);
}

/** Number `draw` of the draws that belong to `index` under a key: uniform in [0, 1), in steps of 2⁻³². */
export function uniform(key: number, index: number, draw: number): number {
  return mix(key, index, draw) / 2 ** 32;
}

/** The draws that belong to `index` under a key, one after the other. */
export function draws(key: number, index: number): () => number {
  let draw = 0;
  return () => uniform(key, index, draw++);
}
