/** All samplers by name. @module */
import { LatentError, nearest } from "../../base/mod.ts";
import { ddim } from "./ddim.ts";
import { ddpm } from "./ddpm.ts";
import { dpmpp2m, dpmpp2mSde } from "./dpmpp.ts";
import { euler, eulerAncestral } from "./euler.ts";
import { heun } from "./heun.ts";
import { lms } from "./lms.ts";
import { plms } from "./plms.ts";
import type { EtaOptions, Sampler } from "./sampler.ts";
import { unipc } from "./unipc.ts";

/** A row of the table of samplers. */
export interface SamplerEntry {
  /** As papers and other programs write it. */
  label: string;
  /** What it is for, in a line. */
  about: string;
  /** The sampler; it takes `eta` where the row has one. */
  sampler: Sampler<EtaOptions>;
  /** The η it has unless told otherwise; undefined where it takes none. */
  eta?: number;
}

/** The names of {@linkcode samplers}. */
export type SamplerName =
  | "ddim"
  | "ddpm"
  | "plms"
  | "dpmpp-2m"
  | "dpmpp-2m-sde"
  | "euler"
  | "euler-ancestral"
  | "heun"
  | "lms"
  | "unipc";

/** All samplers by the names that commands and recipes have. */
export const samplers: Readonly<Record<SamplerName, SamplerEntry>> = {
  "ddim": {
    label: "DDIM",
    about: "the paper's; from deterministic (eta 0) to as noisy as DDPM (1)",
    sampler: ddim,
    eta: 0,
  },
  "ddpm": { label: "DDPM", about: "ancestral sampling, each step drawn from the posterior", sampler: ddpm },
  "plms": { label: "PLMS", about: "linear multistep on ε; one evaluation more than steps", sampler: plms },
  "dpmpp-2m": { label: "DPM++ 2M", about: "second order, one evaluation a step", sampler: dpmpp2m },
  "dpmpp-2m-sde": { label: "DPM++ 2M SDE", about: "DPM++ 2M with noise in each step", sampler: dpmpp2mSde, eta: 1 },
  "euler": { label: "Euler", about: "first order; DDIM without noise", sampler: euler },
  "euler-ancestral": { label: "Euler a", about: "Euler with noise in each step", sampler: eulerAncestral, eta: 1 },
  "heun": { label: "Heun", about: "second order; two evaluations a step", sampler: heun },
  "lms": { label: "LMS", about: "linear multistep on uneven steps, fourth order", sampler: lms },
  "unipc": { label: "UniPC", about: "predictor and corrector of second order, one evaluation a step", sampler: unipc },
};

/** The sampler of a name. @throws LatentError `usage.sampler` with the nearest name for one that is not there */
export function samplerOf(name: string): SamplerEntry {
  const found = Object.entries(samplers).find(([known]) => known === name)?.[1];
  if (found !== undefined) return found;
  const names = Object.keys(samplers);
  const meant = nearest(name, names);
  throw new LatentError("usage.sampler", {
    what: "There is no such sampler",
    found: name,
    wanted: `one of: ${names.join(", ")}`,
    ...meant === undefined ? {} : { mend: `Did you mean ${meant}?` },
  });
}
