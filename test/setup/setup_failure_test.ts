import { join } from "@std/path";
import assert from "node:assert/strict";
import { lockHolder, namesIn, textOf } from "../../lib/base/mod.ts";
import { bareEnv, fakeLibtorch, fakeSources, withEnv } from "./fixture.ts";
import { isError, onMachine } from "./machine.ts";

for (
  const [claim, pip, code, ...sentences] of [
    [
      "no pip",
      'echo "python3: No module named pip" >&2; exit 1',
      "setup.no_pip",
      /found {3}python3: No module named pip\n {2}wanted {2}python3 with pip/,
      /apt install python3-pip/,
      /--from-wheel/,
    ],
    [
      "no network",
      'echo "Could not reach the index"; exit 1',
      "setup.fetch",
      /Could not reach the index/,
      /--libtorch DIR/,
    ],
    [
      "an index that can't be reached",
      'echo "WARNING: Retrying (Retry(total=4)) after connection broken"; echo "No matching distribution found"; exit 1',
      "setup.fetch",
      /connection broken/,
    ],
    ["a full disk", 'echo "OSError: [Errno 28] No space left on device"; exit 2', "setup.disk_full", /Free some/],
    ["no fitting wheel", 'echo "ERROR: No matching distribution found"; exit 1', "setup.no_wheel", /no wheel for/],
    ["a broken wheel", "echo broken > torch-2.13.0-py3.whl", "file.zip", /Get the file again/],
  ] as [string, string, string, ...RegExp[]][]
) {
  onMachine(
    `with ${claim} the fetch ends with an error that says so, and leaves nothing half done`,
    async ({ cache, run }) => {
      await assert.rejects(run(), isError(code, ...sentences));
      assert.deepEqual(namesIn(cache).filter((name) => name !== "libtorch"), ["setup.lock"]);
      assert.deepEqual(namesIn(join(cache, "libtorch")), []);
    },
    { pip },
  );
}

onMachine("without python3 the error names it and the ways without it", async ({ dir, run }) => {
  Deno.env.set("PATH", join(dir, "nothing"));
  await assert.rejects(
    run(),
    isError("setup.no_python", /found {3}no python3/, /wanted {2}python3 with/, /--from-wheel FILE/),
  );
});

onMachine(
  "without a compiler the error names the package, and libtorch is kept for the next run",
  async ({ cache, run }) => {
    Deno.env.set("CXX", "/nowhere/g++ -flag");
    await assert.rejects(
      run(),
      isError("setup.no_compiler", /found {3}CXX=\/nowhere\/g\+\+ -flag/, /wanted {2}.* C\+\+20/, /apt install g\+\+/),
    );
    assert.deepEqual(namesIn(join(cache, "libtorch")), ["2.13.0-cpu"]);
    Deno.env.set("CXX", "g++");
    assert.doesNotMatch((await run()).said, /fetch|unpack/);
    Deno.env.set("CXX", "/nowhere/g++");
    assert.equal((await run()).changed, false, "a shim that is there needs no compiler");
  },
);

onMachine(
  "a source that does not compile shows the compiler's words and where its whole log is",
  async ({ cache, run }) => {
    const sources = { "a.cpp": "int good;\n", "b.cpp": "\nint bad = nonsense;\n" };
    await assert.rejects(run({ sources }), isError("setup.compile", /b\.cpp:2:11: error:.*nonsense/s, /failed\.log/));
    assert.match(textOf(join(cache, "shim/failed.log"))!, /^g\+\+ -O2 .*nonsense/s);
    assert.equal((await run()).changed, true);
  },
);

onMachine("a symbol that this libtorch lacks is told when the shim is linked", async ({ run }) => {
  const sources = { ...fakeSources, "b.cpp": "int lacking();\nint used() { return lacking(); }\n" };
  await assert.rejects(run({ sources }), isError("setup.compile", /undefined.*lacking/s, /failed\.log/));
});

