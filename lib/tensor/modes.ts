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

/** Runs `body` with matrix products and convolutions in a lower precision; `float32` changes nothing. */
export function autocast<T>(device: Device, dtype: "float32" | "bfloat16" | "float16", body: () => T): T {
  return withAutocast(device.split(":")[0]!, dtype === "float32" ? null : dtypeNumber(dtype), body);
}
