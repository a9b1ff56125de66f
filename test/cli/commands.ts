import * as z from "zod";
import type { WorkEvent } from "../../lib/base/mod.ts";
import { type Command, command } from "../../lib/cli/command.ts";
import { pathOption } from "../../lib/cli/paths.ts";

/** A command with every kind of option. What it was given is its answer. */
export const draw = command({
  name: "draw",
  summary: "Draw pictures.",
  options: z.strictObject({
    file: pathOption("file", "What to draw from."),
    more: z.array(z.string()).default([]).describe("More files."),
    batchSize: z.int().min(1).max(64).default(4).describe("Pictures at once."),
    device: z.enum(["cpu", "cuda"]).default("cpu").describe("Where."),
    eta: z.number().min(0).default(0).describe("Noise."),
    prompt: z.string().optional().describe("What to draw."),
    seeds: z.array(z.int()).default([]).describe("Seeds."),
    grid: z.boolean().default(true).describe("Write a grid."),
    dryRun: z.boolean().default(false).describe("Only say what would be done."),
  }),
  arguments: ["file", "more"],
  permissions: ["read"],
  run: (options) => Promise.resolve({ text: JSON.stringify(options), value: options }),
});

/** A command with a config, of two words, whose work is events. */
export const train = command({
  name: "train net",
  summary: "Train a net.",
  options: z.strictObject({
    steps: z.int().min(1).default(3).describe("Steps."),
    ema: z.boolean().default(true).describe("Keep an average."),
    model: z.strictObject({ ch: z.int().default(8), mult: z.array(z.int()).default([1, 2]) }).prefault({}),
  }),
  configurable: true,
  permissions: ["read"],
  async *run({ steps, model }, { signal }): AsyncGenerator<WorkEvent> {
    yield { type: "step", text: `train with ch ${model.ch}` };
    for (let done = 0; done <= steps && !signal.aborted; done++) {
      yield { type: "progress", label: "train", done, total: steps, fields: { loss: 1 / (done + 1) } };
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    yield { type: "file", path: "/runs/1/last.safetensors", kind: "checkpoint" };
    yield { type: "done", text: signal.aborted ? "stopped" : "trained", result: { steps } };
  },
});

/** A table to parse against. */
export const commands: readonly Command[] = [draw, train];
