import { LatentError, nearest } from "../base/mod.ts";
import { type AtomicOptions, writeAtomic } from "./atomic.ts";
import { disk } from "./disk.ts";
import {
  formatHeader,
  type Header,
  headerLength,
  LENGTH_BYTES,
  parseHeader,
  type TensorEntry,
  type TensorLayout,
} from "./header.ts";
import type { FileLayer, ReadableFile } from "./layer.ts";
import { quote } from "./scanner.ts";

/** A tensor to write. Its elements are asked for when its turn comes, so that no copy of all of them is ever made. */
export interface TensorSource extends TensorLayout {
  /** The elements in row-major order, little-endian, in pieces; each is used up before the next is asked for. */
  chunks(): Iterable<Uint8Array>;
}

/** An open safetensors file: its header is read and checked, its tensors are read when they are asked for. */
export class SafetensorsFile implements Disposable {
  private constructor(
    /** Where it is. */
    readonly path: string,
    /** Its tensors by name, in the order of their data. */
    readonly entries: ReadonlyMap<string, TensorEntry>,
    /** The texts in its header's `__metadata__`. */
    readonly metadata: ReadonlyMap<string, string>,
    /** The open file. */
    readonly source: ReadableFile,
  ) {}

  /**
   * Opens a file and checks its header.
   *
   * @throws LatentError `file.header` or `file.truncated` for a file that is not what it says, others of the kind `file`
   */
  static open(path: string, layer: FileLayer = disk): SafetensorsFile {
    const file = layer.open(path);
    try {
      const length = headerLength(readSlice(file, 0, Math.min(file.size, LENGTH_BYTES)), file.size, path);
      const { entries, metadata } = parseHeader(readSlice(file, LENGTH_BYTES, length), file.size, path);
      return new SafetensorsFile(path, new Map(entries.map((entry) => [entry.name, entry])), metadata, file);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** The tensor of a name; throws `file.tensor`, with the nearest name, where there is none. */
  entry(name: string): TensorEntry {
    const entry = this.entries.get(name);
    if (entry === undefined) throw unknown(this, name);
    return entry;
  }

  /** A copy of a tensor's bytes: little-endian, row-major. */
  bytes(name: string): Uint8Array {
    const { offset, bytes } = this.entry(name);
    return readSlice(this.source, offset, bytes);
  }

  /** Closes the file. Tensors that were read stay. */
  [Symbol.dispose](): void {
    this.source.close();
  }
}

/** Options of {@linkcode writeSafetensors}. */
export interface SafetensorsOptions extends AtomicOptions {
  /** Texts for the header's `__metadata__`. */
  metadata?: ReadonlyMap<string, string>;
}

/**
 * Writes tensors as a safetensors file, one after another, through a temporary name.
 *
 * @throws LatentError `file.exists` unless `replace` is set, `file.header` for what the format cannot hold, others of the
 * kind `file`
 */
export function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, TensorSource>,
  { metadata = new Map(), ...options }: SafetensorsOptions = {},
): void {
  const { head, header } = formatHeader(tensors, metadata, path);
  writeAtomic(path, (file) => {
    file.write(head);
    writeData(header, tensors, (bytes) => file.write(bytes));
  }, options);
}

/** Hands the data of tensors to `write`, in the order of the header that was made for them. */
export function writeData(
  header: Header,
  tensors: ReadonlyMap<string, TensorSource>,
  write: (bytes: Uint8Array) => void,
): void {
  for (const { name, bytes } of header.entries) {
    let written = 0;
    for (const chunk of tensors.get(name)!.chunks()) {
      write(chunk);
      written += chunk.length;
    }
    if (written !== bytes) throw wrongLength(name, written, bytes);
  }
}

function readSlice(file: ReadableFile, offset: number, length: number): Uint8Array {
  const into = new Uint8Array(length);
  file.read(into, offset);
  return into;
}

function wrongLength(name: string, found: number, wanted: number): LatentError {
  return new LatentError("file.tensor", {
    what: `the bytes of tensor ${quote(name)} are not what its dtype and shape say`,
    found: `${found} bytes`,
    wanted: `${wanted} bytes`,
  });
}

function unknown({ path, entries }: SafetensorsFile, name: string): LatentError {
  const near = nearest(name, entries.keys());
  return new LatentError("file.tensor", {
    what: `${path} has no tensor ${quote(name)}`,
    found: `${entries.size} tensors`,
    mend: near === undefined ? "list the names that it has" : `did you mean ${quote(near)}?`,
  });
}
