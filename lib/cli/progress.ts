import type { WorkEvent, WorkProgress } from "../base/mod.ts";
import { drawnLine, plainLine } from "./bar.ts";
import type { Output } from "./output.ts";

const drawEveryMs = 100;
const printEveryMs = 5000;

/**
 * Shows the events of long work as they come. On a terminal progress is one line like tqdm's that is drawn anew, in a
 * pipe a plain line every five seconds; with `json` every event is a line of JSON on stdout. Files that were written
 * are named on stdout, and what was asked for is printed there; all else goes to stderr.
 */
export async function show(
  events: AsyncIterable<WorkEvent>,
  output: Output,
  { json = false, now = () => performance.now() }: { json?: boolean; now?: () => number } = {},
): Promise<void> {
  const line = progressLine(output, now);
  try {
    for await (const event of events) {
      if (json) output.out(JSON.stringify(event) + "\n");
      else if (event.type === "progress") line.draw(event);
      else {
        if (event.type === "step" || event.type === "done") line.end();
        else line.clear();
        tell(event, output);
      }
    }
  } finally {
    line.end();
  }
}

function tell(event: Exclude<WorkEvent, WorkProgress>, output: Output): void {
  if (event.type === "file") output.out(event.path + "\n");
  else if (event.type === "done" && event.output !== undefined) output.out(event.output + "\n");
  else output.err(event.type === "warning" ? `latent: warning: ${event.text}\n` : `${event.text}\n`);
}

/** The one line that is being drawn, and what is known of its pace. */
function progressLine(output: Output, now: () => number) {
  const terminal = output.columns() !== undefined;
  const every = terminal ? drawEveryMs : printEveryMs;
  let first: { event: WorkProgress; at: number } | undefined;
  let last: WorkProgress | undefined;
  let shown: WorkProgress | undefined;
  let shownAt = 0;

  const write = (event: WorkProgress) => {
    const pace = { elapsedMs: now() - first!.at, from: first!.event.done };
    const columns = output.columns();
    output.err(columns === undefined ? plainLine(event, pace) + "\n" : `\r${drawnLine(event, pace, columns)}\x1b[K`);
    [shown, shownAt] = [event, now()];
  };
  const end = () => {
    if (last !== undefined && last !== shown) write(last);
    if (last !== undefined && terminal) output.err("\n");
    first = last = shown = undefined;
  };
  const draw = (event: WorkProgress) => {
    if (first?.event.label !== event.label) {
      end();
      first = { event, at: now() };
      shownAt = terminal ? -Infinity : now(); // a pipe hears of work that takes longer than a moment
    }
    last = event;
    if (now() - shownAt >= every) write(event);
  };
  /** Makes room for a sentence. What is complete stays; else the line comes back with the next event. */
  const clear = () => {
    if (last !== undefined && last.done === last.total) return end();
    if (shown !== undefined && terminal) output.err("\r\x1b[K");
    last = shown = undefined;
    if (terminal) shownAt = -Infinity;
  };
  return { draw, clear, end };
}
