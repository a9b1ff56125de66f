import { LatentError } from "../lib/base/mod.ts";
import { nativeError } from "./error.ts";
import { Frame } from "./frame.ts";
import { locate } from "./locate.ts";
import { abi, frameCells, symbols } from "./symbols.ts";

/** The shim, open, with this isolate's frame. */
export interface Native {
  readonly symbols: Deno.DynamicLibrary<typeof symbols>["symbols"];
  readonly frame: Frame;
}

let opened: Native | undefined;

/**
 * The shim; opened at the first use, not at import. `LATENT_SHIM` names a file to take in place of the located one.
 *
 * @throws LatentError `setup.*` when libtorch or the shim is missing or does not fit
 */
export function native(): Native {
  return opened ??= open(Deno.env.get("LATENT_SHIM") || locate().shim.path);
}

function open(path: string): Native {
  let library: Deno.DynamicLibrary<typeof symbols>;
  spinBriefly();
  try {
    library = Deno.dlopen(path, symbols);
  } catch (cause) {
    throw new LatentError("setup.open", {
      what: "The shim could not be opened",
      found: `${path}: ${cause instanceof Error ? cause.message : String(cause)}`,
      wanted: "a shim built from this version of latent, and the libtorch it was built for",
      mend: "Run `latent doctor` to see what is there, `latent setup` to build it anew.",
      cause,
    });
  }
  const found = library.symbols.latent_abi();
  if (found !== abi) {
    throw new LatentError("setup.abi", {
      what: `The shim at ${path} does not fit this version of latent`,
      found: `interface number ${found}`,
      wanted: `interface number ${abi}`,
      mend: "Run `latent setup`: it builds the shim that fits.",
    });
  }
  const index = library.symbols.latent_frame_new();
  const memory = library.symbols.latent_frame_memory(index);
  if (memory === null) throw new LatentError("memory.exhausted", { what: "There is no memory for an argument buffer" });
  const buffer = Deno.UnsafePointerView.getArrayBuffer(memory, 8 * frameCells);
  return { symbols: library.symbols, frame: new Frame(index, buffer) };
}

/**
 * Threads of libgomp spin 300,000 turns at a barrier before they sleep: beside one other busy process on two cores a
 * training step then takes up to 20 times as long (docs/adr/0010-spin.md). libgomp reads this when it is loaded.
 */
function spinBriefly(): void {
  if (Deno.env.has("OMP_WAIT_POLICY") || Deno.env.has("GOMP_SPINCOUNT")) return;
  Deno.env.set("GOMP_SPINCOUNT", "2000");
}

/** Throws what the native side wrote into the frame when `status` is negative, else returns it. */
export function checked(status: number, operator: string, operands: () => string[] = () => []): number {
  if (status >= 0) return status;
  const { frame } = native();
  frame.begin();
  const kind = frame.take();
  const text = frame.take();
  throw nativeError(operator, Number(kind), String(text), operands());
}

/** Frees the first `count` of `values` in one native call. */
export function release(values: readonly number[], count: number): void {
  const { symbols, frame } = native();
  for (let at = 0; at < count; at += frameCells) {
    const part = Math.min(frameCells, count - at);
    for (let i = 0; i < part; i++) frame.cells[i] = values[at + i]!;
    checked(symbols.latent_free(frame.index, part), "free");
  }
}
