import assert from "node:assert/strict";
import { lockFolder } from "../../lib/file/mod.ts";

const HOLDER = `
  import { lockFolder } from "${new URL("../../lib/file/mod.ts", import.meta.url)}";
  lockFolder(Deno.args[0]);
  console.log("held");
  setInterval(() => {}, 1000);
`;

/** Another process that holds the folder until it is killed. */
async function holder(folder: string): Promise<Deno.ChildProcess> {
  const script = await Deno.makeTempFile({ dir: folder, suffix: ".ts" });
  await Deno.writeTextFile(script, HOLDER);
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const args = ["run", "-A", "--no-check", "--config", config, script, folder];
  const child = new Deno.Command(Deno.execPath(), { args, stdout: "piped" }).spawn();
  const reader = child.stdout.getReader();
  assert.match(new TextDecoder().decode((await reader.read()).value), /held/);
  await reader.cancel();
  return child;
}

Deno.test("a folder in use is refused with the number of the process that holds it; kill -9 lets it go", async () => {
  const folder = await Deno.makeTempDir();
  const child = await holder(folder);
  try {
    assert.throws(() => lockFolder(folder), (error: { code: string; message: string }) => {
      assert.equal(error.code, "run.locked");
      assert.match(error.message, new RegExp(`process ${child.pid}\\b`));
      return true;
    });
  } finally {
    child.kill("SIGKILL");
    await child.status;
  }
  lockFolder(folder)[Symbol.dispose]();
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a folder is held against the same process too, until it is let go", async () => {
  const folder = await Deno.makeTempDir();
  {
    using _held = lockFolder(folder);
    assert.throws(() => lockFolder(folder), { code: "run.locked" });
  }
  lockFolder(folder)[Symbol.dispose]();
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a folder that is not there can't be locked", () => {
  assert.throws(() => lockFolder("/nonexistent/run"), { code: "file.missing" });
});
