import type { TensorEntry } from "./header.ts";

/** Elements that don't simply follow each other from an entry's offset on. */
export interface TensorView {
  /** The part of the file that the tensor is in, with others or alone. */
  memory: {
    /** Its first byte, counted from the start of the file. */
    offset: number;
    /** Its elements. */
    elements: number;
  };
  /** The tensor's first element in it. */
  start: number;
  /** Elements from one to the next along each dimension. */
  strides: readonly number[];
}

/** A tensor in a file of any format. */
export interface FileTensor extends TensorEntry {
  /** How it lies in memory; unless given, its bytes are its elements in row-major order. */
  view?: TensorView;
}

/** A file with tensors by name: safetensors, a PyTorch checkpoint. */
export interface TensorFile extends Disposable {
  /** Where it is. */
  readonly path: string;
  /** Its tensors by name. */
  readonly entries: ReadonlyMap<string, FileTensor>;
  /** The tensor of a name; throws `file.tensor`, with the nearest name, where there is none. */
  entry(name: string): FileTensor;
  /** A copy of a tensor's bytes: little-endian, row-major. */
  bytes(name: string): Uint8Array;
  /** Throws `file.damaged` where the file has a checksum of the tensor's bytes and they have another. */
  verify?(name: string): void;
}
