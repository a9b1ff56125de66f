/** Schedules, lists of timesteps, their parameters and learning rates: what `schedules.json` holds. @module */
import { compvisTimesteps } from "../../../lib/diffusion/compvis_timesteps.ts";
import {
  boundWeights,
  ddim,
  makePlan,
  makeSchedule,
  type Parameterization,
  type Schedule,
  type ScheduleOptions,
} from "../../../lib/diffusion/mod.ts";
import { stepPosterior } from "../../../lib/diffusion/posterior.ts";
import { cycledRate, type RateSettings } from "../../../lib/optim/mod.ts";
import { type Noise, ones, type Tensor, zeros } from "../../../lib/tensor/mod.ts";
import { type TableClaim, tableClaim, type TableRow } from "../tables.ts";

/** A schedule by the original's names. */
interface Named {
  schedule: "linear" | "sqrt_linear" | "sqrt" | "cosine";
  timesteps?: number;
  linear_start: number;
  linear_end: number;
  cosine_s?: number;
}

interface Betas extends Named {
  index: "all" | number[];
  betas: number[];
  alphas_cumprod: number[];
}

interface Timesteps {
  method: "uniform" | "quad";
  ddpm_timesteps: number;
  requested: number;
  steps: number;
  /** Whole, or its five first and last and its sum. */
  timesteps: number[] | { first: number[]; last: number[]; sum: number };
  largest_is_out_of_range: boolean;
}

interface Parameters {
  linear_start: number;
  linear_end: number;
  requested: number;
  eta: number;
  timesteps: number[];
  sigmas: number[];
  alphas: number[];
  alphas_prev: number[];
}

interface Buffers extends Named, Record<typeof buffers[number], number[]> {
  v_posterior: number;
  parameterization: Parameterization;
  index: number[];
}

interface Rates {
  scheduler: string;
  params: Record<string, number | number[]>;
  n: number[];
  multiplier: number[];
}

const buffers = [
  "betas",
  "alphas_cumprod",
  "alphas_cumprod_prev",
  "sqrt_alphas_cumprod",
  "sqrt_one_minus_alphas_cumprod",
  "log_one_minus_alphas_cumprod",
  "sqrt_recip_alphas_cumprod",
  "sqrt_recipm1_alphas_cumprod",
  "posterior_variance",
  "posterior_log_variance_clipped",
  "posterior_mean_coef1",
  "posterior_mean_coef2",
  "lvlb_weights",
] as const;

const kinds = { linear: "linear-sqrt", sqrt_linear: "linear", sqrt: "sqrt", cosine: "cosine" } as const;

const within = (kind: "absolute" | "relative", value: number) => ({ tolerance: { kind, value } });

/** Of numbers of that size: a rounding of float32 on either side. */
const rounding = within("relative", 2 ** -23);

/** Claims about tables of schedules. */
export const schedules: readonly TableClaim[] = [
  tableClaim<{ betas: Betas[] }>("schedules are the original's in float64", ["betas"], function* ({ betas }) {
    for (const [i, row] of betas.entries()) {
      const ours = scheduleOf(row);
      const picked = (table: Float64Array) => row.index === "all" ? [...table] : row.index.map((t) => table[t]!);
      const name = (column: string) => `${row.schedule}.${column} ${i}`;
      // a cosine's small β are differences of numbers near 1, ᾱ products of up to 1,000
      yield { name: name("betas"), found: picked(ours.betas), wanted: row.betas, ...within("absolute", 1e-14) };
      const [found, wanted] = [picked(ours.alphasCumprod), row.alphas_cumprod];
      yield { name: name("alphas_cumprod"), found, wanted, ...within("relative", 1e-12) };
    }
  }),
  tableClaim<{ ddim_timesteps: Timesteps[] }>("lists of timesteps are the original's", ["ddim_timesteps"], lists),
  tableClaim<{ ddim_timesteps: Timesteps[] }>(
    "the plan compvis is that list, refused where it has another length or leaves the schedule",
    ["ddim_timesteps"],
    plans,
  ),
  tableClaim<{ ddim_parameters: Parameters[] }>(
    "a plan's ᾱ and DDIM's σ are the original's from its float32 table",
    ["ddim_parameters"],
    parameters,
  ),
  tableClaim<{ buffers_float32: Buffers[] }>(
    "what follows from a schedule is the original's in float32",
    ["buffers_float32"],
    function* ({ buffers_float32 }) {
      for (const [i, row] of buffers_float32.entries()) {
        const ours = buffersOf(row);
        for (const name of buffers) {
          const found = row.index.map((t) => Math.fround(ours[name](t)));
          // the original computes these from float32 tables, in five roundings
          const tolerance = name === "lvlb_weights" ? within("relative", 5 * 2 ** -23) : rounding;
          yield { name: `buffers.${name} ${i}`, found, wanted: row[name], ...tolerance };
        }
      }
    },
  ),
  tableClaim<{ learning_rate: Rates[] }>(
    "factors of the learning rate are the original's",
    ["learning_rate"],
    function* ({ learning_rate }) {
      for (const [i, { scheduler, params, n, multiplier: wanted }] of learning_rate.entries()) {
        const found = n.map(cycledRate(rateOf(scheduler, params)));
        yield { name: `learning_rate.${scheduler} ${i}`, found, wanted, ...within("relative", 1e-12) };
      }
    },
  ),
];

function scheduleOf({ schedule, timesteps, linear_start: start, linear_end: end, cosine_s: offset }: Named): Schedule {
  const options: ScheduleOptions = { kind: kinds[schedule], start, end };
  return makeSchedule({ ...options, ...timesteps && { steps: timesteps }, ...offset && { offset } });
}

