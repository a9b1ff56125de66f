import { deepEqual, equal } from "node:assert/strict";
import plugin, { badImport } from "../../.ci/lint.ts";

function messages(file: string, source: string): string[] {
  return Deno.lint.runPlugin(plugin, file, source).map(({ id, message }) => `${id}: ${message}`);
}

const directions: [from: string, to: string, allowed: boolean][] = [
  ["lib/base/error.ts", "ffi/mod.ts", false],
  ["ffi/call.ts", "lib/base/mod.ts", true],
  ["ffi/call.ts", "lib/tensor/mod.ts", false],
  ["lib/tensor/tensor.ts", "ffi/mod.ts", true],
  ["lib/tensor/tensor.ts", "lib/base/mod.ts", true], // what ffi may import, tensor may
  ["lib/tensor/tensor.ts", "lib/nn/mod.ts", false],
  ["lib/optim/adam.ts", "lib/tensor/mod.ts", true],
  ["lib/diffusion/samplers/ddim.ts", "lib/tensor/mod.ts", true],
  ["lib/diffusion/samplers/ddim.ts", "lib/diffusion/schedule.ts", true],
  ["lib/diffusion/samplers/ddim.ts", "lib/model/mod.ts", false],
  ["lib/model/unet.ts", "lib/file/mod.ts", false],
  ["lib/model/unet.ts", "lib/nn/mod.ts", true],
  ["lib/data/loader.ts", "lib/model/mod.ts", false],
  ["lib/data/loader.ts", "lib/image/mod.ts", true],
  ["lib/metric/psnr.ts", "lib/file/mod.ts", false],
  ["lib/task/inpaint.ts", "lib/diffusion/mod.ts", true],
  ["lib/task/evaluate_images.ts", "lib/metric/mod.ts", true],
  ["lib/train/loop.ts", "lib/metric/mod.ts", true],
  ["lib/setup/shim.ts", "lib/tensor/mod.ts", false],
  ["lib/cli/commands/sample.ts", "lib/train/mod.ts", true],
  ["lib/cli/commands/sample.ts", "lib/train/loop.ts", false],
  ["lib/train/loop.ts", "lib/cli/mod.ts", false],
  ["cli.ts", "lib/cli/mod.ts", true],
  ["mod.ts", "lib/cli/mod.ts", false],
  ["mod.ts", "lib/nn/mod.ts", true],
  ["mod.ts", "lib/nn/module.ts", false],
  ["lib/nn/module.ts", "lib/tensor/tensor.ts", false],
  ["lib/nn/module.ts", "deno.json", true],
  ["examples/train.ts", "lib/nn/module.ts", false],
  ["test/nn/module_test.ts", "lib/nn/module.ts", true],
  ["bench/add.ts", "ffi/call.ts", true],
];
for (const [from, to, allowed] of directions) {
  Deno.test(`${from} ${allowed ? "may" : "may not"} import ${to}`, () =>
    equal(badImport(from, to) === undefined, allowed));
}

const forms = [
  `import { a } from "../model/mod.ts";`,
  `import type { A } from "../model/mod.ts";`,
  `export { a } from "../model/mod.ts";`,
  `export * from "../model/mod.ts";`,
  `const a = await import("../model/mod.ts");`,
];
for (const form of forms) {
  Deno.test(`the direction of ${form.split(" ", 3).join(" ")} … is looked at`, () => {
    deepEqual(messages("lib/diffusion/schedule.ts", form), [
      "latent/import-directions: diffusion may import tensor, ffi, base; not model",
    ]);
    deepEqual(messages("lib/diffusion/schedule.ts", form.replace("../model/mod.ts", "npm:model")), []);
  });
}

Deno.test("a file is known by its absolute path too, as deno lint gives it", () => {
  const file = new URL("../../lib/model/unet.ts", import.meta.url).pathname;
  equal(messages(file, `import "../file/mod.ts";`).length, 1);
});

const foreign: [source: string, word: string][] = [
  [`Deno.dlopen("x", {});`, "Deno.dlopen"],
  [`Deno["dlopen"]("x", {});`, "Deno.dlopen"],
  [`const { dlopen } = Deno;`, "Deno.dlopen"],
  [`Deno.UnsafePointer.of(bytes);`, "Deno.UnsafePointer"],
  [`new Deno.UnsafePointerView(p);`, "Deno.UnsafePointerView"],
  [`new Deno.UnsafeCallback(d, f);`, "Deno.UnsafeCallback"],
  [`let p: Deno.PointerValue;`, "Deno.PointerValue"],
  [`const symbol = { result: "pointer" };`, `"pointer"`],
];
for (const [source, word] of foreign) {
  Deno.test(`outside ffi/ nobody says ${source}`, () => {
    deepEqual(messages("lib/tensor/tensor.ts", source), [`latent/ffi-words: only ffi/ says ${word}`]);
    deepEqual(messages("ffi/open.ts", source), []);
  });
}

Deno.test("ordinary words of Deno may be said anywhere", () => {
  deepEqual(messages("lib/tensor/tensor.ts", `Deno.open("x"); const { args } = Deno; element.onpointerdown = f;`), []);
});

Deno.test("mod.ts re-exports and defines nothing", () => {
  deepEqual(messages("mod.ts", `export { a } from "./lib/nn/mod.ts"; export * from "./lib/base/mod.ts";`), []);
  equal(messages("mod.ts", `export const a = 1;`).length, 1);
  equal(messages("lib/nn/mod.ts", `export const a = 1;`).length, 0);
});
