import { join } from "@std/path";
import assert from "node:assert/strict";
import { findLibtorch, inspect, isSupported, libraryName, locate } from "../../ffi/mod.ts";
import { sha256 } from "../../lib/base/mod.ts";
import { bareEnv, fakeLibtorch, inTempDir, withEnv } from "../setup/fixture.ts";
import { isError } from "../setup/machine.ts";

/** A shim's folder as set-up writes it. */
function fakeShim(cache: string, dir: string, version = "2.13.0+cpu", changes: Record<string, unknown> = {}): string {
  const folder = join(cache, "shim", crypto.randomUUID());
  Deno.mkdirSync(folder, { recursive: true });
  const path = join(folder, libraryName("latent"));
  Deno.writeTextFileSync(path, "a library");
  const rest = { sha256: sha256("a library"), sources: "s1", compiler: "g++", cuda: false, built: 1 };
  Deno.writeTextFileSync(
    join(folder, "manifest.json"),
    JSON.stringify({ libtorch: { dir, version }, ...rest, ...changes }),
  );
  return path;
}

function onBareMachine(
  body: (dir: string, cache: string) => void,
  torch?: (dir: string) => string,
): () => Promise<void> {
  return () =>
    inTempDir((dir) => withEnv(bareEnv(dir, torch ? { torch: torch(dir) } : {}), () => body(dir, join(dir, "cache"))));
}

Deno.test(
  "libtorch is taken from the option, then the environment, then set-up's choice, then the cache, then python3",
  onBareMachine((dir, cache) => {
    const named = (name: string) => fakeLibtorch(join(dir, name), "2.13.0");
    const found = (options = {}) => {
      const { libtorch } = findLibtorch({ cache, ...options });
      return [libtorch?.dir, libtorch?.source];
    };
    assert.deepEqual(found(), [join(dir, "python/torch"), "python"]);
    const cached = fakeLibtorch(join(cache, "libtorch/2.13.0-cpu/torch"));
    assert.deepEqual(found(), [cached, "cache"]);
    const chosen = named("chosen");
    Deno.writeTextFileSync(join(cache, "setup.json"), JSON.stringify({ libtorch: chosen }));
    assert.deepEqual(found(), [chosen, "setup"]);
    Deno.env.set("LATENT_LIBTORCH", named("environment"));
    assert.deepEqual(found(), [join(dir, "environment"), "option"]);
    assert.deepEqual(found({ libtorch: named("option") }), [join(dir, "option"), "option"]);
    Deno.env.delete("LATENT_LIBTORCH");
    Deno.removeSync(chosen, { recursive: true });
    assert.deepEqual(found(), [cached, "cache"]);
  }, (dir) => fakeLibtorch(join(dir, "python/torch"), "2.11.0")),
);

Deno.test(
  "python3 answers in isolation and is not asked when libtorch is elsewhere",
  onBareMachine((dir, cache) => {
    const log = join(dir, "asked");
    Deno.writeTextFileSync(join(dir, "bin/python3"), `#!/bin/sh\necho "$1" >> '${log}'; exit 1\n`, { mode: 0o700 });
    findLibtorch({ cache });
    assert.equal(Deno.readTextFileSync(log), "-I\n");
    fakeLibtorch(join(cache, "libtorch/a/torch"));
    findLibtorch({ cache });
    assert.equal(Deno.readTextFileSync(log), "-I\n");
  }),
);

Deno.test(
  "a torch.py in the current folder is neither run nor taken for PyTorch",
  () =>
    inTempDir(async (dir) => {
      Deno.writeTextFileSync(join(dir, "torch.py"), "open('ran', 'w')");
      const code = `const { findLibtorch } = await import(${
        JSON.stringify(import.meta.resolve("../../ffi/locate.ts"))
      });
        console.log(findLibtorch({ cache: "none" }).looked.at(-1).found)`;
      const args = ["eval", "--no-check", `--config=${import.meta.dirname}/../../deno.json`, code];
      const { stdout } = await new Deno.Command(Deno.execPath(), { args, cwd: dir, env: { LATENT_LIBTORCH: "" } })
        .output();
      assert.match(new TextDecoder().decode(stdout), /no libtorch|2\./);
      assert.deepEqual([...Deno.readDirSync(dir)].map(({ name }) => name), ["torch.py"]);
    }),
);

Deno.test(
  "a wish for a variant passes over the other one, and a version that does not fit is told",
  onBareMachine((dir, cache) => {
    const cpu = fakeLibtorch(join(cache, "libtorch/2.13.0-cpu/torch"));
    assert.equal(findLibtorch({ cache, variant: "cuda" }).libtorch, undefined);
    Deno.writeTextFileSync(join(cpu, "lib", libraryName("torch_cuda")), "");
    assert.equal(findLibtorch({ cache, variant: "cuda" }).libtorch?.variant, "cuda");
    assert.equal(findLibtorch({ cache, variant: "cpu" }).libtorch, undefined);
    fakeLibtorch(cpu, "2.10.0");
    const { libtorch, looked } = findLibtorch({ cache });
    assert.equal(libtorch, undefined);
    assert.deepEqual(looked.map(({ found }) => found), ["2.10.0 (cuda)", "no libtorch"]);
    assert(dir);
  }),
);

