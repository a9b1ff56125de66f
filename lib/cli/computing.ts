import * as z from "zod";
import { type Device, device as deviceNamed, threads as threadCount } from "../tensor/mod.ts";

/** Options of every command that computes: where, and with how many threads. */
export const computing = {
  device: z.string().default("auto").describe("cpu, cuda, cuda:1, or auto."),
  threads: z.int().min(0).max(1024).default(0).describe("Threads of one operator; 0 is libtorch's choice."),
};

/** Sets the number of threads, and gives the device that is meant. */
export function computeOn({ device, threads }: { device: string; threads: number }): Device {
  if (threads > 0) threadCount(threads);
  return deviceNamed(device);
}
