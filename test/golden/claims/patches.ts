/** What overlapping patches make of a large latent: `split_input_params` of the original. @module */
import {
  addTile,
  cutTile,
  ddim,
  type Denoiser,
  denoiserOf,
  inPatches,
  makePlan,
  makeSchedule,
  type Patch,
  patchDenoiser,
  patchesOf,
  type PatchOptions,
  type PatchScale,
  type Plan,
  type Spacing,
} from "../../../lib/diffusion/mod.ts";
import { AutoencoderVQ, Unet } from "../../../lib/model/mod.ts";
import { onDevice } from "../../../lib/nn/mod.ts";
import { inferenceMode, ones, scope, stack, type Tensor, tensor } from "../../../lib/tensor/mod.ts";
import { device } from "../../device.ts";
import { type Claim, gives, type Golden } from "../golden.ts";
import { storedNoise } from "./sampling.ts";

/** How a variant of a case differs from patches of 8 every 4 cells, in the original's words. */
interface Variant {
  ks?: [number, number];
  stride?: [number, number];
  tie_braker?: boolean;
  clip_min_weight?: number;
  clip_max_weight?: number;
}

/** The variants of a case, by name. */
function variantsOf({ facts }: Golden): [string, PatchOptions][] {
  const { variants = {} } = facts.arguments as { variants?: Record<string, Variant> };
  return Object.entries(variants).map(([name, { ks, stride, tie_braker, clip_min_weight, clip_max_weight }]) => [name, {
    size: ks ?? [8, 8],
    stride: stride ?? [4, 4],
    limits: [clip_min_weight ?? 0.01, clip_max_weight ?? 0.5],
    ...tie_braker ? { tie: [0.01, 0.5] } : {},
  }]);
}

/** The networks of a case. */
class Networks implements Disposable {
  readonly unet: Unet;
  readonly firstStage: AutoencoderVQ;

  constructor(readonly golden: Golden) {
    const { options } = golden.diffusion.firstStage;
    this.unet = golden.fill(onDevice(device, () => new Unet(golden.diffusion.unet)), "denoiser");
    this.firstStage = golden.fill(
      onDevice(device, () => new AutoencoderVQ(options as AutoencoderVQ["options"])),
      "firstStage",
    );
  }

  /** A denoiser of patches, whose condition is cut alike. */
  inPatches(options: PatchOptions): Denoiser {
    return patchDenoiser((x, step, patch) => {
      using concat = cutTile(this.golden.stored("in.c"), patch);
      return denoiserOf({ call: (x, t) => this.unet.call(x, t, { concat }) })(x, step);
    }, options);
  }

  plan(steps: number, spacing: Spacing): Plan {
    return makePlan(makeSchedule(this.golden.diffusion.schedule), steps, spacing);
  }

  [Symbol.dispose](): void {
    this.unet.dispose();
    this.firstStage.dispose();
  }
}

/** Compares what patches weigh: the first, the last and the middle one or the first alone, and the sum of all. */
function checkWeights(
  golden: Golden,
  name: string,
  canvas: PatchScale & { cells: [number, number] },
  options: PatchOptions,
) {
  const patches = patchesOf(canvas.cells, options, canvas);
  const { to = 1 } = canvas;
  const sides = canvas.cells.map((side) => side * to) as [number, number];
  const raw = (patch: Patch) =>
    tensor(patch.raw, { shape: patch.size.map((side) => side * to), dtype: "float32", device });
  scope(() => {
    const wanted = golden.stored(`out.${name}.weighting`);
    const three = [patches[0]!, patches.at(-1)!, patches[Math.floor(patches.length / 2)]!];
    golden.check(
      `${name}.weighting`,
      (wanted.shape.length === 4 ? raw(three[0]!) : stack(three.map(raw), -1)).view(wanted.shape),
    );
    let sum: Tensor | undefined;
    for (const patch of patches) {
      const [height, width] = raw(patch).shape as [number, number];
      sum = addTile(sum, ones([1, 1, height, width], { device }), { ...patch, weights: () => raw(patch) }, sides);
    }
    golden.check(`${name}.normalization`, sum!);
  });
}

