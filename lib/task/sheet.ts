import type { WorkEvent } from "../base/mod.ts";
import { writeAtomic } from "../file/mod.ts";
import { encodePng, grid, type Picture } from "../image/mod.ts";
import type { Tensor } from "../tensor/mod.ts";
import { picturesOf } from "./pictures.ts";

const columns = 8;
const bands = 3;

/** Images for a sheet: evenly spread over a set of so many, each with its reconstruction. */
export class Sheet {
  readonly #pairs: [image: Picture, reconstruction: Picture][] = [];

  constructor(private readonly total: number) {}

  /** Takes those that it wants of a batch, which begins at a place in the set. */
  add(place: number, images: Tensor, reconstructed: Tensor): void {
    const share = Math.min(1, columns * bands / this.total);
    const isWanted = (i: number) => Math.floor((i + 1) * share) > Math.floor(i * share);
    const wanted = Array.from({ length: images.shape[0]! }, (_, i) => i).filter((i) => isWanted(place + i));
    if (wanted.length === 0) return;
    const [from, to] = [picturesOf(images), picturesOf(reconstructed)];
    for (const i of wanted) this.#pairs.push([from[i]!, to[i]!]);
  }

  /** Writes them as a PNG: rows of images above rows of reconstructions. */
  async write(path: string): Promise<WorkEvent> {
    const rows = Array.from({ length: Math.ceil(this.#pairs.length / columns) }, (_, row) => {
      const pairs = this.#pairs.slice(row * columns, (row + 1) * columns);
      return [...pairs.map(([image]) => image), ...pairs.map(([, reconstruction]) => reconstruction)];
    });
    const bytes = await encodePng(grid(rows.flat(), { columns: Math.min(columns, this.#pairs.length) }));
    writeAtomic(path, (file) => file.write(bytes));
    return { type: "file", path, kind: "grid" };
  }
}
