import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { peerTest } from "./peer.ts";

const shared = new URL("../../../shared/", import.meta.url);
const goldens = Deno.env.get("LATENT_GOLDENS") ?? new URL("goldens", shared).pathname;
const released = new URL("reference/compvis/", shared).pathname;

type Outputs = { errors: Record<string, number>; tolerances: Record<string, number> };

for (const name of ["ldm-unconditional", "ldm-kl-std", "ldm-x0", "ldm-pixel"]) {
  const folder = `${goldens}/${name}`;
  peerTest(`the benchmarks' U-Net gives the original's output: ${name}`, async (peer) => {
    const { errors, tolerances } = (await peer.call<Outputs>("goldens.unet_outputs", { folder })).json;
    for (const [layout, error] of Object.entries(errors)) assert.ok(error <= tolerances["eps"]!, `${layout}: ${error}`);
  }, !existsSync(folder));
}

for (const name of ["first-stage-kl-f4", "first-stage-kl-f8-attn"]) {
  const folder = `${goldens}/${name}`;
  peerTest(`the benchmarks' autoencoder gives the original's outputs: ${name}`, async (peer) => {
    const { errors, tolerances } = (await peer.call<Outputs>("goldens.autoencoder_outputs", { folder })).json;
    for (const [output, error] of Object.entries(errors)) {
      assert.ok(error <= tolerances[output]!, `${output}: ${error}`);
    }
  }, !existsSync(folder));
}

const configs = [
  "models/ldm/celeba256/config.yaml",
  "models/ldm/lsun_churches256/config.yaml",
  "models/ldm/inpainting_big/config.yaml",
  "models/first_stage_models/kl-f4/config.yaml",
  "models/first_stage_models/kl-f16/config.yaml",
];

peerTest("the benchmarks' networks have the names and shapes of the released ones, in their order", async (peer) => {
  const all = JSON.parse(await Deno.readTextFile(`${released}state-dict-shapes.json`));
  for (const name of configs) {
    const { json } = await peer.call("goldens.names", { config: released + name, shapes: all[name].shapes });
    assert.deepEqual(json, { equal: true }, name);
  }
}, !existsSync(released));
