import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { loadTensors, SafetensorsFile } from "../../lib/file/mod.ts";
import { scope } from "../../lib/tensor/mod.ts";
import { device, slack } from "../device.ts";
import { leakFree } from "../leak.ts";
import { type LpipsFacts, lpipsOutputs } from "./lpips.ts";

const folder = decodeURIComponent(new URL("cases/lpips-vgg-formula", import.meta.url).pathname);

Deno.test(
  "lpips-vgg-formula: features, distances and gradients are the original's, with dropout and without",
  leakFree(() =>
    scope(() => {
      const facts: LpipsFacts = JSON.parse(readFileSync(`${folder}/case.json`, "utf8"));
      using file = SafetensorsFile.open(`${folder}/io.safetensors`);
      const io = loadTensors(file, { device });
      const outputs = lpipsOutputs(facts, io, device);
      assert.deepEqual([...outputs.keys()].map((name) => `out.${name}`).sort(), Object.keys(facts.outputs).sort());
      for (const [name, got] of outputs) {
        const wanted = io.get(`out.${name}`)!;
        assert.deepEqual(got.shape, wanted.shape, name);
        const error = got.sub(wanted).abs().amax().item() / wanted.abs().amax().item();
        assert.ok(error <= facts.outputs[`out.${name}`]!.tolerance_rel_to_max * slack, `${name}: ${error}`);
      }
    })
  ),
);
