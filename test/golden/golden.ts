/** Cases that the original code has made, and how near an output must come to its. @module */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { parse } from "yaml";
import { loadTensors, openTensorFile } from "../../lib/file/mod.ts";
import type { AnyModule } from "../../lib/nn/mod.ts";
import { scope, type Tensor } from "../../lib/tensor/mod.ts";
import {
  type CompvisConfig,
  compvisConfig,
  type ReleasedDiffusion,
  type ReleasedFirstStage,
} from "../../lib/released/mod.ts";
import { device, slack } from "../device.ts";
import { leakFree } from "../leak.ts";

const shipped = decodeURIComponent(new URL("cases", import.meta.url).pathname);

/** The folder of all cases: `--goldens DIR` (of `deno test … -- --goldens DIR`) or LATENT_GOLDENS. */
const named = Deno.args.includes("--goldens")
  ? Deno.args[Deno.args.indexOf("--goldens") + 1]
  : Deno.env.get("LATENT_GOLDENS");

/** What tests read of a case.json. */
interface Facts {
  trained_parameters: string[];
  autoencoder_parameters: string[];
  discriminator_parameters: string[];
  chosen: string[];
  chosen_discriminator: string[];
  learning_rate: number;
  single_steps: { ddim: { eta: number; steps: number; indices: number[] } };
  outputs: Record<string, { tolerance_rel_to_max?: number; tolerance_abs?: number }>;
}

/** A case: a tiny model with random weights, its inputs, and the original's outputs. Its tensors are its own. */
export class Golden implements Disposable {
  readonly facts: Facts;
  readonly config: CompvisConfig;
  readonly #io: ReadonlyMap<string, Tensor>;

  /** @param weights the state dict of the original's model */
  constructor(folder: string, private readonly weights: ReadonlyMap<string, Tensor>) {
    this.facts = JSON.parse(readFileSync(`${folder}/case.json`, "utf8"));
    this.config = compvisConfig(parse(readFileSync(`${folder}/config.yaml`, "utf8")), folder);
    this.#io = tensorsOf(`${folder}/io.safetensors`);
  }

  /** What is diffused with. */
  get diffusion(): ReleasedDiffusion {
    return this.config.kind === "diffusion" ? this.config : assert.fail("no diffusion model");
  }

  /** The first stage, if it is of a kind. */
  firstStage<K extends ReleasedFirstStage["kind"]>(kind: K): Extract<ReleasedFirstStage, { kind: K }> {
    const { firstStage } = this.config;
    assert.equal(firstStage.kind, kind);
    return firstStage as Extract<ReleasedFirstStage, { kind: K }>;
  }

  /** A stored tensor, `in.*`, `draw.*` or `out.*`. */
  stored(name: string): Tensor {
    return this.#io.get(name) ?? assert.fail(`no ${name}`);
  }

  /** A tensor of the checkpoint. */
  weight(name: string): Tensor {
    return this.weights.get(name) ?? assert.fail(`no ${name}`);
  }

  /** Fills a network with the weights below a prefix, or all but those below another; names and shapes must be the original's. */
  fill<T extends AnyModule>(network: T, prefix: string, without?: string): T {
    const own = [...this.weights].filter(([name]) =>
      name.startsWith(prefix) && (without === undefined || !name.startsWith(without))
    );
    network.loadStateDict(new Map(own.map(([name, tensor]) => [name.slice(prefix.length), tensor])));
    return network;
  }

  /** Numbers for the parameters that are to be compared, `in.NAME.alive`, 0 for the others. */
  alive(name: string, values: readonly number[]): number[] {
    const alive = this.stored(`in.${name}.alive`).data();
    return values.map((value, i) => Number(alive[i]) * value);
  }

  /** Asserts that a tensor is the output `out.NAME` within the tolerance that the case gives; integers are exact. */
  check(name: string, got: Tensor | readonly number[]): void {
    const wanted = this.stored(`out.${name}`);
    const { tolerance_rel_to_max, tolerance_abs } = this.facts.outputs[`out.${name}`]!;
    if (!Array.isArray(got)) assert.deepEqual((got as Tensor).shape, wanted.shape, name);
    const theirs = Array.from(wanted.data(), Number);
    const ours = Array.isArray(got) ? got : Array.from((got as Tensor).data(), Number);
    const largest = theirs.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const allowed = slack * (tolerance_abs ?? (tolerance_rel_to_max ?? 0) * largest);
    const error = ours.reduce((most, value, i) => Math.max(most, Math.abs(value - theirs[i]!)), 0); // NaN stays NaN
    assert.ok(error <= allowed, `${name}: ${error} off, ${allowed} allowed; largest ${largest}`);
  }

  [Symbol.dispose](): void {
    for (const tensor of [...this.#io.values(), ...this.weights.values()]) tensor.dispose();
  }
}

/** A test for each of the cases: those that stand here always, the others where their folder is named. */
export function goldenTest(
  claim: string,
  cases: readonly string[],
  body: (golden: Golden) => void | Promise<void>,
): void {
  for (const name of cases) {
    const isHere = existsSync(`${shipped}/${name}`);
    const folder = `${isHere ? shipped : named}/${name}`;
    const run = async () => {
      using golden = new Golden(folder, tensorsOf(`${folder}/${isHere ? "model.safetensors" : "model.ckpt"}`));
      await body(golden);
    };
    if (isHere || named !== undefined) {
      Deno.test({ name: `${name}: ${claim}`, ignore: !existsSync(folder), fn: leakFree(run) });
    }
  }
}

/** Σ gᵢ·cos(0.7·i + 0.3) over the flattened gradient, in float64: it notices permuted and transposed tensors. */
export function probe(gradient: Tensor): number {
  return Array.from(gradient.data(), Number).reduce((sum, g, i) => sum + g * Math.cos(0.7 * i + 0.3), 0);
}

/** The tables of schedules, plans and learning rates: rows of numbers under each heading. */
export const tables = JSON.parse(readFileSync(`${shipped}/schedules.json`, "utf8"));

function tensorsOf(path: string): Map<string, Tensor> {
  using file = openTensorFile(path);
  return scope(() => loadTensors(file, { device }));
}
