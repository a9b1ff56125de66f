import { join } from "@std/path";
import assert from "node:assert/strict";
import { findLibtorch } from "../../ffi/mod.ts";
import { compileArguments, findCompiler } from "../../lib/setup/compiler.ts";

const native = new URL("../../native/", import.meta.url).pathname;
const sanitized = ["-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=address", `-I${native}`];

Deno.test("the shim compiles without a warning, and its own test passes under AddressSanitizer", () => {
  const { libtorch } = findLibtorch();
  const compiler = findCompiler();
  assert.ok(libtorch !== undefined && compiler !== undefined, "libtorch and a compiler, as `latent setup` wants them");
  const folder = Deno.makeTempDirSync();
  try {
    const [unit, program] = [join(folder, "unit.cpp"), join(folder, "shim_test")];
    const sources = Array.from(Deno.readDirSync(native), (file) => join(native, file.name)).filter((name) =>
      name.endsWith(".cpp")
    );
    const test = new URL("shim_test.cpp", import.meta.url).pathname;
    Deno.writeTextFileSync(unit, sources.sort().map((path) => `#include "${path}"\n`).join(""));
    const args = compileArguments(unit, program, libtorch).filter((flag) => flag !== "-shared");
    assert.ok(args.includes("-Wall") && args.includes("-Wextra"));
    run([...compiler.command, ...args, ...sanitized, test], "");
    run([program], "passed\n");
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

/** Runs a program that must succeed and say just that. */
function run([program, ...args]: string[], wanted: string): void {
  const env = { ASAN_OPTIONS: "detect_leaks=0" };
  const { code, stdout, stderr } = new Deno.Command(program!, { args, env, stdin: "null" }).outputSync();
  const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assert.equal(said, wanted);
  assert.equal(code, 0);
}
