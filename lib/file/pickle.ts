import { decoded, Machine, type PickleMakers, tuple } from "./pickle_machine.ts";
import { checkReach, Opaque, PICKLE_LIMITS, type PickleValue, tooMuch } from "./pickle_value.ts";

const STOP = 0x2e;

/** Options of {@linkcode unpickle}. */
export interface UnpickleOptions {
  /** What the bytes are, for messages. */
  source: string;
  /** Where in the bytes the pickle begins. @default {0} */
  start?: number;
}

/**
 * Reads a pickle of protocol 2 to 5 as data. No global is looked up, nothing is imported or called, and all sizes are
 * held to {@linkcode PICKLE_LIMITS}. The older text opcodes and those that extend the machine are refused.
 *
 * @returns the value, and where in the bytes the pickle ends
 * @throws LatentError `file.pickle`
 */
export function unpickle(
  bytes: Uint8Array<ArrayBuffer>,
  makers: PickleMakers,
  { source, start = 0 }: UnpickleOptions,
): { value: PickleValue; end: number } {
  const machine = new Machine(bytes, makers, source, start);
  for (let code = machine.next(); code !== STOP; code = machine.next()) {
    const opcode = OPCODES[code] ?? machine.fail(`the unknown byte 0x${code.toString(16)}`, "one of protocol 2 to 5");
    opcode(machine);
  }
  const { stack, marks, at } = machine;
  if (stack.length !== 1 || marks.length > 0) machine.fail(`${stack.length} values at its end`, "one");
  checkReach(stack[0]!, source);
  return { value: stack[0]!, end: at };
}

/** A little-endian two's-complement integer; a bigint where a number would round it. */
function long(bytes: Uint8Array): number | bigint {
  let value = 0n;
  for (const byte of [...bytes].reverse()) value = value << 8n | BigInt(byte);
  if ((bytes.at(-1) ?? 0) >= 0x80) value -= 1n << BigInt(8 * bytes.length);
  const small = Number(value);
  return Number.isSafeInteger(small) ? small : value;
}

type Opcode = (machine: Machine) => void;

/** Python 2's `str`: text where it is UTF-8, else bytes. */
function oldString(m: Machine, count: number): void {
  const bytes = m.slice(count);
  m.push(decoded(bytes) ?? bytes);
}

function reduce(m: Machine): void {
  const [callable, args] = m.popped(2) as [PickleValue, PickleValue];
  m.reduce(callable, args);
}

/** By their bytes; the names are those of Python's pickletools. */
const table: [code: number, name: string, run: Opcode][] = [
  [0x80, "PROTO", (m) => {
    const protocol = m.length(1);
    if (protocol < 2 || protocol > 5) m.fail(`protocol ${protocol}`, "2 to 5");
  }],
  [0x95, "FRAME", (m) => void m.length(8)],
  [0x4e, "NONE", (m) => m.push(null)],
  [0x88, "NEWTRUE", (m) => m.push(true)],
  [0x89, "NEWFALSE", (m) => m.push(false)],
  [0x4b, "BININT1", (m) => m.push(m.length(1))],
  [0x4d, "BININT2", (m) => m.push(m.view.getUint16(m.take(2), true))],
  [0x4a, "BININT", (m) => m.push(m.view.getInt32(m.take(4), true))],
  [0x8a, "LONG1", (m) => m.push(long(m.slice(m.length(1))))],
  [0x47, "BINFLOAT", (m) => m.push(m.view.getFloat64(m.take(8), false))],
  [0x58, "BINUNICODE", (m) => m.push(m.text(m.length(4)))],
  [0x8c, "SHORT_BINUNICODE", (m) => m.push(m.text(m.length(1)))],
  [0x8d, "BINUNICODE8", (m) => m.push(m.text(m.length(8)))],
  [0x55, "SHORT_BINSTRING", (m) => oldString(m, m.length(1))],
  [0x54, "BINSTRING", (m) => oldString(m, m.length(4))],
  [0x43, "SHORT_BINBYTES", (m) => m.push(m.slice(m.length(1)))],
  [0x42, "BINBYTES", (m) => m.push(m.slice(m.length(4)))],
  [0x8e, "BINBYTES8", (m) => m.push(m.slice(m.length(8)))],
  [0x96, "BYTEARRAY8", (m) => m.push(m.slice(m.length(8)))],
  [0x5d, "EMPTY_LIST", (m) => m.open([])],
  [0x7d, "EMPTY_DICT", (m) => m.open(new Map())],
  [0x29, "EMPTY_TUPLE", (m) => m.push(emptyTuple)],
  [0x8f, "EMPTY_SET", (m) => m.open([])],
  [0x74, "TUPLE", (m) => m.open(tuple(m.popMarked()))],
  [0x85, "TUPLE1", (m) => m.open(tuple(m.popped(1)))],
  [0x86, "TUPLE2", (m) => m.open(tuple(m.popped(2)))],
  [0x87, "TUPLE3", (m) => m.open(tuple(m.popped(3)))],
  [0x91, "FROZENSET", (m) => m.open(tuple(m.popMarked()))],
  [0x61, "APPEND", (m) => m.append(m.popped(1))],
  [0x65, "APPENDS", (m) => m.append(m.popMarked())],
  [0x90, "ADDITEMS", (m) => m.append(m.popMarked())],
  [0x73, "SETITEM", (m) => m.set(m.popped(2))],
  [0x75, "SETITEMS", (m) => m.set(m.popMarked())],
  [0x28, "MARK", (m) => {
    if (m.marks.push(m.stack.length) > PICKLE_LIMITS.marks) throw tooMuch(m.source, "marks", PICKLE_LIMITS.marks);
  }],
  [0x30, "POP", (m) => void (m.stack.length === m.marks.at(-1) ? m.marks.pop() : m.pop())],
  [0x31, "POP_MARK", (m) => void m.popMarked()],
  [0x71, "BINPUT", (m) => m.put(m.length(1))],
  [0x72, "LONG_BINPUT", (m) => m.put(m.length(4))],
  [0x94, "MEMOIZE", (m) => m.put(m.memo.size)],
  [0x68, "BINGET", (m) => m.get(m.length(1))],
  [0x6a, "LONG_BINGET", (m) => m.get(m.length(4))],
  [0x63, "GLOBAL", (m) => m.global(m.line(), m.line())],
  [0x93, "STACK_GLOBAL", (m) => {
    const [module, name] = m.popped(2);
    if (typeof module !== "string" || typeof name !== "string") return m.fail("a global without a name", "two texts");
    if (module.length + name.length > PICKLE_LIMITS.name) {
      m.fail("a long name", `at most ${PICKLE_LIMITS.name} characters`);
    }
    m.global(module, name);
  }],
  [0x52, "REDUCE", reduce],
  [0x81, "NEWOBJ", reduce],
  [0x92, "NEWOBJ_EX", (m) => {
    const [callable] = m.popped(3);
    if (!(callable instanceof Opaque)) return m.fail("a call of what is no class", "a class");
    m.open(callable); // what takes keywords is none of what is known
  }],
  [0x62, "BUILD", (m) => m.build(m.pop())],
  [0x51, "BINPERSID", (m) => m.open(m.makers.persistent(m.pop(), m))],
];

const emptyTuple = tuple([]);
const OPCODES: (Opcode | undefined)[] = [];
for (const [code, , run] of table) OPCODES[code] = run;
