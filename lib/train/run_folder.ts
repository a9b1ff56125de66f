import { dirname, join } from "@std/path";
import { stringify } from "yaml";
import { check, type Difference, LatentError, type Schema } from "../base/mod.ts";
import { type FolderLock, lockFolder, writeAtomic } from "../file/mod.ts";
import { changeable } from "./config.ts";

/** One line of a run's log. */
export interface LogLine {
  step: number;
  /** Of training, since the run began. */
  seconds: number;
  loss?: number;
  norm?: number;
  learningRate?: number;
  validationLoss?: number;
}

/**
 * The folder of a run: `config.yaml`, `log.jsonl`, `checkpoints/`, `samples/`, `loss.png`, `model.safetensors`.
 * It belongs to one process at a time.
 */
export interface RunFolder extends Disposable {
  readonly path: string;
  /** A path inside; its folder is made. */
  file(...names: string[]): string;
  log(line: LogLine): void;
  lines(): LogLine[];
  /** Forgets what was logged after a step: a resumed run does it anew. */
  forgetAfter(step: number): void;
}

/**
 * Makes the folder of a new run, or opens that of a run to resume.
 *
 * @throws LatentError `run.exists` for a folder with anything in it unless it is resumed, `run.missing`, `run.locked`,
 * `config.changed` with what differs from the run's own config
 */
export function openRun(path: string, config: Record<string, unknown>, resume: boolean): RunFolder {
  const configPath = join(path, "config.yaml");
  if (resume) wantRun(path, configPath);
  else wantNew(path);
  Deno.mkdirSync(join(path, "checkpoints"), { recursive: true });
  const lock = lockFolder(path);
  try {
    if (!resume) writeText(configPath, stringify(config));
    return runFolder(path, lock);
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
}

/** @throws LatentError `config.changed` where settings differ that decide what is learned */
export function wantSameConfig(path: string, saved: unknown, config: Record<string, unknown>): void {
  const differences = differencesOf(saved, config).filter(({ name }) => !changeable.includes(name));
  if (differences.length === 0) return;
  throw new LatentError("config.changed", {
    what: `The run in ${path} was made with another config`,
    differences: differences.map(({ name, found, wanted }) => ({ name, found: wanted, wanted: found })),
    mend: "Resume with the run's own settings, or start a new run in another folder with --init.",
  });
}

/** A value of a checkpoint as its schema's type. */
export function checkedState<T>(schema: Schema<T>, value: unknown, path: string): T {
  return check(schema, value, {
    code: "checkpoint.state",
    subject: path,
    mend: "Use a checkpoint of this kind of run.",
  });
}

function wantNew(path: string): void {
  let names: string[];
  try {
    names = [...Deno.readDirSync(path)].map((entry) => entry.name).filter((name) => name !== ".lock");
  } catch {
    return;
  }
  if (names.length === 0) return;
  throw new LatentError("usage.run_exists", {
    what: `There is something in ${path} already`,
    found: names.slice(0, 5).join(", "),
    wanted: "a new or empty folder for a new run",
    mend: "Go on with that run by --resume, or name another folder by --out.",
  });
}

function wantRun(path: string, configPath: string): void {
  try {
    Deno.statSync(configPath);
  } catch (cause) {
    throw new LatentError("usage.no_run", {
      what: `There is no run to resume in ${path}`,
      wanted: "a folder with config.yaml and checkpoints/",
      mend: "Name the folder of a run by --out, or start one without --resume.",
      cause,
    });
  }
}

function runFolder(path: string, lock: FolderLock): RunFolder {
  const logPath = join(path, "log.jsonl");
  const lines = () => readLines(logPath);
  return {
    path,
    file(...names) {
      const file = join(path, ...names);
      Deno.mkdirSync(dirname(file), { recursive: true });
      return file;
    },
    log: (line) => Deno.writeTextFileSync(logPath, JSON.stringify(line) + "\n", { append: true }),
    lines,
    forgetAfter(step) {
      const kept = lines().filter((line) => line.step <= step);
      writeText(logPath, kept.map((line) => JSON.stringify(line) + "\n").join(""));
    },
    [Symbol.dispose]: () => lock[Symbol.dispose](),
  };
}

/** The whole lines of a log; a killed process may have left half of one. */
function readLines(path: string): LogLine[] {
  let text = "";
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return text.split("\n").slice(0, -1).flatMap((line) => {
    try {
      return [JSON.parse(line) as LogLine];
    } catch {
      return [];
    }
  });
}

function writeText(path: string, text: string): void {
  writeAtomic(path, (file) => file.write(new TextEncoder().encode(text)), { replace: true });
}

function differencesOf(a: unknown, b: unknown, name = ""): Difference[] {
  if (isRecord(a) && isRecord(b)) {
    const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])];
    return keys.flatMap((key) => differencesOf(a[key], b[key], name === "" ? key : `${name}.${key}`));
  }
  const [found, wanted] = [JSON.stringify(a) ?? "nothing", JSON.stringify(b) ?? "nothing"];
  return found === wanted ? [] : [{ name, found, wanted }];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
