/**
 * Calls the operators of operators.txt and the exports of the shim with arguments that are mostly bad, until enough
 * were refused. Every call is written to a file before it is made, so that a crash names its call:
 *
 *     deno run -A test/ffi/fuzz.ts LOG SEED FIRST_ROUND REFUSALS
 *
 * Each round is one target with tensors of its own, so that any round can be made again alone. Prints as JSON how many
 * calls were made and refused, which targets never refused one, and how many handles are left. A refusal that is no
 * LatentError, or does not name its target, ends the program.
 *
 * @module
 */
import { type Schema, schemas } from "../../ffi/generate.ts";
import { scope } from "../../ffi/handle.ts";
import { checked, native, release } from "../../ffi/open.ts";
import { operators } from "../../ffi/operators.ts";
import { Kind, symbols as table } from "../../ffi/symbols.ts";
import { LatentError } from "../../lib/base/mod.ts";
import { cpuMemory, limitMemory } from "../../lib/tensor/mod.ts";
import { Draw } from "./draw.ts";
import { anything, argument } from "./arguments.ts";
import { badInts, corrupted, flag, type Item, listOf, write } from "./items.ts";
import { badDoubles, Pool } from "./pool.ts";
import { mutated, validCalls } from "./valid.ts";

const [path = "", seed = "1", first = "0", wanted = "10000"] = Deno.args;
const { symbols, frame } = native();
const log = Deno.openSync(path, { write: true, create: true, truncate: true });
const encoder = new TextEncoder();
const counts = { round: 0, calls: 0, refused: 0 };
const named = new Set<string>();
const callsOfARound = 12;

/** Exports that cannot fail, or that a fuzzer must not call: their effects outlive it. */
const unguarded = ["abi", "live", "frame_new", "frame_free", "frame_memory", "test_throw", "arm_signals"];
const exported = Object.keys(table).filter((name) => !unguarded.includes(name.slice("latent_".length))) as Export[];
type Export = keyof typeof table;

/** What is read from the frame, as types of parameters; exports that are not here read nothing. */
const reads: Partial<Record<Export, string>> = {
  latent_operator: "str str",
  latent_from_bytes: "ScalarType int[]",
  latent_from_file: "str int ScalarType int[] bool",
  latent_backward: "Tensor[] Tensor[] bool bool Tensor[]",
  latent_gradients: "Tensor[] Tensor[] Tensor[] bool bool bool",
  latent_grads: "Tensor[]",
  latent_set_grads: "Tensor[] Tensor[]",
  latent_autocast: "Device ScalarType",
  latent_generator: "Device int",
  latent_synchronize: "Device",
};

const known = schemas(new Set(Object.values(operators).map((o) => o.name.slice("aten::".length))));
const targets: (Schema | Export)[] = [...known.values(), ...exported];
const nameOf = (target: Schema | Export) => typeof target === "string" ? target : `aten::${target.name}`;

/** Makes one call; whatever it gives is freed, whatever it throws must name the target. */
function attempt(name: string, says: string, call: () => number): number {
  log.writeSync(encoder.encode(`${counts.round} ${name} ${says}\n`));
  counts.calls++;
  const status = call();
  try {
    if (status !== -2) return checked(status, name);
    if (!says.startsWith("frame")) throw new Error("this frame is known");
  } catch (error) {
    if (!(error instanceof LatentError) || error.fields.operator !== name || !error.message.startsWith(name)) {
      throw error;
    }
  }
  counts.refused++;
  named.add(name);
  return -1;
}

function results(count: number): number[] {
  frame.begin();
  return Array.from({ length: count }, () => frame.take()).flatMap((result) => {
    if (typeof result !== "object" || result === null || Array.isArray(result)) return [];
    return "tensors" in result ? result.tensors : "tensor" in result ? [result.tensor] : [result.generator];
  }).filter((handle) => handle !== 0);
}

function callOperator(draw: Draw, pool: Pool, schema: Schema): void {
  const name = nameOf(schema);
  const wrongCount = draw.chance(0.05) ? draw.of([-1, 1, 3, 1000, 2 ** 30]) : 0;
  const given = schema.parameters.filter((p) => !p.hasDefault || draw.chance(0.7)).length;
  const valid = validCalls[schema.name];
  let items = valid !== undefined && draw.chance(0.6)
    ? mutated(draw, pool, valid)
    : schema.parameters.slice(0, given).map((p) => argument(draw, pool, p));
  if (draw.chance(0.05)) items = corrupted(draw, items);
  if (draw.chance(0.03)) items = [...items, anything(draw, pool)];
  write(frame, items);
  const count = items.length + wrongCount;
  const number = numbers.get(name) ?? 0;
  const made = attempt(name, `${count}: ${say(items)}`, () => symbols.latent_call(frame.index, number, count));
  if (made <= 0) return;
  const handles = results(made);
  if (draw.chance(0.3)) backward(draw, pool, name, handles);
  release(handles, handles.length);
}

