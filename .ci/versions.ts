/**
 * `deno task check:versions`: whether the shim builds, links and runs with the newest libtorch that is supported, as a
 * build for the CPU and as one for CUDA. Outside CI, since it fetches gigabytes: into dist/versions, where they stay.
 *
 * @module
 */
import { fromFileUrl } from "@std/path";
import type { Shim } from "../ffi/mod.ts";
import { privateFolder } from "../lib/base/mod.ts";
import { setup } from "../lib/setup/mod.ts";
import { pipDownload } from "../lib/setup/pip.ts";

const newest = "torch==2.14.*"; // the index's build for CUDA serves as both
const root = fromFileUrl(new URL("..", import.meta.url));
const folder = privateFolder(root, "dist/versions");

async function wheelOfTorch(): Promise<string> {
  const work = pipDownload(["--no-deps", "--python-version=3.12", newest], folder);
  for (;;) {
    const { done, value } = await work.next();
    if (done) return value[0]!;
  }
}

/** The path of the shim for a variant of the libtorch in a wheel. */
async function build(fromWheel: string, variant: "cpu" | "cuda"): Promise<string> {
  let shim: Shim | undefined;
  for await (const event of setup({ fromWheel, variant, cache: folder })) {
    if ("text" in event) console.log(`${variant}: ${event.text}`);
    if (event.type === "done") shim = event.result?.["shim"] as Shim;
  }
  return shim!.path;
}

/** Runs the tests that compute with tensors on a shim. */
async function test(shim: string): Promise<boolean> {
  const args = ["test", "-A", "--no-check", "test/tensor", "test/optim"];
  return (await new Deno.Command(Deno.execPath(), { args, cwd: root, env: { LATENT_SHIM: shim } }).spawn().status)
    .success;
}

const wheel = await wheelOfTorch();
let failures = 0;
for (const variant of ["cpu", "cuda"] as const) {
  const good = await test(await build(wheel, variant));
  console.log(`${good ? "ok" : "FAILED"}: ${wheel.split("/").at(-1)} as a build for ${variant}`);
  if (!good) failures++;
}
Deno.exit(failures === 0 ? 0 : 1);