/** Compares patches that are cut, and patches that are added up. */
function checkFolding(golden: Golden, name: string, cells: [number, number], options: PatchOptions): void {
  scope(() => {
    const patches = patchesOf(cells, options);
    const z = golden.stored("in.z");
    golden.check(`${name}.unfold`, stack(patches.map((patch) => cutTile(z, patch).flatten(1)), -1));
    const values = golden.stored("in.fold_values").unbind(-1);
    const one = () => ones([1], { device });
    let sum: Tensor | undefined;
    patches.forEach((patch, i) => {
      const part = values[i]!.view([1, z.shape[1]!, ...patch.size]);
      sum = addTile(sum, part, { ...patch, weights: one }, cells);
    });
    golden.check(`${name}.fold`, sum!);
  });
}

/** Compares what the networks make of patches. */
async function checkVariant(networks: Networks, name: string, options: PatchOptions): Promise<void> {
  const { golden, firstStage } = networks;
  const { factor } = firstStage;
  const [z, t] = [golden.stored("in.z"), golden.stored("in.t").item()];
  const { x0, eps } = await networks.inPatches(options)(z, networks.plan(1000, "trailing").at(-1 - t)!);
  golden.check(`${name}.eps`, eps);
  x0.dispose();
  eps.dispose();
  const cells = z.shape.slice(2) as [number, number];
  checkWeights(golden, name, { cells }, options);
  if (gives(golden, `${name}.decode.weighting`)) checkWeights(golden, `${name}.decode`, { cells, to: factor }, options);
  if (gives(golden, `${name}.fold`)) checkFolding(golden, name, cells, options);
  inferenceMode(() =>
    scope(() => {
      golden.check(`${name}.decode`, inPatches(z, options, (part) => firstStage.decode(part), { to: factor }));
      golden.check(
        `${name}.decode_not_quantized`,
        inPatches(z, options, (part) => firstStage.decodeQuantized(part), { to: factor }),
      );
      const image = golden.stored("in.image");
      golden.check(`${name}.encode`, inPatches(image, options, (part) => firstStage.encode(part), { from: factor }));
    })
  );
}

/** Compares where DDIM goes patch by patch, and the image in patches. */
async function checkSampled(networks: Networks, name: string, options: PatchOptions): Promise<void> {
  const { golden, firstStage } = networks;
  let end: Tensor | undefined;
  const steps = ddim(networks.inPatches(options), golden.stored("in.x_T"), networks.plan(5, "compvis"), storedNoise()); // 5, as no case says
  for await (const { x } of steps) end = x;
  using x = end!;
  golden.check(`${name}.ddim0.latent`, x);
  const latent = golden.stored(`out.${name}.ddim0.latent`);
  const decode = (part: Tensor) => firstStage.decode(part);
  using image = inferenceMode(() => inPatches(latent, options, decode, { to: firstStage.factor }));
  golden.check(`${name}.ddim0.image`, image);
}

/** Claims about patches. */
export const patches: readonly Claim[] = [{
  says: "overlapping patches are weighed, denoised, decoded and encoded as the original's, and sampled with",
  applies: (of) => gives(of, "plain.eps") && gives(of, "plain.weighting"),
  body: async (golden) => {
    using networks = new Networks(golden);
    for (const [name, options] of variantsOf(golden)) {
      await checkVariant(networks, name, options);
      if (gives(golden, `${name}.ddim0.latent`)) await checkSampled(networks, name, options);
    }
    inferenceMode(() =>
      scope(() => {
        const [z, t, concat] = [golden.stored("in.z"), golden.stored("in.t"), golden.stored("in.c")];
        golden.check("whole.eps", networks.unet.call(z, t, { concat }));
      })
    );
  },
}];
