import assert from "node:assert/strict";
import { join } from "@std/path";
import { locateShim } from "../../ffi/mod.ts";
import { openTensorFile } from "../../lib/file/mod.ts";

const here = decodeURIComponent(new URL(".", import.meta.url).pathname);
const cases = join(here, "cases");
const whole = join(cases, "first-stage-identity"); // the smallest

async function parity(...folders: string[]): Promise<{ code: number; out: string }> {
  const args = ["run", "-A", "--no-check", "--no-prompt", join(here, "parity.ts"), ...folders];
  const env = { LATENT_SHIM: Deno.env.get("LATENT_SHIM") ?? locateShim(), OMP_WAIT_POLICY: "PASSIVE" };
  const { code, stdout } = await new Deno.Command(Deno.execPath(), { args, env }).output();
  return { code, out: new TextDecoder().decode(stdout) };
}

/** A copy of the smallest case with something done to it. */
function spoilt(below: string, name: string, spoil: (folder: string) => void): string {
  const folder = join(below, name);
  Deno.mkdirSync(folder);
  for (const file of Deno.readDirSync(whole)) Deno.copyFileSync(join(whole, file.name), join(folder, file.name));
  spoil(folder);
  return folder;
}

/** One number of an output becomes another. */
function changeOutput(folder: string): void {
  const path = join(folder, "io.safetensors");
  using file = openTensorFile(path);
  const { offset } = file.entry("out.decode.square");
  const bytes = Deno.readFileSync(path);
  new DataView(bytes.buffer).setFloat32(offset + 40, 7, true);
  Deno.writeFileSync(path, bytes);
}

function addOutput(folder: string): void {
  const path = join(folder, "case.json");
  const facts = JSON.parse(Deno.readTextFileSync(path));
  facts.outputs["out.unheard_of"] = { shape: [1], tolerance_rel_to_max: 1 };
  Deno.writeTextFileSync(path, JSON.stringify(facts));
}

Deno.test("parity passes cases that are the original's, each output beside its tolerance", async () => {
  const { code, out } = await parity(whole, join(cases, "first-stage-kl-f8-attn"));
  assert.equal(code, 0, out);
  assert.match(out, /^ {2}decode_z\.wide +\d\.\de-\d +\d\.\de-\d +5\.0e-5$/m);
  assert.match(out, /^passed {2}first-stage-identity: 6 outputs are the original's/m);
  assert.match(out, /^passed {2}first-stage-kl-f8-attn: 24 outputs are the original's/m);
});

/** The tables that stand here, changed. */
function spoiltTables(below: string, name: string, spoil: (tables: Record<string, unknown>) => unknown): string {
  const path = join(below, name);
  const tables = JSON.parse(Deno.readTextFileSync(join(cases, "schedules.json")));
  Deno.writeTextFileSync(path, JSON.stringify(spoil(tables)));
  return path;
}

Deno.test("parity compares files of tables by their keys: each table, the rows beyond, and keys that nothing compares", async () => {
  const below = await Deno.makeTempDir();
  try {
    const rate = { scheduler: "LambdaLinearScheduler", n: [0, 1] };
    const params = { warm_up_steps: [10], cycle_lengths: [20], f_start: [0], f_max: [1], f_min: [0] };
    const { code, out } = await parity(
      spoiltTables(below, "other-name.json", (tables) => tables),
      spoiltTables(below, "changed.json", () => ({ learning_rate: [{ ...rate, params, multiplier: [0, 0.11] }] })),
      spoiltTables(below, "more.json", ({ betas }) => ({ betas, unheard_of: [] })),
      spoiltTables(below, "empty.json", () => ({})),
    );
    assert.equal(code, 1, out);
    const wanted = [
      /^ {2}cosine\.betas +\d\.\de-\d+ +\d\.\de-\d+ +1\.0e-14 absolute$/m,
      /^passed {2}other-name\.json: 33 outputs are the original's/m,
      /^ {2}beyond: learning_rate\.LambdaLinearScheduler 0$/m,
      /^FAILED {2}changed\.json: 0 outputs .* 1 beyond their tolerance/m,
      /^ {2}compared by nothing: unheard_of$/m,
      /^FAILED {2}more\.json: 8 outputs/m,
      /^FAILED {2}empty\.json: .* holds no tables$/m,
    ];
    for (const line of wanted) assert.match(out, line);
  } finally {
    await Deno.remove(below, { recursive: true });
  }
});

Deno.test("parity fails for an output beyond its tolerance, one compared by nothing, and cases that cannot be run", async () => {
  const below = await Deno.makeTempDir();
  try {
    const truncate = (folder: string) => Deno.truncateSync(join(folder, "model.ckpt"), 600);
    const { code, out } = await parity(
      join(below, "nowhere"),
      spoilt(below, "truncated", truncate),
      spoilt(below, "changed", changeOutput),
      spoilt(below, "more", addOutput),
      whole,
    );
    assert.equal(code, 1, out);
    const wanted = [
      /^FAILED {2}nowhere: .*nowhere holds no case$/m,
      /^ {4}found {3}no such folder$/m,
      /^FAILED {2}truncated: .*model\.ckpt/m,
      /^ {2}decode\.square .* BEYOND$/m,
      /^FAILED {2}changed: 5 outputs .* 1 beyond their tolerance: decode\.square$/m,
      /^ {2}compared by nothing: unheard_of$/m,
      /^FAILED {2}more: 6 outputs .* 1 compared by nothing$/m,
      /^passed {2}first-stage-identity: 6 outputs/m,
    ];
    for (const line of wanted) assert.match(out, line);
  } finally {
    await Deno.remove(below, { recursive: true });
  }
});
