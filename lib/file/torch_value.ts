import type { DType } from "../tensor/mod.ts";
import { PickledObject } from "./pickle_value.ts";

/** Memory of a tensor, or of several, in a checkpoint. */
export class TorchStorage extends PickledObject {
  /** What it is. */
  readonly name = "a storage";

  /**
   * A storage of a checkpoint.
   *
   * @param key its name in the checkpoint
   * @param dtype of its elements; undefined where each tensor says it
   * @param bytes how long it is
   */
  constructor(readonly key: string, readonly dtype: DType | undefined, readonly bytes: number) {
    super();
  }
}

/** A tensor in a checkpoint: where its elements are. */
export class TorchTensor extends PickledObject {
  /** What it is. */
  readonly name = "a tensor";

  /**
   * A tensor whose elements all lie in the storage.
   *
   * @param storage where its elements are, maybe with those of others
   * @param dtype the type of its elements
   * @param shape its sizes, empty for a scalar
   * @param strides elements from one to the next along each dimension
   * @param start its first element in the storage
   */
  constructor(
    readonly storage: TorchStorage,
    readonly dtype: DType,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
    readonly start: number,
  ) {
    super();
  }

  /** Its number of elements. */
  get numel(): number {
    return this.shape.reduce((product, size) => product * size, 1);
  }

  /** Elements of the storage from its first to its last, which is more than {@linkcode numel} where there are gaps. */
  get span(): number {
    if (this.numel === 0) return 0;
    return this.shape.reduce((last, size, i) => last + (size - 1) * this.strides[i]!, 1);
  }

  /** Whether its elements follow each other in row-major order. */
  get isContiguous(): boolean {
    let wanted = 1;
    for (let i = this.shape.length - 1; i >= 0; i--) {
      if (this.shape[i] !== 1 && this.strides[i] !== wanted) return this.numel === 0;
      wanted *= this.shape[i]!;
    }
    return true;
  }
}
