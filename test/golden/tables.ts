/** Tables that the original code has made, each file a JSON object of them, and how near ours come. @module */
import { readdirSync, readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { LatentError } from "../../lib/base/mod.ts";
import { type Comparison, goldenFolders, isWithin } from "./golden.ts";

/** A row of a table: ours and the original's, equal unless a tolerance is given. */
export interface TableRow {
  /** The table's name, a space, the row's number. */
  name: string;
  found: unknown;
  wanted: unknown;
  /** Of lists of numbers: of each difference, or of its share of the original's number. */
  tolerance?: Comparison["tolerance"];
}

type Rows = Iterable<TableRow> | AsyncIterable<TableRow>;

/** A sentence about tables. */
export interface TableClaim {
  says: string;
  /** The keys of a file that it compares or needs: a file is known by them, whatever its name. */
  keys: readonly string[];
  /** The rows of a file's text. */
  rows(json: string): Rows;
}

/** A claim about the keys of T. */
export function tableClaim<T>(says: string, keys: (keyof T & string)[], rows: (tables: T) => Rows): TableClaim {
  return { says, keys, rows: (json) => rows(JSON.parse(json)) };
}

/** What became of a file's tables. */
export interface TablesReport {
  /** The worst row of each table, by its name without the row's number. */
  tables: Map<string, Comparison>;
  /** Names of rows that are beyond their tolerance. */
  beyond: string[];
  /** Keys that nothing was compared with. */
  left: string[];
}

/** Compares a file in what claims have to say. @throws LatentError `file.golden` where it holds no tables */
export async function compareTables(path: string, claims: readonly TableClaim[]): Promise<TablesReport> {
  const { json, keys } = read(path);
  const report: TablesReport = { tables: new Map(), beyond: [], left: keys.filter((key) => key !== "notes") };
  for (const claim of claims.filter((claim) => claim.keys.every((key) => keys.includes(key)))) {
    for await (const row of claim.rows(json)) note(report, row);
    report.left = report.left.filter((key) => !claim.keys.includes(key));
  }
  return report;
}

function read(path: string): { json: string; keys: string[] } {
  try {
    const json = readFileSync(path, "utf8");
    const keys = Object.keys(JSON.parse(json));
    if (keys.some((key) => key !== "notes")) return { json, keys };
  } catch { // as one without tables
  }
  throw new LatentError("file.golden", {
    what: `${path} holds no tables`,
    wanted: "a JSON object of them",
    mend: "Give a file such as ../shared/goldens/schedules.json.",
  });
}

function note({ tables, beyond }: TablesReport, row: TableRow): void {
  const found = compared(row);
  if (!isWithin(found)) beyond.push(row.name);
  const table = row.name.slice(0, row.name.lastIndexOf(" "));
  const worst = tables.get(table);
  if (worst === undefined || isWithin(worst) && !(found.used <= worst.used)) tables.set(table, found);
}

function compared({ found, wanted, tolerance = { kind: "absolute", value: 0 } }: TableRow): Comparison {
  const equal = isDeepStrictEqual(found, wanted);
  const [absolute, relative] = equal ? [0, 0] : differences(found, wanted);
  const error = { absolute, relative }[tolerance.kind];
  return { absolute, relative, tolerance, used: error === 0 ? 0 : error / tolerance.value };
}

/** The largest difference and the largest share; NaN of what are no lists of so many numbers. */
function differences(found: unknown, wanted: unknown): [absolute: number, relative: number] {
  if (!Array.isArray(found) || !Array.isArray(wanted) || found.length !== wanted.length) return [NaN, NaN];
  const each = wanted.map((value: number, i) => Math.abs(found[i] - value));
  const share = (difference: number, i: number) => difference === 0 ? 0 : difference / Math.abs(wanted[i]);
  return [Math.max(0, ...each), Math.max(0, ...each.map(share))];
}

/** The files of tables that stand here, and those of `--goldens DIR` or LATENT_GOLDENS. */
export function tableFiles(): string[] {
  return goldenFolders().flatMap((folder) =>
    readdirSync(folder).sort().filter((name) => name.endsWith(".json")).map((name) => `${folder}/${name}`)
  );
}
