/** What stopped the program from outside, and what it tells the work. */
export interface Interruption extends Disposable {
  /** Aborted at the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
  /** 130 after SIGINT, 143 after SIGTERM, undefined while there was none. */
  exitCode(): number | undefined;
}

/** One Ctrl-C reaches us twice under `deno task`: from the terminal, and passed on by the task within milliseconds. */
const echoMs = 100;

const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Listens to SIGINT and SIGTERM until disposed: the first asks the work to end by aborting a signal, the second ends
 * the process at once. (While a native call blocks no listener of Deno's runs: see `armSignals` of `ffi/`.)
 *
 * @param onFirst called at the first signal, to say that the work is going to end
 */
export function interruptible(onFirst?: () => void): Interruption {
  const controller = new AbortController();
  let code: number | undefined;
  let firstAt = 0;
  const listeners = Object.entries(exitCodes).map(([name, exitCode]) => {
    const listener = () => {
      if (code !== undefined && performance.now() - firstAt < echoMs) return;
      if (code !== undefined) Deno.exit(exitCode);
      [code, firstAt] = [exitCode, performance.now()];
      onFirst?.();
      controller.abort(new DOMException(`stopped by ${name}`, "AbortError"));
    };
    Deno.addSignalListener(name as Deno.Signal, listener);
    return () => Deno.removeSignalListener(name as Deno.Signal, listener);
  });
  return {
    signal: controller.signal,
    exitCode: () => code,
    [Symbol.dispose]: () => listeners.forEach((remove) => remove()),
  };
}
