import assert from "node:assert/strict";
import { peer } from "./environment.ts";

const TINY = { requirements: "# nothing\n", alone: "# nothing\n" };

Deno.test("two makers at once make one environment; a later one finds it, and mends what an interrupted one left", async () => {
  const cache = await Deno.makeTempDir();
  const options = { ...TINY, cache: `${cache}/peers`, required: true };
  const [made, same] = await Promise.all([peer(options), peer(options)]);
  assert.deepEqual(made, same);
  const folder = made!.python.replace("/bin/python", "");
  const { ino } = await Deno.stat(folder);
  assert.deepEqual(await peer(options), made);
  assert.equal((await Deno.stat(folder)).ino, ino);
  const { success } = await new Deno.Command(made!.python, { args: ["-I", "-c", "pass"] }).output();
  assert.ok(success);

  await Deno.rename(folder, `${folder}.part`);
  await Deno.remove(`${folder}.part/bin`, { recursive: true });
  assert.deepEqual(await peer(options), made);
  assert.ok((await Deno.stat(made!.python)).isFile);
  await assert.rejects(Deno.stat(`${folder}.part`), Deno.errors.NotFound);
  await Deno.remove(cache, { recursive: true });
});

const failures = [
  ["no Python", { python: "/no/python3" }, "/no/python3"],
  ["a package that is not there", { requirements: "./no-such-folder\n" }, "exit code"],
] as const;

for (const [name, options, named] of failures) {
  Deno.test(`${name}: no peer, or an error where peers are required, and no environment`, async () => {
    const cache = await Deno.makeTempDir();
    const told: string[] = [];
    const { error } = console;
    console.error = (text: string) => void told.push(text);
    try {
      assert.equal(await peer({ ...TINY, ...options, cache, required: false }), undefined);
    } finally {
      console.error = error;
    }
    assert.match(told.join("\n"), /tests against live peers are ignored/);
    assert.ok(told.join("\n").includes(named));
    const required = peer({ ...TINY, ...options, cache, required: true });
    await assert.rejects(required, { code: "peer.environment", message: /needs|need python3/ });
    for await (const { name } of Deno.readDir(cache)) assert.match(name, /\.(part|lock)$/);
    await Deno.remove(cache, { recursive: true });
  });
}
