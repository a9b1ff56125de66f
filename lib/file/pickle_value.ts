import { LatentError } from "../base/mod.ts";

/** What a pickle holds, as plain data. Tuples are frozen arrays, dicts are maps, sets are frozen arrays. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array<ArrayBuffer>
  | readonly PickleValue[]
  | ReadonlyMap<PickleValue, PickleValue>
  | PickledObject;

/** Something in a pickle that is no plain data. */
export abstract class PickledObject {
  /** What it is, for messages. */
  abstract readonly name: string;

  /** Takes the state that a pickle gives to an object after it was made; ignored unless a class says otherwise. */
  build(_state: PickleValue): void {}
}

/** A class, a function, or what one would have made: nothing of it but its name is kept, and nothing of it runs. */
export class Opaque extends PickledObject {
  /** An object of a name: module and name, such as `pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint` */
  constructor(readonly name: string) {
    super();
  }
}

/** What a pickle may ask for at most; a checkpoint of 50,000 tensors stays far below. */
export const PICKLE_LIMITS = {
  /** Bytes. */
  bytes: 64 << 20,
  /** Opcodes, and elements that are made at once; a container counts as {@linkcode CONTAINER_STEPS}. */
  steps: 4_000_000,
  /** Values that are kept to be named again. */
  memo: 1_000_000,
  /** Values on the stack. */
  stack: 1_000_000,
  /** Open marks. */
  marks: 1000,
  /** Bytes of one text. */
  text: 16 << 20,
  /** Bytes of the name of a class or function. */
  name: 256,
  /** Containers inside each other. */
  nesting: 64,
  /** Values where each is counted as often as it is reached. */
  reached: 20_000_000,
} as const;

/** Steps that a container counts as, for the memory that even an empty one takes. */
export const CONTAINER_STEPS = 4;

/**
 * Checks that a value can be walked through: no container is inside itself, and neither their nesting nor the number of
 * values that a walk meets goes beyond the limits.
 *
 * @throws LatentError `file.pickle`
 */
export function checkReach(root: PickleValue, source: string): void {
  const { nesting, reached } = PICKLE_LIMITS;
  const known = new Map<PickleValue, { height: number; count: number } | "open">();
  const visit = (value: PickleValue, depth: number): { height: number; count: number } => {
    const inside = contents(value);
    if (inside === undefined) return { height: 0, count: 1 };
    const seen = known.get(value);
    if (seen === "open") throw badPickle(source, "a container inside itself", "plain data");
    let height = 0;
    let count = 1;
    if (seen === undefined) {
      if (depth >= nesting) throw tooMuch(source, "containers inside each other", nesting);
      known.set(value, "open");
      for (const item of inside) {
        const below = visit(item, depth + 1);
        height = Math.max(height, below.height);
        count += below.count;
      }
      height++;
    } else ({ height, count } = seen);
    if (depth + height > nesting) throw tooMuch(source, "containers inside each other", nesting);
    if (count > reached) throw tooMuch(source, "values", reached);
    const found = { height, count };
    known.set(value, found);
    return found;
  };
  visit(root, 0);
}

function contents(value: PickleValue): Iterable<PickleValue> | undefined {
  if (Array.isArray(value)) return value;
  return value instanceof Map ? pairsOf(value) : undefined;
}

function* pairsOf(map: ReadonlyMap<PickleValue, PickleValue>): Generator<PickleValue> {
  for (const [key, value] of map) {
    yield key;
    yield value;
  }
}

/** The error for a pickle that can't be read. */
export function badPickle(source: string, found: string, wanted: string): LatentError {
  return new LatentError("file.pickle", {
    what: `${source} is not a pickle that can be read`,
    found,
    wanted,
    mend: "The file is damaged or no checkpoint as torch.save writes it: get it again, or save its state dict alone.",
  });
}

/** The error for a pickle that goes beyond a limit. */
export function tooMuch(source: string, what: string, limit: number): LatentError {
  return badPickle(source, `more than ${limit.toLocaleString("en")} ${what}`, "no more, as in any checkpoint");
}
