import { join } from "@std/path";
import assert from "node:assert/strict";
import { LatentError } from "../../lib/base/mod.ts";
import { doctor, type DoctorReport, nativeSources, renderDoctor } from "../../lib/setup/mod.ts";
import { buildShim } from "../../lib/setup/shim.ts";
import { bareEnv, fakeLibtorch, inTempDir, withEnv } from "./fixture.ts";

const report: DoctorReport = {
  ready: false,
  deno: { version: "2.9.5", pinned: "2.9.6", target: "t" },
  compiler: { command: ["ccache", "g++"], version: "g++ 12" },
  libtorch: { dir: "/t", version: "2.13.0+cpu", variant: "cpu", source: "python" },
  looked: [{ place: "cache /c", found: "no libtorch" }, { place: "torch of python3 /t", found: "2.13.0+cpu (cpu)" }],
  shim: undefined,
  cudaHeaders: undefined,
  devices: undefined,
  threads: { cores: 2, OMP_NUM_THREADS: undefined },
  cache: [{ path: "/c/libtorch", bytes: 507_000_001 }, { path: "/c/shim", bytes: 0 }],
  complaints: [{ what: "the shim for this libtorch is not built", mend: "Run `latent setup`, which compiles it." }],
};

Deno.test("the report reads as a table with what to do at its end", () => {
  assert.equal(
    renderDoctor(report),
    `Deno          2.9.5 for t (tested with 2.9.6)
compiler      g++ 12 (ccache g++)
libtorch      2.13.0+cpu in /t
variant       cpu
looked at     cache /c: no libtorch
              torch of python3 /t: 2.13.0+cpu (cpu)
shim          missing
CUDA headers  none
devices       unknown
threads       2 cores, OMP_NUM_THREADS not set
cache         /c/libtorch (508 MB)
              /c/shim (0 MB)

not ready:

the shim for this libtorch is not built
  Run \`latent setup\`, which compiles it.`,
  );
});

Deno.test("on a bare machine the doctor says where it looked and what to do about each thing", () =>
  inTempDir((dir) =>
    withEnv({ ...bareEnv(dir), CXX: "/nowhere/g++" }, async () => {
      const report = await doctor({ cache: join(dir, "cache"), devices: () => assert.fail("nothing to open") });
      assert.equal(report.ready, false);
      assert.deepEqual([report.libtorch, report.shim, report.compiler, report.devices], [
        undefined,
        undefined,
        undefined,
        undefined,
      ]);
      assert.deepEqual(report.looked.map(({ found }) => found), ["no libtorch", "no libtorch"]);
      const text = renderDoctor(report);
      for (
        const sentence of [/libtorch was not found\n {2}Run `latent setup`/, /no C\+\+ compiler/, /apt install g\+\+/]
      ) {
        assert.match(text, sentence);
      }
      assert.deepEqual([...Deno.readDirSync(dir)].map(({ name }) => name), ["bin"], "the doctor changes nothing");
    })
  ));

Deno.test("a libtorch that does not fit is a complaint, not the end of the report", () =>
  inTempDir((dir) =>
    withEnv({ ...bareEnv(dir), LATENT_LIBTORCH: fakeLibtorch(join(dir, "torch"), "2.9.1") }, async () => {
      const { complaints, ready } = await doctor({ cache: join(dir, "cache") });
      assert.equal(ready, false);
      assert.match(complaints[0]!.what, /LATENT_LIBTORCH names .* \(found 2\.9\.1; wanted 2\.11 to 2\.14\)$/);
    })
  ));

Deno.test("with libtorch and the shim the doctor names the devices, or says why they can't be named", () =>
  inTempDir((dir) =>
    withEnv({ ...bareEnv(dir), CXX: fakeCompiler(dir) }, async () => {
      const cache = join(dir, "cache");
      const torch = fakeLibtorch(join(cache, "libtorch/2.13.0-cpu/torch"));
      const libtorch = { dir: torch, version: "2.13.0+cpu", variant: "cpu", source: "cache" } as const;
      await Array.fromAsync(buildShim(nativeSources, libtorch, cache, join(dir, "tmp")));
      const good = await doctor({ cache, devices: () => ["cpu"] });
      assert.deepEqual([good.ready, good.devices], [true, ["cpu"]]);
      assert.match(renderDoctor(good), /devices {7}cpu\n(.*\n)*\nready/);
      const devices = () => {
        throw new LatentError("setup.open", { what: "the shim can't be opened", mend: "Build it." });
      };
      const { ready, complaints } = await doctor({ cache, devices });
      assert.deepEqual([ready, complaints], [false, [{ what: "the shim can't be opened", mend: "Build it." }]]);
    })
  ));

Deno.test("a shim that does not fit what is here now is a complaint that says in what", () =>
  inTempDir((dir) =>
    withEnv({ ...bareEnv(dir), CXX: fakeCompiler(dir) }, async () => {
      const cache = join(dir, "cache");
      const torch = fakeLibtorch(join(cache, "libtorch/2.13.0-cpu/torch"));
      const libtorch = { dir: torch, version: "2.13.0+cpu", variant: "cpu", source: "cache" } as const;
      const complaint = async () => (await doctor({ cache })).complaints.map(({ what }) => what).join();
      assert.equal(await complaint(), "the shim for this libtorch is not built");
      await Array.fromAsync(buildShim({ ...nativeSources, "call.cpp": "" }, libtorch, cache, join(dir, "tmp")));
      assert.match(await complaint(), /^the shim was built from other sources than those of this version/);
      await Array.fromAsync(buildShim(nativeSources, libtorch, cache, join(dir, "tmp")));
      assert.equal(await complaint(), "");
      Deno.env.set("CXX", fakeCompiler(dir, "another"));
      assert.match(await complaint(), /^the shim is damaged, or was built with another compiler/);
      fakeLibtorch(torch, "2.14.0");
      assert.equal(await complaint(), "the shim was built for another libtorch");
    })
  ));

/** A compiler that writes an empty file, for sources that want a real libtorch. */
function fakeCompiler(dir: string, version = "fake"): string {
  const path = join(dir, version);
  const script = `#!/bin/sh
if [ "$1" = --version ]; then echo ${version}; exit; fi
while [ "$1" != -o ]; do shift; done
: > "$2"
`;
  Deno.writeTextFileSync(path, script, { mode: 0o700 });
  return path;
}
