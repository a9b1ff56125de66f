import { withAutocast, withGrad } from "../../ffi/mod.ts";
import { type Device, dtypeNumber } from "./dtype.ts";

/** Runs `body` without recording for gradients. */
export function noGrad<T>(body: () => T): T {
  return withGrad(false, body);
}

/** Runs `body` recording for gradients, also inside {@linkcode noGrad}. */
export function enableGrad<T>(body: () => T): T {
  return withGrad(true, body);
}

let now: readonly [Device, "float32" | "bfloat16" | "float16"] = ["cpu", "float32"];

/** Runs `body` with matrix products and convolutions in a lower precision; `float32` changes nothing. */
export function autocast<T>(device: Device, dtype: "float32" | "bfloat16" | "float16", body: () => T): T {
  const before = now;
  now = [device, dtype];
  try {
    return withAutocast(device.split(":")[0]!, dtype === "float32" ? null : dtypeNumber(dtype), body);
  } finally {
    now = before;
  }
}

/** What runs a body under the autocast of now. */
export function currentAutocast(): <T>(body: () => T) => T {
  const [device, dtype] = now;
  return (body) => autocast(device, dtype, body);
}
