import { dirname, join } from "@std/path";
import assert from "node:assert/strict";
import type { Libtorch } from "../../ffi/mod.ts";
import { compileArguments, findCudaHeaders } from "../../lib/setup/compiler.ts";
import { fakeSources, inTempDir, withEnv } from "./fixture.ts";
import { onMachine } from "./machine.ts";

const libtorch: Libtorch = { dir: "/t", version: "2.13.0+cu130", variant: "cuda", source: "cache" };

Deno.test("a CUDA build is linked with its CUDA library, and CUDA's parts are compiled where its headers are", () => {
  const linked = (args: string[]) => args.filter((arg) => arg.startsWith("-l"));
  const cpu = compileArguments("u.cpp", "o.so", { ...libtorch, variant: "cpu" });
  assert.deepEqual(linked(cpu), ["-ltorch_cpu", "-lc10"]);
  const cuda = compileArguments("u.cpp", "o.so", libtorch, "/cuda/include");
  assert.deepEqual(linked(cuda), ["-ltorch_cpu", "-lc10", "-ltorch_cuda", "-lc10_cuda"]);
  assert(cuda.includes("-DLATENT_CUDA=1") && cuda.includes("/cuda/include"));
  assert(!compileArguments("u.cpp", "o.so", libtorch).includes("-DLATENT_CUDA=1"));
});

Deno.test("CUDA's headers are looked for in CUDA_HOME, then beside libtorch, then at nvcc, and only for a CUDA build", () =>
  inTempDir((dir) => {
    const withHeaders = (path: string) => {
      Deno.mkdirSync(join(dir, path), { recursive: true });
      Deno.writeTextFileSync(join(dir, path, "cuda_runtime_api.h"), "");
      return join(dir, path);
    };
    const torch = { ...libtorch, dir: join(dir, "site/torch") };
    Deno.mkdirSync(join(dir, "toolkit/bin"), { recursive: true });
    Deno.writeTextFileSync(join(dir, "toolkit/bin/nvcc"), "");
    return withEnv({ CUDA_HOME: join(dir, "home"), PATH: join(dir, "toolkit/bin") }, () => {
      assert.equal(findCudaHeaders(torch), undefined);
      for (const path of ["toolkit/include", "site/nvidia/cu13/include", "home/include"]) {
        const wanted = withHeaders(path);
        assert.equal(findCudaHeaders(torch), wanted);
      }
      assert.equal(findCudaHeaders({ ...torch, variant: "cpu" }), undefined);
    });
  }));

onMachine(
  "CUDA's parts come into the shim of a CUDA build, and a shim without them is built anew",
  async ({ dir, run, wheel }) => {
    Deno.mkdirSync(join(dir, "home/include"), { recursive: true });
    Deno.writeTextFileSync(join(dir, "home/include/cuda_runtime_api.h"), "#define FAKE_CUDA 1\n");
    const sources = {
      ...fakeSources,
      "cuda/part.cpp":
        '#include <cuda_runtime_api.h>\n#include "../fake.h"\nint part = FAKE_CUDA + LATENT_CUDA + FAKE_ABI;\n',
    };
    await withEnv({ CUDA_HOME: join(dir, "home") }, async () => {
      const { shim } = await run({ sources, fromWheel: wheel, variant: "auto" });
      assert.equal(shim.cuda, true);
      assert.equal((await run({ sources, variant: "auto" })).changed, false);
      const manifest = join(dirname(shim.path), "manifest.json");
      Deno.writeTextFileSync(manifest, Deno.readTextFileSync(manifest).replace('"cuda": true', '"cuda": false'));
      assert.match((await run({ sources, variant: "auto" })).said, /compile/);
    });
    assert.equal(
      (await run({ sources: fakeSources, variant: "auto" })).shim.cuda,
      false,
      "no parts, nothing to compile",
    );
  },
  { torch: { withCuda: true }, pip: "true" },
);
