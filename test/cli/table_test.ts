import { deepEqual, equal, match } from "node:assert/strict";
import { commands } from "../../lib/cli/mod.ts";
import { argumentsOf, flagsOf, globalFlags } from "../../lib/cli/flags.ts";
import { help } from "../../lib/cli/help.ts";
import { commands as examples, draw, train } from "./commands.ts";

Deno.test("no command has two names, two names one command", () => {
  const names = commands.map(({ name }) => name);
  deepEqual(names, [...new Set(names)]);
  for (const name of names) match(name, /^[a-z]+( [a-z]+)?$/);
  const groups = names.filter((name) => name.includes(" ")).map((name) => name.split(" ")[0]!);
  for (const group of groups) equal(names.includes(group), false, `${group} is a command and a group of commands`);
});

for (const command of commands) {
  Deno.test(`${command.name}: under 20 flags, all described, none twice, none in the way of those of every command`, () => {
    const flags = flagsOf(command);
    equal(flags.length < 20, true);
    const names = [...flags, ...globalFlags].map(({ name }) => name);
    deepEqual(names, [...new Set(names)]);
    for (const { name, node } of [...flags, ...argumentsOf(command)]) {
      match(node.description ?? "", /\.$/, `${name} wants a sentence with .describe()`);
    }
  });
}

Deno.test("help shows arguments, values, bounds and defaults", () => {
  const text = help(draw);
  match(text, /^Usage: latent draw FILE \[TEXT\.\.\.\] \[FLAGS\]$/m);
  match(text, /^ {2}FILE +What to draw from\. \(required\)$/m);
  match(text, /^ {2}--batch-size N +Pictures at once\. \(an integer from 1 to 64; default 4\)$/m);
  match(text, /^ {2}--device cpu\|cuda +Where\. \(default cpu\)$/m);
  match(text, /^ {2}--seeds N \.\.\. +Seeds\./m);
  match(text, /^ {2}--no-grid +Write a grid\.$/m);
  match(text, /^ {2}-h, --help /m);
});

Deno.test("help of a command with a config names the file and the keys, nested ones by their path", () => {
  const text = help(train);
  match(text, /^Usage: latent train net \[KEY=VALUE\.\.\.\] \[FLAGS\]$/m);
  match(text, /^ {2}--config FILE /m);
  equal(text.includes("--model"), false);
  match(text, /^ {2}model\.ch=N +\(.*default 8\)$/m);
  match(text, /^ {2}model\.mult=\[N,\.\.\.\] +\(default \[1,2\]\)$/m);
});

Deno.test("help is at most 100 columns wide", () => {
  for (const command of [...commands, ...examples]) {
    for (const line of help(command).split("\n")) equal(line.length <= 100, true, line);
  }
});
