/** The case `lpips-vgg-formula`: weights from a formula, and what the original's perceptual distance gives with them. @module */
import { Lpips } from "../../lib/model/mod.ts";
import { type Module, onDevice } from "../../lib/nn/mod.ts";
import { grad, scope, type Tensor, tensor } from "../../lib/tensor/mod.ts";

/** What is read of its case.json. */
export interface LpipsFacts {
  tensors: { k: number; name: string; shape: number[]; rule: string }[];
  outputs: Record<string, { tolerance_rel_to_max: number }>;
}

const rules: Record<string, (shape: readonly number[]) => (u: number) => number> = {
  "(2u-1)*sqrt(3)*sqrt(2/fan_in)": ([, ...rest]) => {
    const fanIn = rest.reduce((product, size) => product * size, 1);
    return (u) => (2 * u - 1) * Math.sqrt(3) * Math.sqrt(2 / fanIn);
  },
  "(2u-1)*0.1": () => (u) => (2 * u - 1) * 0.1,
  "2*u/C": ([, channels]) => (u) => 2 * u / channels!,
};

function hash(i: number, k: number): number {
  let h = Math.imul(i, 0x9E3779B1) + Math.imul(k + 1, 0x51ED270B) | 0;
  h = Math.imul(h ^ h >>> 16, 0x85EBCA6B);
  h = Math.imul(h ^ h >>> 13, 0xC2B2AE35);
  return (h ^ h >>> 16) >>> 0;
}

/** The weights by name. */
function weights({ tensors }: LpipsFacts): Map<string, Tensor> {
  return new Map(tensors.map(({ k, name, shape, rule }) => {
    const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
    const value = rules[rule]!(shape);
    for (let i = 0; i < values.length; i++) values[i] = value((hash(i, k) >>> 8) / 2 ** 24);
    return [name, tensor(values, { shape })];
  }));
}

/** The dropout of training: of level l the elements whose hash has its top bit set, doubled. */
function mask({ shape, device }: Tensor, level: number): Tensor {
  const kept = new Float32Array(shape.reduce((product, size) => product * size, 1));
  for (let i = 0; i < kept.length; i++) kept[i] = hash(i, 100 + level) >>> 31 === 1 ? 2 : 0;
  return tensor(kept, { shape, device });
}

/** Σ fᵢ·cos(0.7·i + 0.3) over features. */
function probe(features: Tensor): number {
  return (features.data() as Float32Array).reduce((sum, f, i) => sum + f * Math.cos(0.7 * i + 0.3), 0);
}

/** All outputs of the case by name, without their `out.`; the caller's. @param io `in.*`, on the device */
export function lpipsOutputs(facts: LpipsFacts, io: ReadonlyMap<string, Tensor>, device = "cpu"): Map<string, Tensor> {
  using lpips = onDevice(device, () => new Lpips("vgg"));
  return scope(() => {
    lpips.loadWeights(weights(facts));
    const input = io.get("in.input")!;
    const target = io.get("in.target")!.detach().requiresGrad_(); // where the loss has the reconstruction
    const features = lpips.net.call(lpips.scaling_layer.call(input));
    const value = lpips.call(input, target);
    const heads = [...lpips.children()].flatMap(([name, head]) => name.startsWith("lin") ? [head as Module] : []);
    const parts = lpips.differences(input, target).map((difference, level) =>
      heads[level]!.call(difference.mul(mask(difference, level))).mean([2, 3], true)
    );
    const trained = parts.reduce((sum, part) => sum.add(part));
    return new Map([
      ["feature_norms", tensor(features.map((f) => f.linalgVectorNorm().item()), { device })],
      ["feature_probes", tensor(features.map(probe), { device })],
      ["feature.relu5_3", features[4]!],
      ["feature.relu4_3", features[3]!.narrow(0, 0, 1).narrow(1, 0, 64)],
      ["value", value],
      ["gradient", grad([value.sum(null)], [target])[0]!],
      ["value_train", trained],
      ["gradient_train", grad([trained.sum(null)], [target])[0]!],
    ]);
  });
}
