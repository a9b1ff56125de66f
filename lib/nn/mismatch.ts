import { type Difference, LatentError, nearest } from "../base/mod.ts";
import type { Tensor } from "../tensor/mod.ts";

/** Differences that are listed one by one; of more only the number is said. */
const listed = 40;

/** The error that lists how `found` differs from `wanted` in names and shapes, module by module, or undefined. */
export function mismatch(
  wanted: ReadonlyMap<string, Tensor>,
  found: ReadonlyMap<string, Tensor>,
  what: string,
): LatentError | undefined {
  const missing = [...wanted.keys()].filter((name) => !found.has(name));
  const unexpected = [...found.keys()].filter((name) => !wanted.has(name));
  const differences: Difference[] = [];
  for (const [name, tensor] of wanted) {
    const other = found.get(name);
    if (other === undefined) {
      const near = nearest(name, unexpected);
      differences.push({
        name,
        found: near === undefined ? "nothing" : `nothing (is it ${near}?)`,
        wanted: shapeOf(tensor),
      });
    } else if (shapeOf(other) !== shapeOf(tensor)) {
      differences.push({ name, found: shapeOf(other), wanted: shapeOf(tensor) });
    }
  }
  for (const name of unexpected) differences.push({ name, found: shapeOf(found.get(name)!), wanted: "nothing" });
  if (differences.length === 0) return undefined;
  const misshapen = differences.length - missing.length - unexpected.length;
  const rest = differences.length - listed;
  return new LatentError("checkpoint.mismatch", {
    what:
      `${what}: ${missing.length} tensors are missing, ${unexpected.length} unexpected, ${misshapen} of another shape`,
    differences: differences.sort((a, b) => a.name < b.name ? -1 : 1).slice(0, listed),
    ...(rest > 0 ? { found: `and ${rest} more differences` } : {}),
    mend: "Use the configuration that the weights were made with, or weights made for this one.",
  });
}

function shapeOf(tensor: Tensor): string {
  return `[${tensor.shape.join(", ")}]`;
}