for (
  const [version, wanted] of Object.entries({
    "2.10.9": false,
    "2.11.0": true,
    "2.14.1+cu130": true,
    "2.15.0": false,
    "3.13.0": false,
    "x": false,
  })
) {
  Deno.test(`libtorch ${version} is ${wanted ? "supported" : "not supported"}`, () =>
    assert.equal(isSupported(version), wanted));
}

for (
  const [where, file, text] of [
    ["the Python package's version.py", "version.py", "__version__ = '2.12.1+cpu'\ndebug = False\n"],
    ["the C++ distribution's build-version", "build-version", "2.12.1+cpu\n"],
    ["the headers", "include/torch/headeronly/version.h", '#define TORCH_VERSION \\\n  "2.12.1+cpu"\n'],
  ] as const
) {
  Deno.test(`the version of libtorch is read from ${where}`, () =>
    inTempDir((dir) => {
      const torch = fakeLibtorch(join(dir, "torch"));
      Deno.removeSync(join(torch, "version.py"));
      Deno.mkdirSync(join(torch, "include/torch/headeronly"), { recursive: true });
      Deno.writeTextFileSync(join(torch, file), text);
      assert.deepEqual(inspect(dir), { dir: torch, version: "2.12.1+cpu", variant: "cpu" });
      assert.deepEqual(inspect(torch), inspect(dir));
    }));
}

Deno.test(
  "the shim built last for this libtorch is located",
  onBareMachine((_, cache) => {
    const dir = fakeLibtorch(join(cache, "libtorch/a/torch"));
    fakeShim(cache, dir, "2.13.0+cpu", { built: 5 });
    const path = fakeShim(cache, dir, "2.13.0+cpu", { built: 6, sources: "s2" });
    fakeShim(cache, dir, "2.12.0", { built: 7 });
    fakeShim(cache, "/elsewhere", "2.13.0+cpu", { built: 8 });
    const located = locate({ cache });
    assert.equal(located.shim.path, path);
    assert.equal(located.libtorch.dir, dir);
    assert.equal(locate({ cache, sources: "s1" }).shim.built, 5);
    assert.throws(() => locate({ cache, sources: "s3" }), isError("setup.no_shim"));
  }),
);

Deno.test(
  "without libtorch the error lists where it was looked for, and says to run set-up",
  onBareMachine((_, cache) => {
    assert.throws(
      () => locate({ cache }),
      isError("setup.no_libtorch", /cache .*found no libtorch/, /python3/, /latent setup/),
    );
  }),
);

Deno.test(
  "a folder that must be used and has no libtorch, or one of another version, is an error by itself",
  onBareMachine((dir, cache) => {
    fakeLibtorch(join(cache, "libtorch/a/torch"));
    assert.throws(
      () => locate({ cache, libtorch: dir }),
      isError("setup.no_libtorch", /--libtorch names/, /libtorch_cpu/),
    );
    const old = fakeLibtorch(join(dir, "old"), "2.10.0");
    Deno.env.set("LATENT_LIBTORCH", old);
    assert.throws(
      () => locate({ cache }),
      isError("setup.version", /LATENT_LIBTORCH names/, /2\.10\.0/, /2\.11 to 2\.14/),
    );
  }),
);

Deno.test(
  "a libtorch without a shim, of another version than its shim, and a changed shim are told apart",
  onBareMachine((_, cache) => {
    const dir = fakeLibtorch(join(cache, "libtorch/a/torch"));
    assert.throws(() => locate({ cache }), isError("setup.no_shim", /latent setup/));
    const path = fakeShim(cache, dir);
    assert.equal(locate({ cache }).shim.path, path);
    Deno.writeTextFileSync(path, "another library");
    assert.throws(() => locate({ cache }), isError("setup.shim_changed", /SHA-256/, /latent setup/));
    Deno.removeSync(path);
    assert.throws(() => locate({ cache }), isError("setup.shim_changed"));
    fakeLibtorch(dir, "2.14.1");
    assert.throws(
      () => locate({ cache }),
      isError("setup.shim_version", /found {3}2\.14\.1/, /wanted {2}2\.13\.0\+cpu/, /latent setup/),
    );
  }),
);

Deno.test(
  "a damaged setup.json or manifest.json counts as none",
  onBareMachine((_, cache) => {
    const dir = fakeLibtorch(join(cache, "libtorch/a/torch"));
    for (const text of ["", "{", "[]", '{"libtorch":3}', '{"libtorch":"/nowhere"}']) {
      Deno.writeTextFileSync(join(cache, "setup.json"), text);
      assert.equal(findLibtorch({ cache }).libtorch?.dir, dir);
    }
    for (
      const changes of [{ libtorch: 1 }, { libtorch: undefined }, { sha256: 1 }, { built: "x" }, { cuda: 0 }, {
        sources: null,
      }]
    ) {
      fakeShim(cache, dir, "2.13.0+cpu", changes);
    }
    assert.throws(() => locate({ cache }), isError("setup.no_shim"));
  }),
);
