/** Cases that the original code has made, and how near an output comes to its. @module */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { LatentError } from "../../lib/base/mod.ts";
import { loadTensors, openTensorFile } from "../../lib/file/mod.ts";
import type { AnyModule } from "../../lib/nn/mod.ts";
import { type DType, scope, type Tensor } from "../../lib/tensor/mod.ts";
import {
  type CheckpointParts,
  type CompvisConfig,
  readCompvisConfig,
  type ReleasedDiffusion,
  type ReleasedFirstStage,
  splitCheckpoint,
} from "../../lib/released/mod.ts";
import { device, slack } from "../device.ts";
import { type DegradationFacts, withOutputs } from "./degradation.ts";

/** What is read of a case.json. */
export interface Facts {
  arguments: { global_step: number; scale?: number };
  inputs: Record<string, unknown>;
  outputs: Record<string, { tolerance_rel_to_max?: number; tolerance_abs?: number }>;
  learning_rate: number;
  /** Path of the module that gives `transformer_faint`. */
  transformer_module: string;
  trained_parameters: string[];
  autoencoder_parameters: string[];
  discriminator_parameters: string[];
  parameters_not_in_any_optimizer: string[];
  chosen: string[];
  chosen_discriminator: string[];
  single_steps: {
    ddim: { eta: number; steps: number; indices: number[] };
    plms: { index: number };
    p_sample: { timesteps: number[] };
  };
  /** Of a case of degradations. */
  degradation?: DegradationFacts;
  /** Of a network whose weights come from a formula. */
  tensors?: { k: number; name: string; shape: number[]; rule: string }[];
}

/** A case without its tensors. */
export interface Case {
  folder: string;
  facts: Facts;
  /** Undefined where no network of CompVis is in it. */
  config?: CompvisConfig;
}

/** A sentence about cases, and what has to be compared for it to hold. */
export interface Claim {
  says: string;
  /** Whether a case holds what it is about. */
  applies(of: Case): boolean;
  /** Hands outputs to {@linkcode Golden.check}. @param dtype float32, or float64 where the claim is about rounding's fate */
  body(golden: Golden, dtype: DType): void | Promise<void>;
  /** Whether rounding decides it in float32, so that it holds where it holds in float64. */
  decidedInFloat64?: boolean;
}

/** How near an output came. */
export interface Comparison {
  /** Largest difference of an element; NaN where one is, or where the shape is another. */
  absolute: number;
  /** Its share of the largest magnitude of the original's. */
  relative: number;
  /** What the case allows: of `absolute`, or of `relative`. 0 for integers. */
  tolerance: { kind: "absolute" | "relative"; value: number };
  /** The largest error's share of what is allowed; at most 1 where the output is the original's. */
  used: number;
}

/** Reads what a case is. @throws LatentError `file.golden` where the folder holds none; as reading a configuration does */
export async function readCase(folder: string): Promise<Case> {
  const [json, yaml] = [`${folder}/case.json`, `${folder}/config.yaml`];
  if (!existsSync(json)) throw noCase(folder, existsSync(folder) ? "no case.json in it" : "no such folder");
  const facts = parsed(folder, readFileSync(json, "utf8"));
  return { folder, facts, ...existsSync(yaml) ? { config: await readCompvisConfig(yaml) } : {} };
}

function parsed(folder: string, json: string): Facts {
  try {
    const facts = withOutputs(JSON.parse(json));
    if (Object.keys(facts.outputs).length > 0) return { inputs: {}, ...facts };
  } catch { // as one without outputs
  }
  throw noCase(folder, "a case.json without outputs");
}

function noCase(folder: string, found: string): LatentError {
  return new LatentError("file.golden", {
    what: `${folder} holds no case`,
    found,
    wanted: "case.json and io.safetensors, and mostly config.yaml and model.ckpt",
    mend: "Give the folder of a case, such as ../shared/goldens/first-stage-kl-f4.",
  });
}

/** Whether a case has such an output, without its `out.`. */
export const gives = ({ facts }: Case, name: string): boolean => `out.${name}` in facts.outputs;

/** A case with its tensors, which are its own: a tiny model with random weights, inputs, and the original's outputs. */
export class Golden implements Case, Disposable {
  readonly folder: string;
  readonly facts: Facts;
  readonly config?: CompvisConfig;
  /** What was handed to {@linkcode check}, by name. */
  readonly compared: Map<string, Comparison> = new Map();
  readonly #io: ReadonlyMap<string, Tensor>;
  readonly #weights: ReadonlyMap<string, Tensor>;
  readonly #parts: CheckpointParts;

