import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { fromFileUrl, join } from "@std/path";
import { decodeImage } from "../../lib/image/mod.ts";
import { peer } from "../peer/environment.ts";
import { colours } from "./colours.ts";

const here = (path: string) => fromFileUrl(new URL(path, import.meta.url));
const found = await peer();

/** A notebook, as far as this test reads it. */
interface Notebook {
  cells: { outputs?: { data?: Record<string, string | string[]> }[] }[]; // some texts as lines
}

async function run(program: string, args: string[], env: Record<string, string>): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args, env: { NO_COLOR: "1", ...env } }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

Deno.test(
  { name: "the notebook runs in Deno's kernel and shows its images", ignore: found === undefined },
  async () => {
    const folder = await Deno.makeTempDir();
    try {
      const env = { XDG_DATA_HOME: folder, LATENT_EXAMPLE_MINUTES: "0.05" }; // Jupyter's kernels are below the former
      const result = join(folder, "executed.ipynb");
      await run(Deno.execPath(), ["jupyter", "--install"], env);
      await run(found!.python, [here("execute.py"), here("../../examples/emoji.ipynb"), result], env);
      const { cells } = JSON.parse(await Deno.readTextFile(result)) as Notebook;
      const shown = cells.flatMap(({ outputs = [] }) =>
        outputs.flatMap(({ data }) => data === undefined ? [] : [data])
      );
      const images = shown.flatMap((data) => data["image/png"] ?? []);
      assert.equal(images.length, 5, "data, two losses, reconstructions, samples");
      for (const image of images) assert.ok(colours(await decodeImage(Buffer.from(image, "base64"))) > 16);
      assert.ok(shown.some((data) => `${data["text/html"]}`.includes("float32 [4, 3] on cpu")));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);

Deno.test("the script trains and writes its picture", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await run(Deno.execPath(), ["run", "-A", here("../../examples/emoji.ts"), folder], {
      LATENT_EXAMPLE_MINUTES: "0.05",
    });
    assert.ok(colours(await decodeImage(await Deno.readFile(join(folder, "samples.png")))) > 16);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
