import { checked, native } from "./open.ts";

/** Runs `body` with gradients recorded or not; the mode before is restored, whatever happens. */
export function withGrad<T>(on: boolean, body: () => T): T {
  return withMode(0, on, body);
}

/** Runs `body` without autograd's bookkeeping; what it makes can never be part of a graph. */
export function inferenceMode<T>(body: () => T): T {
  return withMode(1, true, body);
}

function withMode<T>(mode: number, on: boolean, body: () => T): T {
  const { symbols, frame } = native();
  const set = (value: number) => checked(symbols.latent_mode(frame.index, mode, value), "mode");
  const before = set(on ? 1 : 0);
  try {
    return body();
  } finally {
    set(before);
  }
}

/**
 * Runs `body` under autocast: matrix products and convolutions in the lower precision, the rest in float32.
 *
 * @param deviceType `cpu` or `cuda`
 * @param dtype the number of bfloat16 or float16, null to switch autocast off
 */
export function withAutocast<T>(deviceType: string, dtype: number | null, body: () => T): T {
  const set = (value: number | null): number | null => {
    const { symbols, frame } = native();
    frame.begin().put(deviceType).put(value);
    checked(symbols.latent_autocast(frame.index), "autocast");
    return frame.begin().take() as number | null;
  };
  const before = set(dtype);
  try {
    return body();
  } finally {
    set(before);
  }
}

/** Threads of one operator; with a count it is set first. */
export function threads(count = 0): number {
  const { symbols, frame } = native();
  return checked(symbols.latent_threads(frame.index, count), "threads");
}

/** Refuses operators that give other bits from run to run. */
export function deterministic(on: boolean): void {
  const { symbols, frame } = native();
  checked(symbols.latent_deterministic(frame.index, on ? 1 : 0), "deterministic");
}

/** TensorFloat-32 in CUDA's float32 products and convolutions; off unless asked for. */
export function tf32(on: boolean): void {
  const { symbols, frame } = native();
  checked(symbols.latent_tf32(frame.index, on ? 1 : 0), "tf32");
}
