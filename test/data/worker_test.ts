import assert from "node:assert/strict";
import { fromFileUrl, join } from "@std/path";
import { encodePng } from "../../lib/image/mod.ts";

const file = (path: string) => fromFileUrl(new URL(path, import.meta.url));

/** Runs Deno and returns what it wrote to stdout. */
async function deno(args: string[], cwd: string): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

/** Loads as a user's script would: without a guard that keeps a worker from running it. */
const program = `
import { imageFolder, loader } from ${JSON.stringify(new URL("../../lib/data/mod.ts", import.meta.url).href)};
console.log("begin");
for (const name of ["write", "net", "env", "run", "ffi", "sys"]) await Deno.permissions.revoke({ name });
const { train } = await imageFolder("images", { validation: 0 });
for await (const { images } of loader(train, { batchSize: 4, size: 3, order: "file", workers: 2 })) {
  console.log(images.join() === new Uint8Array(images.length).fill(255).join(), images.length);
}
console.log("end");
`;

Deno.test("workers start from a bundle of the whole program, which they don't run again, and need to read only", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(join(folder, "program.ts"), program);
    await Deno.mkdir(join(folder, "run", "images"), { recursive: true });
    const white = await encodePng({ width: 5, height: 3, data: new Uint8ClampedArray(60) });
    for (const name of ["a", "b", "c", "d", "e"]) {
      await Deno.writeFile(join(folder, "run", "images", `${name}.png`), white);
    }
    const config = ["--config", file("../../deno.json"), "--unstable-raw-imports"];
    const bundled = join(folder, "run", "bundle.js");
    await deno(["bundle", "--quiet", ...config, "--output", bundled, join(folder, "program.ts")], folder);
    const expected = "begin\ntrue 108\ntrue 27\nend\n";
    assert.equal(await deno(["run", "-A", "--no-config", bundled], join(folder, "run")), expected);
    assert.equal(await deno(["run", "-A", ...config, join(folder, "program.ts")], join(folder, "run")), expected);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
