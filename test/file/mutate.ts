/** Seeded uniform numbers in [0, 1) (mulberry32). */
export function random(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A copy of a file with one to three changes: bits, bytes, digits, pieces removed, repeated or cut off. */
export function mutant(bytes: Uint8Array, draw: () => number): Uint8Array {
  let changed = bytes.slice();
  for (let count = 1 + Math.floor(draw() * 3); count > 0; count--) {
    changed = CHANGES[Math.floor(draw() * CHANGES.length)]!(changed, draw);
  }
  return changed;
}

type Change = (bytes: Uint8Array<ArrayBuffer>, draw: () => number) => Uint8Array<ArrayBuffer>;

const CHANGES: Change[] = [
  (bytes, draw) => {
    const at = place(bytes, draw);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(draw() * 8));
    return bytes;
  },
  (bytes, draw) => {
    bytes[place(bytes, draw)] = Math.floor(draw() * 256);
    return bytes;
  },
  (bytes, draw) => {
    const digits = [...bytes.keys()].filter((i) => i >= 8 && bytes[i]! >= 0x30 && bytes[i]! <= 0x39);
    const at = digits[Math.floor(draw() * digits.length)];
    if (at !== undefined) bytes[at] = 0x30 + Math.floor(draw() * 10);
    return bytes;
  },
  (bytes, draw) => {
    const [from, to] = piece(bytes, draw);
    return Uint8Array.from([...bytes.subarray(0, from), ...bytes.subarray(to)]);
  },
  (bytes, draw) => {
    const [from, to] = piece(bytes, draw);
    return Uint8Array.from([...bytes.subarray(0, to), ...bytes.subarray(from)]);
  },
  (bytes, draw) => bytes.slice(0, place(bytes, draw)),
];

function place(bytes: Uint8Array, draw: () => number): number {
  return Math.floor(draw() * bytes.length);
}

function piece(bytes: Uint8Array, draw: () => number): [number, number] {
  const from = place(bytes, draw);
  return [from, Math.min(bytes.length, from + 1 + Math.floor(draw() * 24))];
}
