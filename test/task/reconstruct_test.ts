import assert from "node:assert/strict";
import type { WorkEvent } from "../../lib/base/mod.ts";
import { encodePng } from "../../lib/image/mod.ts";
import { AutoencoderKL, type FirstStage, IdentityFirstStage } from "../../lib/model/mod.ts";
import { reconstruct, type ReconstructedPicture, type ReconstructOptions, tiled } from "../../lib/task/mod.ts";
import { Generator } from "../../lib/tensor/mod.ts";
import { tinyCoder, type Workshop, workshopTest } from "../program/workshop.ts";

const none: ReconstructOptions = { perceptual: [] };

async function all(
  firstStage: FirstStage,
  paths: readonly string[],
  options: ReconstructOptions = none,
): Promise<[ReconstructedPicture[], WorkEvent[]]> {
  const events = await Array.fromAsync(reconstruct(firstStage, paths, options));
  return [
    events.filter((event) => event.type === "reconstruction"),
    events.filter((event) => event.type !== "reconstruction"),
  ];
}

/** A picture of any size, of noise whose columns tell where they are. */
async function draw({ path }: Workshop, name: string, width: number, height: number): Promise<string> {
  const data = Uint8ClampedArray.from({ length: 4 * width * height }, (_, i) => i % 4 === 3 ? 255 : (i >> 2) % width);
  Deno.writeFileSync(path(name), await encodePng({ width, height, data }));
  return path(name);
}

function stageOf(generator: Generator): AutoencoderKL {
  return new AutoencoderKL(tinyCoder).initialise(generator);
}

workshopTest("the identity gives pictures of any size back as they are", async (at) => {
  const paths = [await draw(at, "wide.png", 50, 13), await draw(at, "tall.png", 11, 40)];
  const [made, events] = await all(new IdentityFirstStage({ imageChannels: 3 }), paths);
  assert.deepEqual(made.map(({ path, psnr, ssim, perceptual }) => ({ path, psnr, ssim, perceptual })), [
    { path: paths[0], psnr: Infinity, ssim: 1, perceptual: {} },
    { path: paths[1], psnr: Infinity, ssim: 1, perceptual: {} },
  ]);
  for (const { original, reconstruction } of made) assert.deepEqual(reconstruction, original);
  assert.deepEqual([made[0]!.original.width, made[0]!.original.height], [50, 13]);
  assert.deepEqual(events.flatMap((event) => event.type === "progress" ? [event.done] : []), [0, 1, 2]);
  assert.ok(events.every(({ type }) => type !== "warning"));
});

const sizes: [
  name: string,
  picture: [number, number],
  size: number | undefined,
  made: [number, number],
  left: number,
][] = [
  ["multiples of f stay", [24, 16], undefined, [24, 16], 0],
  ["others are cut in the middle", [27, 19], undefined, [24, 16], 1],
  ["a size makes it a square", [40, 20], 20, [20, 20], 10],
  ["a smaller picture is enlarged", [8, 4], 16, [16, 16], 8],
];
for (const [name, [width, height], size, made, left] of sizes) {
  workshopTest(`pictures are cut to what the first stage takes: ${name}`, async (at) => {
    using generator = Generator.seeded(0);
    using stage = stageOf(generator);
    const path = await draw(at, "a.png", width, height);
    const [[result], events] = await all(stage, [path], { ...none, ...size && { size } });
    const { original, reconstruction, psnr, ssim } = result!;
    assert.deepEqual([original.width, original.height], made);
    assert.deepEqual([reconstruction.width, reconstruction.height], made);
    assert.ok(psnr > 0 && psnr < 30 && ssim > -1 && ssim < 1);
    if (size === undefined || size === height) assert.equal(original.data[0], left);
    const cut = events.some((event) => event.type === "note" && event.text.includes("24 × 16 pixels in its middle"));
    assert.equal(cut, name.startsWith("others"));
  });
}

workshopTest("in tiles it is near what it is in one", async (at) => {
  using generator = Generator.seeded(0);
  using stage = stageOf(generator);
  const path = await draw(at, "a.png", 96, 40);
  const [[whole]] = await all(stage, [path]);
  const [[parts]] = await all(tiled(stage, { tile: 48 }), [path]);
  assert.ok(Math.abs(whole!.psnr - parts!.psnr) < 1);
  assert.notDeepEqual(parts!.reconstruction.data, whole!.reconstruction.data);
});

const refused: [name: string, options: ReconstructOptions, code: string, message: RegExp][] = [
  ["missing.png", none, "usage.picture", /missing\.png cannot be read/],
  ["text.png", none, "image.format", /text\.png is not a picture/],
  ["small.png", none, "image.small", /small\.png is too small[^]*found +12 × 10 pixels\n +wanted +at least 12 × 12\n/],
  ["good.png", { ...none, size: 30 }, "image.shape", /found +\[1, 3, 30, 30\][^]*multiples of 4[^]*32 × 32/],
  ["good.png", { perceptual: ["lpips-vgg"], weights: "/nowhere" }, "usage.weights", /no vgg16-397923af\.pth/],
];
for (const [name, options, code, message] of refused) {
  workshopTest(`${code}: ${name}`, async (at) => {
    using generator = Generator.seeded(0);
    using stage = stageOf(generator);
    await draw(at, "good.png", 32, 32);
    await draw(at, "small.png", 12, 10);
    Deno.writeTextFileSync(at.path("text.png"), "hello");
    await assert.rejects(all(stage, [at.path("good.png"), at.path(name)], options), { code, message });
  });
}

workshopTest("an abort ends the work before the next picture with its reason", async (at) => {
  const path = await draw(at, "a.png", 16, 16);
  const controller = new AbortController();
  const options = { ...none, signal: controller.signal };
  let count = 0;
  await assert.rejects(async () => {
    for await (const { type } of reconstruct(new IdentityFirstStage({ imageChannels: 3 }), [path, path], options)) {
      if (type === "reconstruction") count++, controller.abort(new Error("enough"));
    }
  }, /enough/);
  assert.equal(count, 1);
});
