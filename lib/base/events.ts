/** A part of the work begins: "build the shim". */
export type WorkStep = { type: "step"; text: string };

/** How far counted work has come. Sent as often as it suits the work; whoever shows it decides how often to draw. */
export type WorkProgress = {
  type: "progress";
  /** What is counted: "train", "fetch libtorch". A new label begins a new line. */
  label: string;
  /** How much is done, in units. The first event of a label says where the work stands as it begins. */
  done: number;
  /** How much there is, in units, where that is known. */
  total?: number;
  /** The unit: "it" unless given; "B" is bytes. */
  unit?: string;
  /** What else is worth seeing now, such as `{ loss: 0.123 }`. */
  fields?: Record<string, number | string>;
};

/** A sentence for people. */
export type WorkNote = { type: "note"; text: string };

/** A sentence about something that went wrong and doesn't stop the work. */
export type WorkWarning = { type: "warning"; text: string };

/** A file or folder that the work has written whole: its absolute path, and what it is ("image", "grid", "checkpoint"). */
export type WorkFile = { type: "file"; path: string; kind: string };

/** The end of work that succeeded, the last event: one sentence, what was asked for as text, and the same for programs. */
export type WorkDone = { type: "done"; text: string; output?: string; result?: Record<string, unknown> };

/**
 * What long work tells while it goes on. Everything long is an async iterator of these plain objects: a script reads
 * the fields, the command line draws them, `--json` prints each as a line. Work that fails throws instead.
 */
export type WorkEvent = WorkStep | WorkProgress | WorkNote | WorkWarning | WorkFile | WorkDone;