/** Through the derivative of what an operator gave, with itself as the gradient. */
function backward(draw: Draw, pool: Pool, name: string, handles: number[]): void {
  if (handles.length === 0 || sizeOf(handles[0]!) > 1e6) return; // an expanded tensor has any size without any memory
  const output = { kind: Kind.tensors, count: 1, cells: handles.slice(0, 1), says: "the result" };
  const inputs = listOf(pool.tensors.filter((t) => t.requiresGrad).slice(-1 - draw.below(6)));
  const gradients = draw.chance(0.1) ? pool.list(draw, 1) : output;
  const items = [output, inputs, gradients, flag(false), flag(draw.chance(0.3)), flag(true)];
  write(frame, items);
  const made = attempt("gradients", `of ${name}: ${say(items)}`, () => symbols.latent_gradients(frame.index));
  if (made > 0) release(results(made), results(made).length);
}

/** The number of elements. */
function sizeOf(handle: number): number {
  checked(symbols.latent_meta(frame.index, handle), "latent_meta");
  return (frame.begin().take() as number[]).slice(5).reduce((product, n) => product * n, 1);
}

function callExport(draw: Draw, pool: Pool, name: Export): void {
  const types = (reads[name] ?? "").split(" ").filter((type) => type !== "");
  let items = types.map((type) => argument(draw, pool, parameter(type)));
  if (draw.chance(0.2)) items = corrupted(draw, items);
  const parameters = table[name].parameters;
  const index = draw.chance(0.05) ? draw.of([...badInts, 77]) : frame.index;
  const args = parameters.slice(1).map((type, i) => value(draw, pool, name, type, i));
  write(frame, items);
  const says = `${index === frame.index ? "" : "frame"} ${index} ${args.map(sayValue)} ${say(items)}`;
  const call = symbols[name] as (...args: unknown[]) => number;
  const made = attempt(name, says, () => call(index, ...args));
  const gives = !/_(operator|free|mode|threads|deterministic|tf32|memory_\w+|set_\w+|backward|synchronize|read)$/.test(
    name,
  );
  if (made > 0 && gives) release(results(made), results(made).length);
}

const buffer = new Uint8Array(65536);

/** A number or buffer for a parameter after the frame's. Lengths of buffers are the caller's word: never too long. */
function value(draw: Draw, pool: Pool, name: Export, type: string, at: number): unknown {
  if (type === "buffer") return draw.chance(0.9) ? buffer : null;
  if (type === "i32") return draw.chance(0.5) && name !== "latent_free" ? draw.below(3) : draw.of(badInts);
  if (name === "latent_memory_limit") return draw.of([NaN, Infinity, -1, 0.5, -Infinity, 1e300]);
  const size = name === "latent_from_bytes" || at > 1;
  if (size) return draw.of([0, 4, 8, 16, 64, 400, 65536, -1, NaN, Infinity, 0.5, 1e300]);
  return draw.chance(0.2) ? draw.of(badDoubles) : pool.tensor(draw).cells[0];
}

function parameter(type: string): Schema["parameters"][number] {
  const [base = "", list] = type.split("[");
  const flags = { optional: false, sized: false, hasDefault: false, keywordOnly: false };
  return { name: "", type: base, list: list !== undefined, ...flags };
}

const say = (items: readonly Item[]) => items.map((i) => i.says.slice(0, 200)).join(", ");
const sayValue = (value: unknown) => value instanceof Uint8Array ? "buffer" : String(value);

/** What a round may have switched. */
function restore(): void {
  symbols.latent_mode(frame.index, 1, 0);
  symbols.latent_mode(frame.index, 0, 1);
  symbols.latent_deterministic(frame.index, 0);
  symbols.latent_tf32(frame.index, 0);
  symbols.latent_threads(frame.index, 2);
  for (const device of ["cpu", "cuda"]) {
    frame.begin().put(device).put(null);
    symbols.latent_autocast(frame.index);
  }
}

const numbers = new Map(Object.values(operators).map((operator) => [operator.name, operator.number]));
limitMemory(cpuMemory().live + 2 ** 26);
for (counts.round = Number(first); counts.refused < Number(wanted); counts.round++) {
  const draw = new Draw(Number(seed) * 1e6 + counts.round);
  const target = targets[counts.round % targets.length]!;
  scope(() => {
    const pool = new Pool(draw);
    for (let i = 0; i < callsOfARound; i++) {
      if (typeof target === "string") callExport(draw, pool, target);
      else callOperator(draw, pool, target);
    }
  });
  if (typeof target === "string") restore();
}
const unnamed = targets.map(nameOf).filter((name) => !named.has(name));
console.log(JSON.stringify({ ...counts, unnamed, live: symbols.latent_live() }));
