import assert from "node:assert/strict";
import { fromFileUrl, join } from "@std/path";

const script = fromFileUrl(new URL("../../.ci/run", import.meta.url));

/** An `npx` that notes its call and does one of three things for the three calls. */
const npx = (install: string, ok: string, test: string) =>
  `#!/bin/sh
echo "$*" >> "$CALLS"
case "$*" in *install*) ${install} ;; *ok*) ${ok} ;; *) ${test} ;; esac
`;
const green = "echo 'ok | 3 passed (2 steps) | 0 failed | 1 ignored (2s)'";
const red = "echo 'ok | 900 passed | 0 failed (1s)'; echo 'FAILED | 2 passed | 1 failed (2s)'; exit 1";

const rows: [claim: string, install: string, ok: string, test: string, last: string, code: number][] = [
  ["all is well", "true", "true", green, "3 passed, 0 failed", 0],
  ["a test fails", "true", "true", red, "2 passed, 1 failed", 1],
  ["packages are not as the lock has them", "exit 3", "true", green, "3 passed, 1 failed", 1],
  ["the gate fails too", "true", "exit 1", red, "2 passed, 2 failed", 1],
  ["the tests never start", "true", "true", "echo no libtorch; exit 1", "0 passed, 1 failed", 1],
  ["the tests pass and then break down", "true", "true", `${green}; exit 9`, "3 passed, 1 failed", 1],
];
for (const [claim, install, ok, test, last, code] of rows) {
  Deno.test(`.ci/run where ${claim}: ends with "${last}" and ${code}; each test runs once`, async () => {
    const folder = await Deno.makeTempDir();
    const calls = join(folder, "calls");
    await Deno.writeTextFile(join(folder, "npx"), npx(install, ok, test), { mode: 0o700 });
    const env = { PATH: `${folder}:${Deno.env.get("PATH")}`, CALLS: calls };
    const { code: found, stdout } = await new Deno.Command(script, { env, cwd: folder }).output();
    assert.deepEqual([new TextDecoder().decode(stdout).trimEnd().split("\n").at(-1), found], [last, code]);
    const wanted = ["install --frozen", "task ok --no-tests", "task test"].map((task) => `-y deno@2.9.6 ${task}\n`);
    assert.equal(await Deno.readTextFile(calls), wanted.join(""));
    await Deno.remove(folder, { recursive: true });
  });
}
