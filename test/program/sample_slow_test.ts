import assert from "node:assert/strict";
import { sha256File } from "../../lib/base/mod.ts";
import { decodeImage, encodePng, type Picture, readPngText } from "../../lib/image/mod.ts";
import { recipeOf } from "../../lib/task/mod.ts";
import { latent } from "./latent.ts";
import { inWorkshop, type Workshop, writeModel } from "./workshop.ts";

/** Samples to a folder; the names of what was written. */
async function sampled({ path }: Workshop, out: string, ...args: string[]): Promise<string[]> {
  const all = ["sample", path("model.safetensors"), "--out", path(out), "--steps", "4", "--threads", "1", "--json"];
  const { code, err, events } = await latent([...all, ...args], path());
  assert.equal(code, 0, err);
  return events.flatMap((event) => event.type === "file" ? [event.path] : []).map((file) => file.split("/").pop()!);
}

Deno.test("sample: the same bytes twice, also with eta and PyTorch's noise; --again gives them from the picture alone", () =>
  inWorkshop(async (at) => {
    const { path } = at;
    writeModel(path("model.safetensors"));
    const options = { plain: [], noisy: ["--eta", "1", "--rng", "torch", "--spacing", "leading"] };
    for (const [name, flags] of Object.entries(options)) {
      const args = ["--count", "5", "--batch-size", "2", "--seed", "7", ...flags];
      const names = await sampled(at, name, ...args);
      assert.deepEqual(names, ["seed-7.png", "seed-8.png", "seed-9.png", "seed-10.png", "seed-11.png", "grid.png"]);
      await sampled(at, `${name}-twice`, ...args);
      for (const file of names) assert.deepEqual(read(at, `${name}-twice`, file), read(at, name, file), file);
      for (const file of ["seed-7.png", "seed-10.png", "seed-11.png", "grid.png"]) { // of three batches, and of all
        const { code, err, events } = await latent(
          ["sample", "--again", path(name, file), "--out", path("again"), "--json"],
          path(),
        );
        assert.equal(code, 0, err);
        const done = events.at(-1)!;
        assert.deepEqual([done.type, done.type === "done" && done.result!["same"]], ["done", true], file);
        assert.deepEqual(read(at, "again", file), read(at, name, file), file);
        Deno.removeSync(path("again", file));
      }
    }
    const alone = await sampled(at, "alone", "--count", "1", "--seed", "10");
    assert.deepEqual(alone, ["seed-10.png"]);
    const both = ["alone", "plain"].map((folder) => recipeOf(read(at, folder, "seed-10.png"), ""));
    assert.deepEqual(both.map(({ seed, index, batchSize }) => [seed, index, batchSize]), [[10, 0, 1], [9, 1, 2]]);
  }));

Deno.test("--again ends with 1 where the picture is another, 0 where only its file is; the one made is kept", () =>
  inWorkshop(async (at) => {
    const { path } = at;
    writeModel(path("model.safetensors"));
    await sampled(at, "out");
    const picture = await decodeImage(read(at, "out", "seed-0.png"));
    const texts = readPngText(read(at, "out", "seed-0.png"));
    const changed = { ...picture, data: picture.data.slice() };
    changed.data[41] = (changed.data[41]! + 100) % 200;
    const half = { width: 16, height: 16, data: picture.data.slice(0, 4 * 16 * 16) };
    const cases: [name: string, file: Picture, texts: Record<string, string>, code: number, said: RegExp][] = [
      [
        "changed",
        changed,
        texts,
        1,
        /changed\.png differs from .*\n +found +1 of 1024 pixels are others, by up to \d+ of/,
      ],
      [
        "half",
        half,
        texts,
        1,
        /half\.png differs from .*\n +found +32 × 32 pixels in place of 16 × 16 pixels\n +wanted/,
      ],
      ["saved-again", picture, { ...texts, Title: "mine" }, 0, /saved-again\.png equals .* pixel for pixel\n$/],
    ];
    for (const [name, file, texts, wanted, said] of cases) {
      Deno.writeFileSync(path(`${name}.png`), await encodePng(file, texts));
      const { code, err } = await latent(["sample", "--again", path(`${name}.png`), "--out", path("again")], path());
      assert.match(err, said);
      assert.equal(code, wanted);
      assert.deepEqual(read(at, "again", `${name}.png`), read(at, "out", "seed-0.png"));
    }
  }));

