/** Where the numerical tests run. @module */
import type { Device } from "../lib/tensor/mod.ts";

/** `LATENT_TEST_DEVICE`, else the CPU. */
export const device: Device = Deno.env.get("LATENT_TEST_DEVICE") ?? "cpu";

/** What tolerances are multiplied by: other devices sum in another order than the CPU that goldens were made on. */
export const slack = device === "cpu" ? 1 : 4;