onMachine("an abort ends the compiler at once, and the next run starts clean", async ({ dir, cache, run }) => {
  const slow = join(dir, "slow");
  Deno.writeTextFileSync(slow, '#!/bin/sh\n[ "$1" = --version ] && echo slow && exit; sleep 8; exit\n', {
    mode: 0o700,
  });
  Deno.env.set("CXX", slow);
  const start = performance.now();
  await assert.rejects(run({ signal: AbortSignal.timeout(600) }), { name: "TimeoutError" });
  await assert.rejects(run({ signal: AbortSignal.abort() }), { name: "AbortError" });
  assert(performance.now() - start < 6_000, "it waited for what the compiler had started");
  assert.equal(textOf(join(cache, "setup.json")), undefined);
  Deno.env.set("CXX", "g++");
  assert.equal((await run()).changed, true);
});

onMachine("a set-up that was killed leaves nothing that the next one trips over", async ({ dir, cache, run }) => {
  const stuck = join(dir, "stuck");
  Deno.writeTextFileSync(stuck, `#!/bin/sh\n[ "$1" = --version ] && echo stuck && exit; exec sleep 5\n`, {
    mode: 0o700,
  });
  const module = JSON.stringify(import.meta.resolve("../../lib/setup/mod.ts"));
  const options = JSON.stringify({ cache, sources: fakeSources, variant: "cpu" });
  const code = `const { setup } = await import(${module}); for await (const _ of setup(${options})) continue;`;
  const config = `--config=${join(import.meta.dirname!, "../../deno.json")}`;
  const args = ["eval", "--no-check", config, code];
  const child = new Deno.Command(Deno.execPath(), { args, env: { CXX: stuck }, stderr: "null" }).spawn();
  while (!namesIn(join(cache, "tmp")).includes("shim")) await new Promise((resolve) => setTimeout(resolve, 20));
  child.kill("SIGKILL");
  await child.status;
  assert.equal(lockHolder(join(cache, "setup.lock")), child.pid);
  const { said } = await run();
  assert.doesNotMatch(said, /another set-up|unpack/);
  assert.deepEqual(namesIn(cache), ["libtorch", "setup.json", "setup.lock", "shim"]);
});

onMachine("a cache folder that can't be made is an error that names it", async ({ dir, run }) => {
  Deno.writeTextFileSync(join(dir, "file"), "");
  await assert.rejects(
    run({ cache: join(dir, "file/cache") }),
    isError("setup.file", /Not a directory.*file\/cache/, /XDG_CACHE_HOME/),
  );
});

onMachine("a wheel that isn't there is an error that names it", async ({ dir, run }) => {
  await assert.rejects(run({ fromWheel: join(dir, "none.whl") }), isError("setup.file", /No such file.*none\.whl/));
});

onMachine("--variant cuda refuses a wheel without CUDA", async ({ wheel, run }) => {
  await assert.rejects(
    run({ fromWheel: wheel, variant: "cuda" }),
    isError("setup.variant", /build without CUDA\n {2}found {3}2\.13\.0\+cpu\n {2}wanted/, /Give another/),
  );
});

onMachine("a libtorch of another variant or version than wished is passed over", async ({ dir, run }) => {
  await withEnv(bareEnv(dir, { torch: fakeLibtorch(join(dir, "torch"), "2.10.0"), pip: "exit 1" }), async () => {
    await assert.rejects(run(), isError("setup.fetch"));
    fakeLibtorch(join(dir, "torch"), "2.13.0");
    await assert.rejects(run({ variant: "cuda" }), isError("setup.fetch"));
  });
});

onMachine("what a killed set-up has half unpacked is removed by the next one", async ({ cache, run }) => {
  Deno.mkdirSync(join(cache, "tmp/2.13.0-cpu/torch"), { recursive: true });
  Deno.writeTextFileSync(join(cache, "tmp/2.13.0-cpu/torch/version.py"), "half");
  const { libtorch } = await run();
  assert.equal(libtorch.version, "2.13.0+cpu");
  assert.deepEqual(namesIn(cache), ["libtorch", "setup.json", "setup.lock", "shim"]);
});
