/** The perceptual distance with weights from a formula, and what the original's gives with them. @module */
import { LatentError } from "../../../lib/base/mod.ts";
import { Lpips, type LpipsNet } from "../../../lib/model/mod.ts";
import { type Module, onDevice } from "../../../lib/nn/mod.ts";
import { grad, scope, type Tensor, tensor } from "../../../lib/tensor/mod.ts";
import { device } from "../../device.ts";
import { type Claim, type Facts, type Golden, probe } from "../golden.ts";

type Weights = NonNullable<Facts["tensors"]>;

const nets: readonly LpipsNet[] = ["vgg", "alex", "squeeze"];

/** VGG16's activations that are slices, from the first on. */
const relus = ["relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3"];

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
function weights(tensors: Weights): Map<string, Tensor> {
  return new Map(tensors.map(({ k, name, shape, rule }) => {
    const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
    const value = rules[rule]?.(shape);
    if (value === undefined) throw new LatentError("file.golden", { what: `no formula is known for ${rule}` });
    for (let i = 0; i < values.length; i++) values[i] = value((hash(i, k) >>> 8) / 2 ** 24);
    return [name, tensor(values, { shape })];
  }));
}

/** The distance over the net that has most of the names. */
function lpipsOf(tensors: Weights): Lpips {
  const names = new Set(tensors.map(({ name }) => name));
  const missing = nets.map((net) => {
    using lpips = new Lpips(net);
    return lpips.stateDict().keys().filter((name) => !names.has(name)).toArray().length;
  });
  const lpips = onDevice(device, () => new Lpips(nets[missing.indexOf(Math.min(...missing))]!));
  return lpips.loadWeights(weights(tensors));
}

/** The dropout of training: of level l the elements whose hash has its top bit set, doubled. */
function mask({ shape }: Tensor, level: number): Tensor {
  const kept = new Float32Array(shape.reduce((product, size) => product * size, 1));
  for (let i = 0; i < kept.length; i++) kept[i] = hash(i, 100 + level) >>> 31 === 1 ? 2 : 0;
  return tensor(kept, { shape, device });
}

/** The first elements of each dimension, as many as a case has of them. */
const first = (x: Tensor, shape: readonly number[]): Tensor =>
  shape.reduce((part, size, dim) => part.narrow(dim, 0, Math.min(size, part.shape[dim]!)), x);

function distances(golden: Golden, lpips: Lpips): void {
  const input = golden.stored("in.input");
  const target = golden.stored("in.target").detach().requiresGrad_(); // where the loss has the reconstruction
  const features = lpips.net.call(lpips.scaling_layer.call(input));
  golden.check("feature_norms", features.map((f) => f.linalgVectorNorm().item()));
  golden.check("feature_probes", features.map(probe));
  for (const [i, name] of relus.entries()) {
    const output = `out.feature.${name}`;
    if (output in golden.facts.outputs) {
      golden.check(`feature.${name}`, first(features[i]!, golden.stored(output).shape));
    }
  }
  const value = lpips.call(input, target);
  golden.check("value", value);
  golden.check("gradient", grad([value.sum(null)], [target])[0]!);
  const heads = [...lpips.children()].flatMap(([name, head]) => name.startsWith("lin") ? [head as Module] : []);
  const parts = lpips.differences(input, target).map((difference, level) =>
    heads[level]!.call(difference.mul(mask(difference, level))).mean([2, 3], true)
  );
  const trained = parts.reduce((sum, part) => sum.add(part));
  golden.check("value_train", trained);
  golden.check("gradient_train", grad([trained.sum(null)], [target])[0]!);
}

/** Claims about perceptual distances. */
export const perceptual: readonly Claim[] = [{
  says: "features, distances and gradients are the original's, with dropout and without",
  applies: ({ facts }) => facts.tensors !== undefined,
  body: (golden) =>
    scope(() => {
      using lpips = lpipsOf(golden.facts.tensors!);
      distances(golden, lpips);
    }),
}];
