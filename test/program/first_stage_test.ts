import assert from "node:assert/strict";
import { decodeImage, encodePng } from "../../lib/image/mod.ts";
import { randn } from "../../lib/tensor/mod.ts";
import { Generator } from "../../lib/tensor/mod.ts";
import { tensorSources, writeSafetensors } from "../../lib/file/mod.ts";
import { leakFree } from "../leak.ts";
import { latent, watch } from "./latent.ts";
import { inWorkshop, writeFirstStage, writePicture } from "./workshop.ts";

Deno.test("latent reconstruct: a picture beside each original and a table; nothing is overwritten", () =>
  inWorkshop(async ({ path }) => {
    writeFirstStage(path("first.safetensors"));
    await writePicture(path("a.png"), 1, 48);
    const data = new Uint8ClampedArray(4 * 27 * 19).fill(200);
    Deno.writeFileSync(path("b.png"), await encodePng({ width: 27, height: 19, data }));
    const args = ["reconstruct", "a.png", "b.png", "--model", "first.safetensors", "--tile", "32", "--threads", "1"];
    const { code, out, err } = await latent(args, path());
    assert.equal(code, 0, err);
    const [first, second, ...table] = out.trimEnd().split("\n");
    assert.deepEqual([first, second], [path("reconstructions", "a.png"), path("reconstructions", "b.png")]);
    assert.match(table[0]!, /^ +PSNR, dB +SSIM$/);
    assert.deepEqual(table.slice(1).map((line) => /^([\w.]+) +-?\d+\.\d\d +-?\d\.\d{4}$/.exec(line)?.[1]), [
      "a.png",
      "b.png",
      "mean",
    ]);
    assert.match(err, /b\.png: the 24 × 16 pixels in its middle, multiples of f\n/);
    const { width, height } = await decodeImage(Deno.readFileSync(second!));
    assert.deepEqual([width, height], [24 + 24 + 6, 16 + 4]);

    const again = await latent([...args, "--json"], path());
    const done = again.events.at(-1)!;
    assert.deepEqual(again.events.flatMap((event) => event.type === "file" ? [event.path] : []), [
      path("reconstructions", "a-2.png"),
      path("reconstructions", "b-2.png"),
    ]);
    const { images } = (done.type === "done" && done.result) as { images: { path: string; psnr: number }[] };
    assert.deepEqual(images.map((image) => image.path), [path("a.png"), path("b.png")]);
    assert.ok(images.every(({ psnr }) => psnr > 0 && psnr < 30));
  }));

Deno.test("latent encode is stopped by a signal and goes on; latent decode makes pictures of what it wrote", () =>
  inWorkshop(async ({ path, data }) => {
    writeFirstStage(path("first.safetensors"));
    const args = ["encode", "--model", "first.safetensors", "--data", data, "--size", "32", "--out", "latents"];
    const settings = ["--shard", "8", "--batch-size", "4", "--threads", "1", "--split", "train"];
    const stopped = watch([...args, ...settings], path());
    await stopped.until((event) => event.type === "file" && event.kind === "latents");
    stopped.child.kill("SIGINT");
    assert.equal((await stopped.end()).code, 130);
    const names = () => [...Deno.readDirSync(path("latents"))].map(({ name }) => name).sort();
    assert.ok(names().every((name) => /^(\.lock|latents\.json|train-0000\d\.safetensors)$/.test(name)), `${names()}`);

    const { code, err } = await latent([...args, ...settings], path());
    assert.equal(code, 0, err);
    assert.match(err, /train: \d files? (is|are) there[^]*images encoded: \d\d for train, in .*latents\n$/);
    const other = await latent([...args, ...settings, "--flip"], path());
    assert.equal(other.code, 2);
    assert.match(
      other.err,
      /has other latents than these\n +tensors +found \["mean","std"\] +wanted \["mean","std","fl/,
    );

    const decoded = await latent(
      ["decode", "latents/train-00000.safetensors", "--model", "first.safetensors", "--threads", "1"],
      path(),
    );
    assert.equal(decoded.code, 0, decoded.err);
    const paths = decoded.out.trimEnd().split("\n");
    assert.deepEqual(paths, Array.from({ length: 8 }, (_, i) => path("decoded", `train-00000-${i}.png`)));
    const { width, height } = await decodeImage(Deno.readFileSync(paths[7]!));
    assert.deepEqual([width, height], [32, 32]);
  }));

const refused: [args: string[], code: number, message: RegExp][] = [
  [["reconstruct", "--model", "first.safetensors"], 2, /FILE/],
  [["reconstruct", "a.png"], 2, /--model +found nothing/],
  [["reconstruct", "a.png", "--model", "nowhere"], 2, /There is no model at .*nowhere/],
  [["reconstruct", "a.png", "--model", "first.safetensors", "--size", "30"], 1, /\[1, 3, 30, 30\][^]*32 × 32/],
  [["reconstruct", "a.png", "--model", "first.safetensors", "--tile", "30"], 2, /cannot be cut into these tiles/],
  [["reconstruct", "none.png", "--model", "first.safetensors"], 2, /none\.png cannot be read/],
  [["reconstruct", "first.safetensors", "--model", "first.safetensors"], 1, /is not a picture/],
  [["reconstruct", "a.png", "--model", "first.safetensors", "--perceptual", "lpips"], 2, /lpips-vgg/],
  [
    ["reconstruct", "a.png", "--model", "first.safetensors", "--perceptual", "lpips-vgg"],
    2,
    /no vgg16-397923af\.pth, no vgg\.pth in [^]*latent pull lpips-vgg/,
  ],
  [["encode", "--model", "first.safetensors", "--data", "pictures", "--size", "30"], 2, /multiple of its factor 4/],
  [["encode", "--model", "first.safetensors", "--data", "nowhere"], 1, /no folder .*nowhere/],
  [
    ["decode", "four.safetensors", "--model", "first.safetensors"],
    1,
    /four\.safetensors\n +found +latent \[1, 4, 6, 6\]/,
  ],
  [["decode", "a.png", "--model", "first.safetensors"], 1, /a\.png/],
];
for (const [args, code, message] of refused) {
  Deno.test(
    `latent ${args.join(" ")}: refused with exit code ${code}, nothing is made`,
    leakFree(() =>
      inWorkshop(async ({ path }) => {
        writeFirstStage(path("first.safetensors"));
        await writePicture(path("a.png"), 1);
        using generator = Generator.seeded(0);
        using z = randn([1, 4, 6, 6], { generator });
        writeSafetensors(path("four.safetensors"), tensorSources(new Map([["latent", z]])));
        const { code: found, out, err } = await latent(args, path());
        assert.match(err, message);
        assert.deepEqual([found, out], [code, ""]);
        for (const made of ["reconstructions", "decoded", "latents"]) {
          assert.throws(() => Deno.statSync(path(made)), Deno.errors.NotFound);
        }
      })
    ),
  );
}
