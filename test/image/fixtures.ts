import type { Picture } from "../../lib/image/mod.ts";

const folder = new URL("../fixtures/image/", import.meta.url);

/** A file of `test/fixtures/image/`. */
export function fixture(name: string): Uint8Array {
  return Deno.readFileSync(new URL(name, folder));
}

/** The names of the pictures that have their pixels beside them. */
export const pictures: string[] = Array.from(Deno.readDirSync(folder), ({ name }) => name)
  .filter((name) => name.endsWith(".rgba")).map((name) => name.slice(0, -".rgba".length)).sort();

/** What Pillow decodes a picture to. */
export function expected(name: string): Picture {
  const { buffer } = fixture(`${name}.rgba`);
  const sizes = new DataView(buffer);
  return { width: sizes.getUint32(0, true), height: sizes.getUint32(4, true), data: new Uint8ClampedArray(buffer, 8) };
}

/** A picture whose pixels are drawn from a seed. */
export function randomPicture(width: number, height: number, seed: number, alpha = true): Picture {
  const random = randomBytes(seed);
  const data = Uint8ClampedArray.from({ length: width * height * 4 }, (_, i) => !alpha && i % 4 === 3 ? 255 : random());
  return { width, height, data };
}

/** Bytes from a seed (a linear congruential generator, Numerical Recipes). */
export function randomBytes(seed: number): () => number {
  let state = seed >>> 0;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 24;
}
