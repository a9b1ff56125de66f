import assert from "node:assert/strict";
import { abi, frameCells, Kind, symbols } from "../../ffi/symbols.ts";

const header = Deno.readTextFileSync(new URL("../../native/latent.h", import.meta.url));

/** The FFI's names for the types that latent.h uses. */
const types: Record<string, string> = {
  "int32_t": "i32",
  "double": "f64",
  "void": "void",
  "void*": "pointer",
  "const void*": "buffer",
};

/** The exports as latent.h declares them; a pointer among the parameters is a buffer of the caller's. */
function declared(): Record<string, { parameters: string[]; result: string }> {
  const found = header.matchAll(/^LATENT_EXPORT (\w+\*?) (\w+)\(([^)]*)\);/gm);
  return Object.fromEntries(
    Array.from(found, ([, result, name, list]) => [name, {
      parameters: list === "void" ? [] : list!.split(", ").map((one) => {
        const type = types[one.replace(/ \w+$/, "")]!;
        return type === "pointer" ? "buffer" : type;
      }),
      result: types[result!],
    }]),
  );
}

function define(name: string): number {
  return Number(new RegExp(`^#define ${name} (\\d+)$`, "m").exec(header)?.[1]);
}

function numbersOf(name: string): Record<string, number> {
  const body = new RegExp(`enum ${name} \\{([^}]*)\\}`).exec(header)![1]!;
  return Object.fromEntries(
    Array.from(body.matchAll(/LATENT_(\w+) = (\d+)/g), ([, key, value]) => [key, Number(value)]),
  );
}

Deno.test("symbols.ts declares what latent.h does, in its order", () => {
  const found = declared();
  assert.deepEqual(Object.keys(symbols), Object.keys(found));
  assert.deepEqual(symbols, found);
  assert.equal((header.match(/^LATENT_EXPORT/gm) ?? []).length, Object.keys(found).length, "one declaration a line");
});

Deno.test("the constants of symbols.ts are those of latent.h", () => {
  assert.equal(abi, define("LATENT_ABI"));
  assert.equal(frameCells, define("LATENT_FRAME_CELLS"));
  const names = { BOOL: "BOOLEAN" } as Record<string, string>;
  const kinds = Object.entries(numbersOf("latent_kind")).map(([name, number]) => [names[name] ?? name, number]);
  assert.deepEqual(Object.entries(Kind).map(([name, number]) => [name.toUpperCase(), number]), kinds);
});

Deno.test("every class of error in latent.h has a code in error.ts", async () => {
  const { nativeError } = await import("../../ffi/error.ts");
  const codes = Object.values(numbersOf("latent_error")).map((kind) => nativeError("op", kind, "text", []).code);
  const wanted = ["operator.refused", "operator.argument", "tensor.freed", "memory.exhausted", "file.unreadable"];
  assert.deepEqual(codes, wanted);
});