  /** @throws LatentError of the kind `file` where its tensors cannot be read */
  constructor({ folder, facts, config }: Case) {
    this.folder = folder;
    this.facts = facts;
    if (config !== undefined) this.config = config;
    const weights = existsSync(`${folder}/model.ckpt`) ? "model.ckpt" : "model.safetensors";
    [this.#io, this.#weights] = scope(() => [
      tensorsOf(`${folder}/io.safetensors`),
      config === undefined ? new Map<string, Tensor>() : tensorsOf(`${folder}/${weights}`),
    ]);
    this.#parts = splitCheckpoint(this.#weights.keys());
  }

  /** What is diffused with. */
  get diffusion(): ReleasedDiffusion {
    return this.config?.kind === "diffusion" ? this.config : assert.fail("no diffusion model");
  }

  /** The first stage, if it is of a kind. */
  firstStage<K extends ReleasedFirstStage["kind"]>(kind: K): Extract<ReleasedFirstStage, { kind: K }> {
    const firstStage = this.config?.firstStage;
    assert.equal(firstStage?.kind, kind);
    return firstStage as Extract<ReleasedFirstStage, { kind: K }>;
  }

  /** A stored tensor, `in.*`, `draw.*` or `out.*`. */
  stored(name: string): Tensor {
    const tensor = this.#io.get(name) ?? this.#io.get(name.replace(/^(in|out)\./, ""));
    if (tensor !== undefined) return tensor;
    throw new LatentError("file.golden", { what: `${this.folder}/io.safetensors has no ${name}` });
  }

  /** The names of all outputs, without their `out.`: those of case.json, and those that stand beside the inputs. */
  get outputs(): string[] {
    const stored = this.#io.keys().filter((name) => name.startsWith("out."));
    return [...new Set([...Object.keys(this.facts.outputs), ...stored])].map((name) => name.replace(/^out\./, ""));
  }

  /** The option of a codebook with a list of used codes: its length, which only the checkpoint says. */
  get remap(): { remap?: number } {
    const used = this.#weights.get(this.#parts.firstStage.get("quantize.used") ?? "");
    return used === undefined ? {} : { remap: used.numel };
  }

  /** Fills a network with a part of the checkpoint; names and shapes must be the original's. */
  fill<T extends AnyModule>(network: T, part: keyof CheckpointParts): T {
    network.loadStateDict(this.part(part));
    return network;
  }

  /** A part of the checkpoint by the names in it. */
  part(part: keyof CheckpointParts): Map<string, Tensor> {
    return new Map(Array.from(this.#parts[part], ([own, name]) => [own, this.#weights.get(name)!]));
  }

  /** Numbers for the parameters that are to be compared, `in.NAME.alive`, 0 for the others. */
  alive(name: string, values: readonly number[]): number[] {
    const alive = this.stored(`in.${name}.alive`).data();
    assert.equal(values.length, alive.length);
    return values.map((value, i) => Number(alive[i]) * value);
  }

  /** Compares a tensor with the output `out.NAME`; nothing where the case has none. */
  check(name: string, got: Tensor | readonly number[]): void {
    const facts = this.facts.outputs[`out.${name}`];
    if (facts === undefined) return;
    const wanted = this.stored(`out.${name}`);
    const theirs = Array.from(wanted.data(), Number);
    const ours = "shape" in got ? Array.from(got.data(), Number) : got;
    const fits = "shape" in got ? `${got.shape}` === `${wanted.shape}` : got.length === theirs.length;
    const largest = theirs.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const absolute = fits ? ours.reduce((most, value, i) => Math.max(most, Math.abs(value - theirs[i]!)), 0) : NaN;
    const relative = absolute === 0 ? 0 : absolute / largest;
    const { tolerance_abs, tolerance_rel_to_max = 0 } = facts; // neither is there for integers
    const tolerance = tolerance_abs === undefined
      ? { kind: "relative", value: slack * tolerance_rel_to_max } as const
      : { kind: "absolute", value: slack * tolerance_abs } as const;
    const error = { absolute, relative }[tolerance.kind];
    this.compared.set(name, { absolute, relative, tolerance, used: error === 0 ? 0 : error / tolerance.value });
  }

  [Symbol.dispose](): void {
    for (const tensor of [...this.#io.values(), ...this.#weights.values()]) tensor.dispose();
  }
}

/** Whether an output is the original's. */
export const isWithin = ({ used }: Comparison): boolean => used <= 1; // NaN is not

/** The folders of cases: those that stand here, then those of `--goldens DIR` or LATENT_GOLDENS that don't. */
export function caseFolders(): string[] {
  const casesOf = (folder: string) => readdirSync(folder).sort().filter((name) => isCase(`${folder}/${name}`));
  const [here, there] = goldenFolders();
  const shipped = casesOf(here!);
  const more = there === undefined ? [] : casesOf(there).filter((name) => !shipped.includes(name));
  return [...shipped.map((name) => `${here}/${name}`), ...more.map((name) => `${there}/${name}`)];
}

/** The folder of what stands here, and the one of `--goldens DIR` or LATENT_GOLDENS. */
export function goldenFolders(): string[] {
  const flag = Deno.args.indexOf("--goldens");
  const named = flag < 0 ? Deno.env.get("LATENT_GOLDENS") : Deno.args[flag + 1];
  const here = decodeURIComponent(new URL("cases", import.meta.url).pathname);
  return named === undefined ? [here] : [here, named];
}

const isCase = (folder: string) =>
  existsSync(`${folder}/case.json`) &&
  "outputs" in withOutputs(JSON.parse(readFileSync(`${folder}/case.json`, "utf8")));

/** Σ gᵢ·cos(0.7·i + 0.3) over the flattened gradient, in float64: it notices permuted and transposed tensors. */
export function probe(gradient: Tensor): number {
  return Array.from(gradient.data(), Number).reduce((sum, g, i) => sum + g * Math.cos(0.7 * i + 0.3), 0);
}

function tensorsOf(path: string): Map<string, Tensor> {
  using file = openTensorFile(path);
  return loadTensors(file, { device });
}
