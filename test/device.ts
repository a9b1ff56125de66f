/** Where the numerical tests run. @module */
import { type Device, device as deviceNamed } from "../lib/tensor/mod.ts";

/** `LATENT_TEST_DEVICE`, else the CPU; importing this throws `usage.device` where it is not there. */
export const device: Device = deviceNamed(Deno.env.get("LATENT_TEST_DEVICE") ?? "cpu");

/** What tolerances are multiplied by: other devices sum in another order than the CPU that goldens were made on. */
export const slack = device === "cpu" ? 1 : 4;