Deno.test("a picture says how it was made and nothing of where or when", () =>
  inWorkshop(async (at) => {
    writeModel(at.path("model.safetensors"));
    await sampled(at, "out", "--count", "3");
    for (const name of ["seed-2.png", "grid.png"]) {
      const bytes = read(at, "out", name);
      assert.equal(recipeOf(bytes, name).model, await sha256File(at.path("model.safetensors")));
      assert.deepEqual(Object.keys(readPngText(bytes)), ["latent", "parameters", "Software"]);
      const text = new TextDecoder("latin1").decode(bytes);
      for (const secret of [at.path(), "/", "tIME", Deno.hostname(), String(new Date().getFullYear())]) {
        assert.ok(!JSON.stringify(readPngText(bytes)).includes(secret), secret);
        if (secret.length > 4) assert.ok(!text.includes(secret), secret);
      }
      assert.ok(!text.includes("tIME"));
    }
  }));

Deno.test("sample never overwrites: the same call again writes beside what is there", () =>
  inWorkshop(async (at) => {
    writeModel(at.path("model.safetensors"));
    await sampled(at, "out", "--count", "2");
    Deno.writeTextFileSync(at.path("out", "seed-1.png"), "mine");
    assert.deepEqual(await sampled(at, "out", "--count", "2"), ["seed-0-2.png", "seed-1-2.png", "grid-2.png"]);
    assert.equal(Deno.readTextFileSync(at.path("out", "seed-1.png")), "mine");
    assert.deepEqual(read(at, "out", "seed-0-2.png"), read(at, "out", "seed-0.png"));
  }));

Deno.test("--again refuses another model, an unknown one, and pictures without a recipe or with a false one", () =>
  inWorkshop(async (at) => {
    const { path } = at;
    writeModel(path("model.safetensors"));
    await sampled(at, "out");
    const picture = path("out", "seed-0.png");
    const again = (...args: string[]) => latent(["sample", ...args, "--out", path("again")], path());

    writeModel(path("other.safetensors"), 1);
    const other = await again(path("other.safetensors"), "--again", picture);
    assert.equal(other.code, 2);
    assert.match(
      other.err,
      /other\.safetensors is not the model that made the picture\n +found +SHA-256 [0-9a-f]{64}\n/,
    );

    Deno.renameSync(path("model.safetensors"), path("moved.safetensors"));
    const gone = await again("--again", picture);
    assert.equal(gone.code, 2);
    assert.match(gone.err, /no model at .*model\.safetensors/);
    Deno.removeSync(path("cache"), { recursive: true });
    const unknown = await again("--again", picture);
    assert.equal(unknown.code, 2);
    assert.match(unknown.err, /not known on this machine[^]*before --again/);
    const named = await again(path("moved.safetensors"), "--again", picture);
    assert.equal(named.code, 0, named.err);

    const recipe = JSON.parse(readPngText(Deno.readFileSync(picture))["latent"]!);
    const white = { width: 2, height: 2, data: new Uint8ClampedArray(16).fill(255) };
    for (const [change, message] of [[{ steps: 1e7 }, /steps/], [{ out: "/etc" }, /unknown key/]] as const) {
      Deno.writeFileSync(path("bad.png"), await encodePng(white, { latent: JSON.stringify({ ...recipe, ...change }) }));
      const bad = await again("--again", path("bad.png"));
      assert.equal(bad.code, 2);
      assert.match(bad.err, message);
    }
    Deno.writeFileSync(path("plain.png"), await encodePng(white));
    assert.match((await again("--again", path("plain.png"))).err, /plain\.png carries no recipe/);
    assert.match((await again("--again", path("no.png"))).err, /no\.png cannot be read/);
    assert.deepEqual([...Deno.readDirSync(path("again"))].map(({ name }) => name), ["seed-0.png"]);
  }));

function read({ path }: Workshop, ...names: string[]): Uint8Array<ArrayBuffer> {
  return Deno.readFileSync(path(...names));
}
