import { join } from "@std/path";
import assert from "node:assert/strict";
import {
  bytesBelow,
  cacheFolder,
  freeBytes,
  LatentError,
  lockHolder,
  namesIn,
  privateFolder,
  recordIn,
  replaceTextFile,
  tryLock,
} from "../../lib/base/mod.ts";
import { inTempDir, withEnv } from "../setup/fixture.ts";

const platformCache = { darwin: "/h/Library/Caches/latent" }[Deno.build.os as string] ?? "/h/.cache/latent";

for (
  const [claim, XDG_CACHE_HOME, wanted] of [
    ["is below XDG_CACHE_HOME", "/x/y", "/x/y/latent"],
    ["is the platform's without XDG_CACHE_HOME", undefined, platformCache],
    ["ignores an empty XDG_CACHE_HOME", "", platformCache],
    ["ignores a relative XDG_CACHE_HOME", "x", platformCache],
  ] as const
) {
  Deno.test(`the cache folder ${claim}`, async () => {
    assert.equal(await withEnv({ XDG_CACHE_HOME, HOME: "/h" }, cacheFolder), wanted);
  });
}

Deno.test("without a home there is no cache folder, and the error says what to set", async () => {
  await withEnv({ XDG_CACHE_HOME: undefined, HOME: undefined }, () => {
    assert.throws(cacheFolder, (error) => error instanceof LatentError && /Set XDG_CACHE_HOME/.test(error.message));
  });
});

Deno.test("cache folders and files are for their owner alone", () =>
  inTempDir((dir) => {
    assert.equal(Deno.statSync(privateFolder(dir, "a", "b")).mode! & 0o777, 0o700);
    assert.equal(Deno.statSync(join(dir, "a")).mode! & 0o777, 0o700);
    replaceTextFile(join(dir, "a/f"), "x");
    assert.equal(Deno.statSync(join(dir, "a/f")).mode! & 0o777, 0o600);
  }));

Deno.test("a text file is replaced whole and leaves nothing else behind", () =>
  inTempDir((dir) => {
    const path = join(dir, "a.json");
    for (const text of ['{"a":1}', "[]", "{", ""]) {
      replaceTextFile(path, text);
      assert.equal(Deno.readTextFileSync(path), text);
      assert.deepEqual(namesIn(dir), ["a.json"]);
    }
    replaceTextFile(path, '{"a":1}');
    assert.deepEqual(recordIn(path), { a: 1 });
    for (const text of ["", "{", "null", "3", '"a"']) {
      replaceTextFile(path, text);
      assert.equal(recordIn(path), undefined, text);
    }
    assert.equal(recordIn(join(dir, "none")), undefined);
  }));

Deno.test("a lock has one holder at a time, whose number can be read", () =>
  inTempDir((dir) => {
    const path = join(dir, "lock");
    assert.equal(lockHolder(path), undefined);
    {
      using first = tryLock(path);
      assert(first);
      assert.equal(tryLock(path), undefined);
      assert.equal(lockHolder(path), Deno.pid);
    }
    using second = tryLock(path);
    assert(second);
  }));

Deno.test("the lock of a process that was killed is free", () =>
  inTempDir(async (dir) => {
    const path = join(dir, "lock");
    const module = JSON.stringify(import.meta.resolve("../../lib/base/cache.ts"));
    const code = `const { tryLock } = await import(${module}); tryLock(${
      JSON.stringify(path)
    }); setInterval(() => {}, 1e6);`;
    const child = new Deno.Command(Deno.execPath(), { args: ["eval", "--no-check", code], stderr: "null" }).spawn();
    while (lockHolder(path) !== child.pid) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(tryLock(path), undefined);
    child.kill("SIGKILL");
    await child.status;
    using lock = tryLock(path);
    assert(lock);
  }));

Deno.test("bytes below a folder are those of its files; links are not followed", () =>
  inTempDir((dir) => {
    privateFolder(dir, "a");
    Deno.writeTextFileSync(join(dir, "a/f"), "12345");
    Deno.writeTextFileSync(join(dir, "g"), "123");
    const before = bytesBelow(dir);
    Deno.symlinkSync("/", join(dir, "a/link"));
    assert(bytesBelow(dir) - before < 100);
    assert.equal(before, 8);
    assert.equal(bytesBelow(join(dir, "none")), 0);
    assert(freeBytes(dir) > 0);
  }));
