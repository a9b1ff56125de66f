/**
 * `deno task parity CASE… FILE.json…`: runs what each folder of a case holds, and each file of tables, and prints how far
 * every output is from the original's. Exits with 1 where one is beyond its tolerance or is compared by nothing, or where
 * a case cannot be run.
 * @module
 */
import { basename } from "@std/path";
import { LatentError } from "../../lib/base/mod.ts";
import type { DType } from "../../lib/tensor/mod.ts";
import { claims, tableClaims } from "./claims/mod.ts";
import { type Claim, type Comparison, Golden, isWithin, readCase } from "./golden.ts";
import { compareTables } from "./tables.ts";

/** What became of an output: in float32, and in float64 where that was to decide. */
interface Row {
  float32: Comparison;
  float64?: Comparison;
}

/** What became of a case. */
interface Report {
  name: string;
  rows: Map<string, Row>;
  /** Outputs that nothing was compared with. */
  left: string[];
  /** What kept it from being run, in whole or in part. */
  problems: string[];
  notes: string[];
}

const beyond = ({ float32, float64 }: Row): boolean => !isWithin(float64 ?? float32);

const passed = ({ rows, left, problems }: Report): boolean =>
  left.length === 0 && problems.length === 0 && !rows.values().some(beyond);

/** Compares a case, or a file of tables, in all that is claimed of what it holds. */
async function report(path: string): Promise<Report> {
  const found: Report = { name: basename(path), rows: new Map(), left: [], problems: [], notes: [] };
  await attempt(found, () => path.endsWith(".json") ? reportTables(path, found) : reportCase(path, found));
  return found;
}

async function attempt({ problems }: Report, body: () => Promise<void>): Promise<void> {
  try {
    await body();
  } catch (error) {
    problems.push(said(error));
  }
}

async function reportCase(folder: string, found: Report): Promise<void> {
  using golden = new Golden(await readCase(folder));
  for (const claim of claims.filter((claim) => claim.applies(golden))) {
    await attempt(found, () => follow(claim, golden, found));
  }
  found.left = golden.outputs.filter((name) => !found.rows.has(name));
}

async function reportTables(path: string, found: Report): Promise<void> {
  const { tables, beyond, left } = await compareTables(path, tableClaims);
  for (const [name, float32] of tables) found.rows.set(name, { float32 });
  found.left = left;
  if (beyond.length > 0) found.notes.push(`beyond: ${beyond.join(", ")}`);
}

/** Runs a claim, and where rounding decides it in float32, again. */
async function follow(claim: Claim, golden: Golden, { rows, notes }: Report): Promise<void> {
  const run = async (dtype: DType): Promise<[string, Comparison][]> => {
    golden.compared.clear();
    await claim.body(golden, dtype);
    return [...golden.compared];
  };
  const own = new Map((await run("float32")).map(([name, float32]): [string, Row] => [name, { float32 }]));
  own.forEach((row, name) => rows.set(name, row));
  const lost = own.values().filter(beyond).toArray().length;
  if (lost === 0 || claim.decidedInFloat64 !== true) return;
  for (const [name, float64] of await run("float64")) own.get(name)!.float64 = float64;
  notes.push(
    `In float32 ${lost} of ${own.size} outputs are beyond their tolerance, so the columns on the right are float64's, from`,
    own.values().some(beyond)
      ? "the same weights: rounding does not explain it."
      : "the same weights: rounding decides the sign of faint gradients in float32, and Adam's step follows the sign.",
  );
}

function said(error: unknown): string {
  if (error instanceof LatentError) return error.message;
  return error instanceof Error ? error.stack ?? error.message : String(error);
}

/** A report as it is printed: all outputs, then what else is to be said. */
function* linesOf({ name, rows, left, problems, notes }: Report): Generator<string> {
  yield name;
  const twice = rows.values().some(({ float64 }) => float64 !== undefined);
  const heads = ["output", "absolute", "relative", "tolerance", ...twice ? ["in float64", "relative"] : [], ""];
  if (rows.size > 0) yield* table([heads, ...rows.entries().map(([output, row]) => [output, ...cellsOf(row, twice)])]);
  yield* notes.map((note) => `  ${note}`);
  if (left.length > 0) yield `  compared by nothing: ${grouped(left)}`;
  yield* problems.flatMap((problem) => problem.split("\n")).map((line) => `  ${line}`);
  yield "";
}

function cellsOf(row: Row, twice: boolean): string[] {
  const { float32, float64 } = row;
  const { kind, value } = float32.tolerance;
  const errors = ({ absolute, relative }: Comparison) => [sci(absolute), sci(relative)];
  const again = float64 === undefined || isWithin(float32) && isWithin(float64) ? ["", ""] : errors(float64);
  const allowed = value === 0 ? "exact" : kind === "relative" ? sci(value) : `${sci(value)} absolute`;
  return [...errors(float32), allowed, ...twice ? again : [], beyond(row) ? "BEYOND" : ""];
}

function table(rows: string[][]): string[] {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows.map((row) => `  ${row.map((cell, i) => cell.padEnd(widths[i]!)).join("  ")}`.trimEnd());
}

/** Names by what they begin with, so that a hundred are a line. */
function grouped(names: readonly string[]): string {
  const groups = Map.groupBy(names, (name) => name.split(".")[0]!);
  return Array.from(groups, ([first, of]) => of.length === 1 ? of[0]! : `${first}.… (${of.length})`).join(", ");
}

const sci = (x: number): string => x === 0 ? "0" : x.toExponential(1);

/** A report in one line. */
function summary(found: Report): string {
  const { name, rows, left, problems } = found;
  const lost = rows.entries().filter(([, row]) => beyond(row)).map(([name]) => name).toArray();
  const wide = rows.values().filter((row) => !beyond(row) && !isWithin(row.float32)).toArray().length;
  const nearest = rows.entries().toArray().sort(([, a], [, b]) => used(b) - used(a))[0];
  const parts = [
    `${rows.size - lost.length} outputs are the original's`,
    ...wide === 0 ? [] : [`${wide} of them in float64 alone`],
    ...lost.length === 0 ? [] : [`${lost.length} beyond their tolerance: ${grouped(lost)}`],
    ...left.length === 0 ? [] : [`${left.length} compared by nothing`],
    ...problems.length === 0 ? [] : [`not run: ${problems[0]!.split("\n")[0]}`],
    ...passed(found) && nearest !== undefined
      ? [`at most ${(100 * used(nearest[1])).toFixed(0)} % of a tolerance: ${nearest[0]}`]
      : [],
  ];
  return `${passed(found) ? "passed" : "FAILED"}  ${name}: ${parts.join("; ")}`;
}

const used = ({ float32, float64 }: Row): number => (float64 ?? float32).used;

if (import.meta.main) {
  if (Deno.args.length === 0) {
    console.error(
      "latent: parity takes folders of cases and files of tables: deno task parity ../shared/goldens/first-stage-kl-f4 …",
    );
    Deno.exit(2);
  }
  const reports: Report[] = [];
  for (const path of Deno.args) {
    const one = await report(path);
    for (const line of linesOf(one)) console.log(line);
    reports.push(one);
  }
  for (const one of reports) console.log(summary(one));
  Deno.exit(reports.every(passed) ? 0 : 1);
}
