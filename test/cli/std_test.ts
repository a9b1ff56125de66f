import { deepEqual, equal, throws } from "node:assert/strict";
import { parseArgs } from "@std/cli";
import { basename, dirname, extname, fromFileUrl, isAbsolute, join, relative, resolve, toFileUrl } from "@std/path";

// The stand-ins of links/ hold to what the packages of JSR do; the rows were worked out from their documentation.

const options = {
  alias: { h: "help" },
  boolean: ["help", "grid"],
  collect: ["seed"],
  default: { grid: undefined },
  negatable: ["grid"],
  string: ["_", "name", "seed"],
};
const parsed: [line: string, result: Record<string, unknown>][] = [
  ["a --name b c", { _: ["a", "c"], name: "b" }],
  ["--name=b=c", { _: [], name: "b=c" }],
  ["--name", { _: [], name: "" }],
  ["--name --help", { _: [], name: "", help: true }],
  ["--name -1", { _: [], name: "", 1: true }],
  ["--name=-1", { _: [], name: "-1" }],
  ["--name a --name b", { _: [], name: "b" }],
  ["--seed 1 --seed 2", { _: [], seed: ["1", "2"] }],
  ["-h a", { _: ["a"], help: true }],
  ["--help=false 7", { _: ["7"] }],
  ["--help true", { _: [], help: true }],
  ["--no-grid --no-help", { _: [], grid: false, "no-help": true }],
  ["--other x", { _: [], other: "x" }],
  ["a -- --name b", { _: ["a", "--name", "b"] }],
  ["-", { _: ["-"] }],
];
for (const [line, result] of parsed) {
  Deno.test(`parseArgs reads ${line}`, () => {
    const expected = { help: false, seed: [], grid: undefined, ...result };
    deepEqual({ ...parseArgs(line.split(" "), options) }, expected);
  });
}

Deno.test("parseArgs: an empty text is no value", () => {
  deepEqual(parseArgs(["--name", "", "a"], options)._, ["", "a"]);
});

Deno.test("parseArgs: without _ among the strings, numbers between the flags are numbers", () => {
  deepEqual(parseArgs(["7", "a", "-h"], { ...options, string: [] })._, [7, "a"]);
});

Deno.test("parseArgs: what is unknown is asked about and may be left out", () => {
  const asked: unknown[] = [];
  const unknown = (...args: unknown[]) => (asked.push(args), args.length === 1);
  deepEqual(parseArgs(["a", "--other=x", "--name", "b"], { ...options, unknown }), {
    _: ["a"],
    name: "b",
    help: false,
    seed: [],
    grid: undefined,
  });
  deepEqual(asked, [["a"], ["--other=x", "other", "x"]]);
});

Deno.test("the functions of paths are those of POSIX", { ignore: Deno.build.os === "windows" }, () => {
  equal(join("a", "..", "b", "c.txt"), "b/c.txt");
  equal(resolve("/a", "b", "../c"), "/a/c");
  equal(relative("/a/b", "/a/c"), "../c");
  deepEqual([basename("/a/b.txt"), basename("/a/b.txt", ".txt"), dirname("/a/b.txt")], ["b.txt", "b", "/a"]);
  deepEqual([extname("a.tar.gz"), extname(".x"), isAbsolute("/a"), isAbsolute("a")], [".gz", "", true, false]);
  equal(fromFileUrl("file:///a%20b/c%23"), "/a b/c#");
  equal(toFileUrl("/a b/c#").href, "file:///a%20b/c%23");
  throws(() => toFileUrl("a"), TypeError);
  throws(() => fromFileUrl("https://a/b"), TypeError);
});
