/** Where a command writes: what was asked for goes out, what is said on the way goes to `err`. */
export interface Output {
  /** Writes text to stdout. */
  out(text: string): void;
  /** Writes text to stderr. */
  err(text: string): void;
  /** The width of the terminal that `err` is, or undefined where it is a pipe or a file. */
  columns(): number | undefined;
}

/** This process's own stdout and stderr. A closed stderr is nobody listening; a closed stdout throws `BrokenPipe`. */
export const processOutput: Output = {
  out: (text) => writeAll(Deno.stdout, text),
  err: (text) => {
    try {
      writeAll(Deno.stderr, text);
    } catch (error) {
      if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
    }
  },
  columns: () => Deno.stderr.isTerminal() ? Deno.consoleSize().columns : undefined,
};

function writeAll(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  let bytes = new TextEncoder().encode(text);
  while (bytes.length > 0) bytes = bytes.subarray(stream.writeSync(bytes));
}
