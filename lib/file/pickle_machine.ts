import {
  badPickle,
  CONTAINER_STEPS,
  Opaque,
  PICKLE_LIMITS,
  PickledObject,
  type PickleValue,
  tooMuch,
} from "./pickle_value.ts";

/** What the machine asks while it reads; everything else of a pickle is plain data. */
export interface PickleMakers {
  /**
   * What calling a class or function gives. Nothing is called: what is known is rebuilt as data, for the rest an
   * {@linkcode Opaque} of its name is right.
   */
  reduce(callable: string, args: readonly PickleValue[], machine: PickleCounter): PickleValue;
  /** What a persistent id stands for. */
  persistent(id: PickleValue, machine: PickleCounter): PickleValue;
}

/** Where a maker is heard. */
export interface PickleCounter {
  /** Counts `steps` for what is about to be made. @throws LatentError `file.pickle` beyond the limit */
  spend(steps: number): void;
  /** Refuses what the pickle says here. */
  fail(found: string, wanted: string): never;
}

type MutableMap = Map<PickleValue, PickleValue>;

/** The stack, memo and marks of a pickle that is being read, and what its opcodes do to them. */
export class Machine implements PickleCounter {
  readonly stack: PickleValue[] = [];
  readonly memo = new Map<number, PickleValue>();
  /** Heights of the stack at the open marks. */
  readonly marks: number[] = [];
  readonly view: DataView;
  steps = 0;
  /** Where the opcode at hand begins. */
  opcodeAt = 0;

  constructor(
    readonly bytes: Uint8Array<ArrayBuffer>,
    readonly makers: PickleMakers,
    readonly source: string,
    public at: number,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The next opcode's byte. */
  next(): number {
    if (this.stack.length > PICKLE_LIMITS.stack) {
      throw tooMuch(this.source, "values on the stack", PICKLE_LIMITS.stack);
    }
    this.spend(1);
    this.opcodeAt = this.at;
    return this.view.getUint8(this.take(1));
  }

  spend(steps: number): void {
    this.steps += steps;
    if (this.steps > PICKLE_LIMITS.steps) throw tooMuch(this.source, "steps", PICKLE_LIMITS.steps);
  }

  fail(found: string, wanted: string): never {
    throw badPickle(this.source, `${found}, in the opcode at byte ${this.opcodeAt}`, wanted);
  }

  /** The place of the next `count` bytes, which are then passed. */
  take(count: number): number {
    const from = this.at;
    if (from + count > this.bytes.length) this.fail("its end in the middle", "a whole pickle");
    this.at = from + count;
    return from;
  }

  length(bytes: 1 | 4 | 8): number {
    const at = this.take(bytes);
    if (bytes === 1) return this.view.getUint8(at);
    return bytes === 4 ? this.view.getUint32(at, true) : Number(this.view.getBigUint64(at, true));
  }

  slice(count: number): Uint8Array<ArrayBuffer> {
    if (count > PICKLE_LIMITS.text) throw tooMuch(this.source, "bytes in one text", PICKLE_LIMITS.text);
    const at = this.take(count);
    return this.bytes.slice(at, at + count);
  }

  text(count: number): string {
    return decoded(this.slice(count)) ?? this.fail("a text that is not UTF-8", "UTF-8");
  }

  /** A part of a global's name, up to the end of its line. */
  line(): string {
    const end = this.bytes.subarray(this.at, this.at + PICKLE_LIMITS.name + 1).indexOf(0x0a);
    if (end < 0) this.fail("a name that does not end", `at most ${PICKLE_LIMITS.name} bytes`);
    const line = this.text(end);
    this.take(1);
    return line;
  }

  push(value: PickleValue): void {
    this.stack.push(value);
  }

  /** A container is pushed. */
  open(value: PickleValue): void {
    this.spend(CONTAINER_STEPS);
    this.push(value);
  }

  pop(): PickleValue {
    if (this.stack.length <= (this.marks.at(-1) ?? 0)) this.fail("an opcode without its values", "them on the stack");
    return this.stack.pop()!;
  }

  top(): PickleValue {
    const value = this.pop();
    this.stack.push(value);
    return value;
  }

  /** The values above the last mark, which goes. */
  popMarked(): PickleValue[] {
    const mark = this.marks.pop() ?? this.fail("an opcode without its mark", "a mark on the stack");
    return this.stack.splice(mark);
  }

  popped(count: number): PickleValue[] {
    return Array.from({ length: count }, () => this.pop()).reverse();
  }

  put(index: number): void {
    this.memo.set(index, this.top());
    if (this.memo.size > PICKLE_LIMITS.memo) throw tooMuch(this.source, "values in the memo", PICKLE_LIMITS.memo);
  }

  get(index: number): void {
    if (!this.memo.has(index)) this.fail(`number ${index} of the memo`, "one that was put there");
    this.push(this.memo.get(index)!);
  }

  append(items: PickleValue[]): void {
    const list = this.top();
    if (list instanceof Opaque) return; // what a class of the checkpoint's would have kept
    if (!isList(list)) this.fail("items for what is no list", "a list");
    for (const item of items) list.push(item);
  }

  set(items: PickleValue[]): void {
    const map = this.top();
    if (items.length % 2 !== 0) this.fail("a key without a value", "pairs");
    if (map instanceof Opaque) return;
    if (!(map instanceof Map)) this.fail("items for what is no dict", "a dict");
    for (let i = 0; i < items.length; i += 2) this.setItem(map, items[i]!, items[i + 1]!);
  }

  setItem(map: MutableMap, key: PickleValue, value: PickleValue): void {
    if (isList(key) || key instanceof Map) this.fail("a list or dict as a key", "a key that can't change");
    map.set(key, value);
  }

  global(module: string, name: string): void {
    this.push(new Opaque(`${module}.${name}`));
  }

  reduce(callable: PickleValue, args: PickleValue): void {
    if (!(callable instanceof Opaque)) this.fail("a call of what is no class or function", "a class or function");
    if (!isArray(args)) this.fail("a call without a list of arguments", "a tuple");
    this.open(this.makers.reduce(callable.name, args, this));
  }

  build(state: PickleValue): void {
    const object = this.top();
    if (object instanceof PickledObject) object.build(state);
    else if (!(object instanceof Map)) this.fail("a state for plain data", "a state for an object"); // an OrderedDict's attributes
  }
}

/** Whether a value is a list, a tuple or a set. */
export function isArray(value: PickleValue | undefined): value is readonly PickleValue[] {
  return Array.isArray(value);
}

function isList(value: PickleValue): value is PickleValue[] {
  return Array.isArray(value) && !Object.isFrozen(value);
}

/** A tuple: a list that doesn't change any more. */
export function tuple(items: PickleValue[]): readonly PickleValue[] {
  return Object.freeze(items);
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Text of UTF-8 bytes; undefined where they are none. */
export function decoded(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}
