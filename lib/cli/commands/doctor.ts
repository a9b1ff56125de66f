import * as z from "zod";
import { doctor as look, renderDoctor } from "../../setup/mod.ts";
import { devices } from "../../tensor/mod.ts";
import { command } from "../command.ts";

/** `latent doctor`: what was found, where it was looked for, what to do about what is missing. */
export const doctor = command({
  name: "doctor",
  summary: "Tell what this program stands on and what is missing.",
  options: z.strictObject({}),
  permissions: ["read", "run", "ffi", "sys"],
  async run() {
    const report = await look({ devices });
    return { text: renderDoctor(report), value: report, failed: !report.ready };
  },
});
