import type { WorkProgress } from "../base/mod.ts";

/** How long a label has been going, and from where. */
export interface Pace {
  elapsedMs: number;
  /** What was done when it began, in units. */
  from: number;
}

/** `train:  45%|████▌     | 450/1000 [00:12<00:15, 36.5it/s, loss=0.123]`, at most `columns` wide. */
export function drawnLine(event: WorkProgress, pace: Pace, columns: number): string {
  if (event.total === undefined) return plainLine(event, pace).slice(0, columns - 1);
  const share = event.total === 0 ? 1 : Math.min(1, event.done / event.total);
  const head = `${event.label}: ${percent(share).padStart(4)}|`;
  const tail = `| ${count(event)} ${times(event, pace)}`;
  const width = Math.min(40, Math.max(0, columns - 1 - head.length - tail.length));
  return (head + bar(share, width) + tail).slice(0, columns - 1);
}

/** `train: 450/1000 (45%) [00:12<00:15, 36.5it/s, loss=0.123]` */
export function plainLine(event: WorkProgress, pace: Pace): string {
  const share = event.total === undefined || event.total === 0 ? "" : ` (${percent(event.done / event.total)})`;
  return `${event.label}: ${count(event)}${share} ${times(event, pace)}`;
}

function percent(share: number): string {
  return `${Math.floor(share * 100)}%`;
}

function bar(share: number, width: number): string {
  const eighths = Math.round(share * width * 8);
  const partial = " ▏▎▍▌▋▊▉"[eighths % 8]!;
  return ("█".repeat(eighths >> 3) + partial.trim()).padEnd(width);
}

function count({ done, total, unit = "it" }: WorkProgress): string {
  const amount = unit === "B" ? bytes : String;
  return total === undefined ? `${amount(done)}${unit === "B" ? "" : unit}` : `${amount(done)}/${amount(total)}`;
}

function times(event: WorkProgress, { elapsedMs, from }: Pace): string {
  const { done, total, unit = "it", fields = {} } = event;
  const rate = elapsedMs > 0 ? (done - from) / (elapsedMs / 1000) : 0; // units per second
  const left = total === undefined ? "" : `<${rate > 0 ? clock((total - done) / rate) : "?"}`;
  const extra = Object.entries(fields).map(([key, value]) =>
    `${key}=${typeof value === "number" ? short(value) : value}`
  );
  return `[${[clock(elapsedMs / 1000) + left, ...unit === "s" ? [] : [speed(rate, unit)], ...extra].join(", ")}]`;
}

function speed(rate: number, unit: string): string {
  if (rate <= 0) return `?${unit}/s`;
  if (unit === "B") return `${bytes(rate)}/s`;
  return rate >= 1 ? `${rate.toFixed(rate < 100 ? 1 : 0)}${unit}/s` : `${(1 / rate).toFixed(1)}s/${unit}`;
}

function clock(seconds: number): string {
  const whole = Math.round(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return (hours > 0 ? [hours, minutes, rest] : [minutes, rest]).map((n) => String(n).padStart(2, "0")).join(":");
}

function bytes(amount: number): string {
  const power = Math.min(4, Math.max(0, Math.floor(Math.log10(Math.max(1, amount)) / 3)));
  return power === 0
    ? `${Math.round(amount)}B`
    : `${(amount / 1000 ** power).toFixed(1)}${["", "k", "M", "G", "T"][power]}B`;
}

/** Four digits, as a loss is read. */
function short(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
}
