/**
 * The original's list of timesteps for S of T steps, smallest first (make_ddim_timesteps, util.py), as it is: `uniform`
 * may have another length than S, `quad` the same step twice, and either may leave the schedule.
 */
export function compvisTimesteps(method: "uniform" | "quad", total: number, steps: number): number[] {
  const stride = Math.floor(total / steps);
  if (method === "uniform") return Array.from({ length: Math.ceil(total / stride) }, (_, i) => i * stride + 1);
  const end = Math.sqrt(total * 0.8);
  const root = (i: number) => i === 0 ? 0 : i === steps - 1 ? end : i * (end / (steps - 1));
  return Array.from({ length: steps }, (_, i) => Math.trunc(root(i) ** 2) + 1);
}
