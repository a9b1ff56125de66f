import { join } from "@std/path";
import assert from "node:assert/strict";
import { locate } from "../../ffi/mod.ts";
import { namesIn } from "../../lib/base/mod.ts";
import { bareEnv, fakeSources, fakeTorch, fakeWheel, withEnv } from "./fixture.ts";
import { isError, onMachine } from "./machine.ts";

onMachine("set-up fetches libtorch, compiles the shim, and both are located", async ({ cache, run }) => {
  const { said, libtorch, shim, changed } = await run();
  assert.match(said, /fetch libtorch 2\.13\.0 \(cpu\)\nunpack libtorch .*\n.*\ncompile the shim .*g\+\+/);
  assert.equal(changed, true);
  assert.equal(libtorch.dir, join(cache, "libtorch/2.13.0-cpu/torch"));
  assert.deepEqual(namesIn(cache), ["libtorch", "setup.json", "setup.lock", "shim"]);
  assert.deepEqual(locate({ cache }).shim, shim);
  assert.match(new TextDecoder().decode(Deno.readFileSync(shim.path)), /latent_abi/);
  for (const folder of [cache, join(cache, "shim"), libtorch.dir]) {
    assert.equal(Deno.statSync(folder).mode! & 0o777, 0o700);
  }
});

onMachine(
  "a second set-up finds everything, changes nothing and says nothing but that it is done",
  async ({ cache, run }) => {
    const first = await run();
    const written = Deno.statSync(join(cache, "setup.json")).mtime;
    const second = await run();
    assert.equal(second.events.length, 1);
    assert.equal(second.changed, false);
    assert.deepEqual(second.shim, first.shim);
    assert.deepEqual(Deno.statSync(join(cache, "setup.json")).mtime, written);
  },
);

onMachine(
  "of two at once one works and the other waits, says so, and uses what the first made",
  async ({ cache, run }) => {
    const [first, second] = await Promise.all([run(), run()]);
    assert.match(second.said, new RegExp(`another set-up is at work \\(process ${Deno.pid}\\)`));
    assert.doesNotMatch(second.said, /compile|unpack/);
    assert.deepEqual(second.shim, first.shim);
    assert.equal(namesIn(join(cache, "shim")).length, 1);
  },
);

onMachine(
  "changed sources, another version of libtorch and a damaged shim each build the shim anew",
  async ({ cache, run }) => {
    const { libtorch, shim } = await run();
    const changed = await run({ sources: { ...fakeSources, "fake.h": "#define FAKE_ABI 8\n" } });
    assert.notEqual(changed.shim.path, shim.path);
    Deno.writeTextFileSync(shim.path, "damaged");
    assert.match((await run()).said, /compile/);
    assert.equal((await run()).changed, false);
    Deno.writeTextFileSync(join(libtorch.dir, "version.py"), "__version__ = '2.14.0'\n");
    assert.throws(
      () => locate({ cache }),
      isError("setup.shim_version", /found {3}2\.14\.0\n {2}wanted {2}2\.13\.0\+cpu\nRun `latent setup`/),
    );
    assert.match((await run()).said, /compile the shim for libtorch 2\.14\.0/);
    assert.equal(locate({ cache }).shim.libtorch.version, "2.14.0");
  },
);

onMachine("a wheel is unpacked without python3 or pip, once", async ({ cache, wheel, run }) => {
  assert.match((await run({ fromWheel: wheel })).said, /^unpack libtorch 2\.13\.0\+cpu/);
  assert.doesNotMatch((await run({ fromWheel: wheel })).said, /unpack/);
  Deno.writeFileSync(wheel, await fakeTorch({ files: { "torch/include/more.h": "" } }));
  assert.match((await run({ fromWheel: wheel })).said, /unpack/);
  assert(Deno.statSync(join(cache, "libtorch/2.13.0-cpu/torch/include/more.h")).isFile);
  assert.deepEqual(namesIn(cache), ["libtorch", "setup.json", "setup.lock", "shim"]);
}, { pip: "exit 1" });

onMachine(
  "a folder named once is remembered; one that the environment names is not",
  async ({ dir, cache, wheel, run }) => {
    await run({ fromWheel: wheel });
    const copy = join(dir, "copy");
    Deno.renameSync(join(cache, "libtorch"), copy);
    const libtorch = join(copy, "2.13.0-cpu/torch");
    await withEnv({ LATENT_LIBTORCH: libtorch }, () => run());
    assert.throws(() => locate({ cache }), isError("setup.no_libtorch"));
    await run({ libtorch });
    assert.equal(locate({ cache }).libtorch.dir, libtorch);
    await assert.rejects(run({ libtorch, fromWheel: wheel }), isError("usage.conflict"));
  },
  { pip: "exit 1" },
);

onMachine("the torch of python3 is used when it fits, and nothing is fetched", async ({ dir, cache, wheel, run }) => {
  await run({ fromWheel: wheel });
  Deno.renameSync(join(cache, "libtorch/2.13.0-cpu"), join(dir, "site-packages"));
  await withEnv(bareEnv(dir, { torch: join(dir, "site-packages/torch") }), async () => {
    const { libtorch } = await run();
    assert.deepEqual([libtorch.dir, libtorch.source], [join(dir, "site-packages/torch"), "python"]);
  });
  assert.equal(locate({ cache }).libtorch.source, "setup");
}, { pip: "exit 1" });

onMachine(
  "the CPU build is preferred; where an index has none, another Python's and a CUDA build serve",
  async ({ dir, run }) => {
    await run();
    const asked = Deno.readTextFileSync(join(dir, "asked")).trim().split("\n");
    assert.deepEqual(asked, [
      "torch==2.13.0+cpu",
      "torch==2.13.0",
      "--python-version=3.12 torch==2.13.0+cpu",
      "--python-version=3.12 torch==2.13.0",
    ]);
  },
  {
    pip: `shift 10; echo "$*" >> ../../../../asked
    case "$*" in *3.12*0) cp "$WHEEL" . ;; *) echo "ERROR: No matching distribution found for $1"; exit 1 ;; esac`,
  },
);

onMachine(
  "a CUDA build used for the CPU gets its two nvidia packages and leaves CUDA's libraries out",
  async ({ dir, run }) => {
    Deno.writeFileSync(
      join(dir, "nvidia.whl"),
      fakeWheel({ "nvidia/cu13/lib/libcupti.so.13": "x", "nvidia/a.py": "" }),
    );
    const { libtorch } = await run();
    assert.equal(libtorch.variant, "cpu");
    assert(Deno.statSync(join(libtorch.dir, "../nvidia/cu13/lib/libcupti.so.13")).isFile);
    assert.deepEqual(namesIn(join(libtorch.dir, "lib")).filter((name) => name.includes("cuda")), []);
    assert.match(Deno.readTextFileSync(join(dir, "asked")), /cuda-toolkit\[cudart,cupti\]==13/);
  },
  {
    pip:
      'echo "$*" >> ../../../../asked; case "$*" in *cuda-toolkit*) cp ../../../../nvidia.whl . ;; *) cp "$WHEEL" . ;; esac',
    torch: {
      version: "2.13.0+cu130",
      withCuda: true,
      requires: "Requires-Dist: cuda-toolkit[cublas,cudart,cupti]==13.0.3\n",
    },
  },
);
