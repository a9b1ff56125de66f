import assert from "node:assert/strict";
import manifest from "../deno.json" with { type: "json" };

function testsBelow(folder: URL): URL[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
    if (isDirectory) return testsBelow(new URL(`${name}/`, folder));
    return name.endsWith("_test.ts") ? [new URL(name, folder)] : [];
  });
}

Deno.test("the task test:cuda runs the tests that honour LATENT_TEST_DEVICE, and no others", () => {
  const here = new URL(".", import.meta.url);
  const honouring = testsBelow(here).filter((file) =>
    /from "[./]+\/(device|golden)\.ts"/.test(Deno.readTextFileSync(file))
  );
  const named = manifest.tasks["test:cuda"].match(/test\/\S+_test\.ts/g)!;
  assert.deepEqual(
    named.sort(),
    honouring.map(({ pathname }) => `test/${pathname.slice(here.pathname.length)}`).sort(),
  );
  assert.ok(named.length > 0);
});

Deno.test("a device that is not there is an error before any test runs", async () => {
  const before = Deno.env.get("LATENT_TEST_DEVICE");
  Deno.env.set("LATENT_TEST_DEVICE", "cuda:99");
  try {
    await assert.rejects(import("./device.ts?absent"), { code: "usage.device" });
  } finally {
    if (before === undefined) Deno.env.delete("LATENT_TEST_DEVICE");
    else Deno.env.set("LATENT_TEST_DEVICE", before);
  }
});
