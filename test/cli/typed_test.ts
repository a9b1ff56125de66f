import { deepEqual, equal, throws } from "node:assert/strict";
import { typed } from "../../lib/cli/typed.ts";
import { commands } from "./commands.ts";

const read: [line: string, values: Record<string, unknown>][] = [
  ["draw a.png", { file: "a.png" }],
  ["draw a.png b.png c.png", { file: "a.png", more: ["b.png", "c.png"] }],
  ["draw --batch-size 8 a.png", { batchSize: "8", file: "a.png" }],
  ["draw a.png --batch-size=8 --batch-size=9", { batchSize: "9", file: "a.png" }],
  ["draw a.png --seeds 1 --seeds 2,3", { seeds: ["1", "2,3"], file: "a.png" }],
  ["draw a.png --eta=-1", { eta: "-1", file: "a.png" }],
  ["draw --dry-run a.png", { dryRun: true, file: "a.png" }],
  ["draw --dry-run=false a.png", { dryRun: false, file: "a.png" }],
  ["draw --no-grid a.png", { grid: false, file: "a.png" }],
  ["draw a.png --prompt=", { prompt: "", file: "a.png" }],
  ["draw a.png --prompt=a=b", { prompt: "a=b", file: "a.png" }],
  ["draw -- --odd.png --more=", { file: "--odd.png", more: ["--more="] }],
  ["draw a=b.png", { file: "a=b.png" }],
  ["draw 7", { file: "7" }],
  ["train net --steps 5 --no-ema", { steps: "5", ema: false }],
  ["train net --config c.yaml", { config: "c.yaml" }],
];
for (const [line, values] of read) {
  Deno.test(`${line} is read`, () => deepEqual(typed(line.split(" "), commands).values, values));
}

Deno.test("an empty argument after a flag is its value", () => {
  deepEqual(typed(["draw", "--prompt", "", "a.png"], commands).values, { prompt: "", file: "a.png" });
});

Deno.test("only a command with a config takes assignments", () => {
  const { assignments } = typed(["train", "net", "model.ch=64", "steps=3"], commands);
  deepEqual(assignments, ["model.ch=64", "steps=3"]);
});

for (const line of ["--json -v draw a.png", "draw a.png --json -v", "draw --json a.png --verbose"]) {
  Deno.test(`${line}: flags of every command stand anywhere`, () => {
    const { json, verbose, help, values } = typed(line.split(" "), commands);
    deepEqual({ json, verbose, help, values }, { json: true, verbose: true, help: false, values: { file: "a.png" } });
  });
}

const helped: [line: string, command: string | undefined][] = [
  ["--help", undefined],
  ["draw --help", "draw"],
  ["-h train net", "train net"],
  ["train --help", undefined],
  ["draw --nonsense a b c --help", "draw"],
];
for (const [line, name] of helped) {
  Deno.test(`${line} asks for help, whatever else is wrong`, () => {
    const { help, command } = typed(line.split(" "), commands);
    deepEqual([help, command?.name], [true, name]);
  });
}

const refused: [line: string, code: string, message: RegExp][] = [
  ["daw a.png", "usage.command", /"daw"[^]*Did you mean latent draw\?/],
  ["dra a.png", "usage.command", /Did you mean latent draw\?/],
  ["paint", "usage.command", /one of: draw, train net[^]*See latent --help/],
  ["train", "usage.command", /"train"[^]*one of: train net/],
  ["train ent", "usage.command", /"train ent"[^]*Did you mean latent train net\?/],
  ["draw a.png --batchsize 3", "usage.flags", /--batchsize +found an unknown flag +wanted --batch-size/],
  ["draw a.png --dev cpu", "usage.flags", /--dev +found an unknown flag +wanted --device/],
  ["draw a.png --grd", "usage.flags", /wanted --grid/],
  ["draw a.png --no-gird", "usage.flags", /wanted --no-grid/],
  ["draw a.png --batch_size=3", "usage.flags", /--batch_size +found an unknown flag +wanted --batch-size/],
  ["draw a.png -x", "usage.flags", /-x +found an unknown flag/],
  ["draw a.png --zzzzzz", "usage.flags", /a flag that --help lists/],
  ["draw a.png --batch-size", "usage.flags", /--batch-size +found no value/],
  ["draw --batch-size --device cpu a.png", "usage.flags", /--batch-size +found no value +wanted --batch-size VALUE/],
  ["draw a.png --eta -1", "usage.flags", /--eta +found no value +wanted --eta=-1/],
  ["train net more", "usage.flags", /"more" +found an argument too many +wanted no argument/],
];
for (const [line, code, message] of refused) {
  Deno.test(`${line} is refused and what was meant is named`, () => {
    throws(() => typed(line.split(" "), commands), { code, message });
  });
}

Deno.test("all that is wrong with a call is told at once", () => {
  throws(() => typed(["train", "net", "a", "--stesp=3", "--config", "--oops"], commands), (error: Error) => {
    equal(error.message.split("\n").length, 6);
    for (const name of [`"a"`, "--stesp", "--config", "--oops"]) equal(error.message.includes(name), true, name);
    return true;
  });
});
