import { nearest, readZipDirectory, unzip, type ZipEntry } from "../base/mod.ts";
import { fromBytes, scope, type Tensor } from "../tensor/mod.ts";
import { disk } from "./disk.ts";
import type { FileLayer, ReadableFile } from "./layer.ts";
import { badNpy, npyBytes, Pieces, readNpyHeader } from "./npy.ts";
import { quote } from "./scanner.ts";

/** An `.npz` that was opened: NumPy arrays in a zip archive, such as statistics for FID and batches of images. */
export class NpzFile implements Disposable {
  readonly #entries: ReadonlyMap<string, ZipEntry>;

  private constructor(
    /** Where it is. */
    readonly path: string,
    private readonly source: ReadableFile,
  ) {
    const arrays = [...readZipDirectory(source, path)].filter(([name]) => name.endsWith(".npy"));
    this.#entries = new Map(arrays.map(([name, entry]) => [name.slice(0, -".npy".length), entry]));
  }

  /** Opens a file and checks its directory. @throws LatentError `file.zip` where it is no whole zip archive */
  static open(path: string, layer: FileLayer = disk): NpzFile {
    const source = layer.open(path);
    try {
      return new NpzFile(path, source);
    } catch (error) {
      source.close();
      throw error;
    }
  }

  /** The names of its arrays. */
  get names(): string[] {
    return [...this.#entries.keys()];
  }

  /**
   * A whole array, as a tensor of the caller's.
   *
   * @param limit bytes: a small archive can unpack to much
   * @throws LatentError `file.npy` for one that is not there, is of Python objects or too large, `file.zip` for a damaged one
   */
  async load(name: string, limit = 1 << 30): Promise<Tensor> {
    const [entry, what] = this.#entry(name);
    await using pieces = this.#pieces(entry);
    const { dtype, shape, fortran } = await readNpyHeader(pieces, entry.size, what);
    const length = npyBytes({ dtype, shape });
    if (length > limit) throw badNpy(what, `${length} bytes`, `at most ${limit}`, "Read it row by row.");
    const bytes = await pieces.take(length);
    await pieces.end();
    if (!fortran) return fromBytes(bytes, { dtype, shape });
    const reversed = shape.map((_, i) => shape.length - 1 - i);
    return scope(() => fromBytes(bytes, { dtype, shape: shape.toReversed() }).permute(reversed).contiguous());
  }

  /** An array's rows in batches [count or fewer, …], without holding all of it; each batch is the caller's. */
  async *rows(name: string, count: number): AsyncGenerator<Tensor> {
    const [entry, what] = this.#entry(name);
    await using pieces = this.#pieces(entry);
    const { dtype, shape: [total = 1, ...rest], fortran } = await readNpyHeader(pieces, entry.size, what);
    if (fortran) throw badNpy(what, "columns one after the other", "rows one after the other");
    for (let at = 0; at < total; at += count) {
      const shape = [Math.min(count, total - at), ...rest];
      yield fromBytes(await pieces.take(npyBytes({ dtype, shape })), { dtype, shape });
    }
    await pieces.end();
  }

  /** Closes the file. Tensors that were read stay. */
  [Symbol.dispose](): void {
    this.source.close();
  }

  /** An array's place, and what errors call it. */
  #entry(name: string): [ZipEntry, string] {
    const what = `The array ${quote(name)} of ${this.path}`;
    const entry = this.#entries.get(name);
    if (entry !== undefined) return [entry, what];
    const near = nearest(name, this.names);
    const mend = near === undefined ? undefined : `Did you mean ${quote(near)}?`;
    throw badNpy(what, this.names.join(", ") || "no arrays", "an array of this name", mend);
  }

  #pieces(entry: ZipEntry): Pieces {
    return new Pieces(unzip(this.source, this.path, entry));
  }
}
