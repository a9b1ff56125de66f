import type { Tensor } from "./tensor.ts";

/** More elements than this are cut to the edges of each dimension. */
const longest = 1000;
const edge = 3;

/** The values in rows, then dtype (by the name that is given) and device unless they are float32 on the CPU. */
export function format(x: Tensor, dtype: string): string {
  const { shape, device } = x;
  const unreadable = device === "meta" || /^(complex|dtype )/.test(dtype);
  const values = unreadable ? [] : Array.from(x.data() as ArrayLike<number | bigint>, Number);
  const show = dtype === "bool" ? (v: number) => v ? " true" : "false" : numberFormat(values);
  const text = values.length > 0 ? rows(values, shape, show, x.numel > longest, 8).trim() : x.numel > 0 ? "..." : "[]";
  const notes = [
    x.numel > longest || values.length === 0 ? `shape=[${shape.join(", ")}]` : "",
    dtype === "float32" ? "" : `dtype=${dtype}`,
    device === "cpu" ? "" : `device=${device}`,
  ].filter((note) => note !== "");
  return `tensor(${[text, ...notes].join(", ")})`;
}

function rows(
  values: number[],
  shape: readonly number[],
  show: (v: number) => string,
  cut: boolean,
  indent: number,
): string {
  if (shape.length === 0) return show(values[0]!);
  const [size, ...rest] = shape as [number, ...number[]];
  const step = values.length / size;
  const shown = cut && size > 2 * edge ? [...range(0, edge), -1, ...range(size - edge, size)] : range(0, size);
  const parts = shown.map((i) =>
    i < 0 ? "..." : rows(values.slice(i * step, (i + 1) * step), rest, show, cut, indent + 1)
  );
  const separator = rest.length === 0 ? ", " : `,${"\n".repeat(rest.length)}${" ".repeat(indent)}`;
  return `[${parts.join(separator)}]`;
}

/** One format for all values, as wide as the widest. */
function numberFormat(values: readonly number[]): (v: number) => string {
  const finite = values.filter(Number.isFinite);
  const largest = Math.max(0, ...finite.slice(0, 10000).map(Math.abs));
  const integral = finite.every(Number.isInteger);
  const show = (v: number) =>
    !Number.isFinite(v)
      ? String(v)
      : integral
      ? String(v)
      : largest >= 1e5 || largest < 1e-3
      ? v.toExponential(4)
      : v.toFixed(4);
  const width = Math.max(...values.slice(0, 10000).map((v) => show(v).length));
  return (v) => show(v).padStart(width);
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}