function* lists({ ddim_timesteps }: { ddim_timesteps: Timesteps[] }): Generator<TableRow> {
  for (const [i, { method, ddpm_timesteps, requested, ...row }] of ddim_timesteps.entries()) {
    const list = compvisTimesteps(method, ddpm_timesteps, requested);
    const found = Array.isArray(row.timesteps)
      ? list
      : { first: list.slice(0, 5), last: list.slice(-5), sum: list.reduce((sum, t) => sum + t, 0) };
    yield { name: `timesteps.${method} ${i}`, found, wanted: row.timesteps };
    const outside = list.at(-1)! >= ddpm_timesteps;
    const wanted = [row.steps, row.largest_is_out_of_range];
    yield { name: `timesteps.${method}.length ${i}`, found: [list.length, outside], wanted };
  }
}

function* plans({ ddim_timesteps }: { ddim_timesteps: Timesteps[] }): Generator<TableRow> {
  for (const [i, { method, ddpm_timesteps, requested, ...row }] of ddim_timesteps.entries()) {
    if (method !== "uniform") continue;
    const refused = row.largest_is_out_of_range || row.steps !== requested;
    const wanted = refused ? "refused" : compvisTimesteps(method, ddpm_timesteps, requested);
    yield { name: `plan.compvis ${i}`, found: planned(ddpm_timesteps, requested), wanted };
  }
}

function planned(total: number, steps: number): number[] | "refused" {
  try {
    return makePlan(makeSchedule({ steps: total }), steps, "compvis").map(({ t }) => t).reverse();
  } catch {
    return "refused";
  }
}

async function* parameters({ ddim_parameters }: { ddim_parameters: Parameters[] }): AsyncGenerator<TableRow> {
  for (const [i, { linear_start, linear_end, requested, eta, ...row }] of ddim_parameters.entries()) {
    const { betas, alphasCumprod } = makeSchedule({ start: linear_start, end: linear_end });
    const schedule = { betas, alphasCumprod: alphasCumprod.map(Math.fround) };
    const plan = makePlan(schedule, requested, "compvis").toReversed();
    yield { name: `parameters.timesteps ${i}`, found: plan.map(({ t }) => t), wanted: row.timesteps };
    yield { name: `parameters.alphas ${i}`, found: plan.map((s) => s.alphaBar), wanted: row.alphas, ...rounding };
    const previous = plan.map((step) => step.alphaBarPrevious);
    yield { name: `parameters.alphas_prev ${i}`, found: previous, wanted: row.alphas_prev, ...rounding };
    yield { name: `parameters.sigmas ${i}`, found: await sigmas(plan, eta), wanted: row.sigmas, ...rounding };
  }
}

/** DDIM's own deviations: what it makes of noise that is 1 where the denoiser sees nothing. */
async function sigmas(plan: ReturnType<typeof makePlan>, eta: number): Promise<number[]> {
  const noise: Noise = { normal: (shape: readonly number[]) => ones(shape), [Symbol.dispose]: () => {} };
  const found: number[] = [];
  using start = zeros([1]);
  let last: Tensor | undefined;
  for await (const { x } of ddim(() => ({ x0: zeros([1]), eps: zeros([1]) }), start, plan, noise, { eta })) {
    found.push(x.item());
    last = x;
  }
  last?.dispose();
  return found;
}

/** Each table as a function of t. */
function buffersOf(row: Buffers): Record<typeof buffers[number], (t: number) => number> {
  const { betas, alphasCumprod } = scheduleOf(row);
  const alphaBar = (t: number) => t < 0 ? 1 : alphasCumprod[t]!;
  const posterior = (t: number) =>
    stepPosterior({ alphaBar: alphaBar(t), alphaBarPrevious: alphaBar(t - 1) }, row.v_posterior);
  const bound = boundWeights({ betas, alphasCumprod }, row.parameterization, row.v_posterior);
  return {
    betas: (t) => betas[t]!,
    alphas_cumprod: alphaBar,
    alphas_cumprod_prev: (t) => alphaBar(t - 1),
    sqrt_alphas_cumprod: (t) => Math.sqrt(alphaBar(t)),
    sqrt_one_minus_alphas_cumprod: (t) => Math.sqrt(1 - alphaBar(t)),
    log_one_minus_alphas_cumprod: (t) => Math.log(1 - alphaBar(t)),
    sqrt_recip_alphas_cumprod: (t) => 1 / Math.sqrt(alphaBar(t)),
    sqrt_recipm1_alphas_cumprod: (t) => Math.sqrt(1 - alphaBar(t)) / Math.sqrt(alphaBar(t)),
    posterior_variance: (t) => posterior(t).variance,
    posterior_log_variance_clipped: (t) => Math.log(Math.max(posterior(t).variance, 1e-20)),
    posterior_mean_coef1: (t) => posterior(t).x0,
    posterior_mean_coef2: (t) => posterior(t).x,
    lvlb_weights: (t) => bound[t]!,
  };
}

/** The original's classes of schedulers and their parameters, as data of ours. */
function rateOf(scheduler: string, params: Rates["params"]): RateSettings {
  const list = (cycled: string, alone: string) => [params[cycled] ?? params[alone]!].flat();
  const cycles = list("warm_up_steps", "").map((warmup, i) => ({
    warmup,
    length: list("cycle_lengths", "max_decay_steps")[i]!,
    start: list("f_start", "lr_start")[i]!,
    most: list("f_max", "lr_max")[i]!,
    least: list("f_min", "lr_min")[i]!,
  }));
  return { kind: scheduler === "LambdaLinearScheduler" ? "linear" : "cosine", cycles };
}
