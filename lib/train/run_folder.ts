import { join } from "@std/path";
import { stringify } from "yaml";
import { check, type Difference, LatentError, type Schema } from "../base/mod.ts";
import { disk, type FolderLock, lockFolder, removePartials, writeAtomic } from "../file/mod.ts";
import { changeable } from "./config.ts";

/** One line of a run's log. */
export interface LogLine {
  step: number;
  /** Of training, since the run began. */
  seconds: number;
  loss?: number;
  norm?: number;
  learningRate?: number;
  /** What the loss is made of. */
  terms?: Record<string, number>;
  validationLoss?: number;
}

/**
 * The folder of a run: `config.yaml`, `log.jsonl`, `checkpoints/`, `samples/`, `loss.png`, `model.safetensors`.
 * It belongs to one process at a time.
 */
export interface RunFolder extends Disposable {
  readonly path: string;
  /** A path inside. */
  file(...names: string[]): string;
  /** Writes `config.yaml`, from which a run is resumed. */
  keepConfig(config: Record<string, unknown>): void;
  log(line: LogLine): void;
  lines(): LogLine[];
  /** Forgets what was logged after a step: a resumed run does it anew. */
  forgetAfter(step: number): void;
}

/**
 * Makes the folder of a new run, or opens that of a run to resume.
 *
 * @throws LatentError `usage.run_exists` for a folder with anything in it unless it is resumed, `usage.no_run`,
 * `usage.out`, `run.locked`
 */
export function openRun(path: string, config: Record<string, unknown>, resume: boolean): RunFolder {
  if (resume) configOfRun(path);
  else wantNew(path);
  makeFolder(path);
  const lock = lockFolder(path);
  try {
    if (!resume) wantNew(path); // another process may have begun a run meanwhile
    const folder = runFolder(path, lock);
    if (!resume) folder.keepConfig(config); // first: without it a killed run could not be resumed
    for (const inside of [path, folder.file("checkpoints"), folder.file("samples")]) {
      makeFolder(inside);
      removePartials(inside); // of a killed process
    }
    return folder;
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
}

/** The config of a run that is to be resumed. @throws LatentError `usage.no_run` where there is none */
export function configOfRun(path: string): string {
  const configPath = join(path, "config.yaml");
  if (disk.exists(configPath)) return configPath;
  throw new LatentError("usage.no_run", {
    what: `There is no run to resume in ${path}`,
    wanted: "a folder with config.yaml and checkpoints/",
    mend: "Name the folder of a run by --out, or start one without --resume.",
  });
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
    names = [...Deno.readDirSync(path)].map((entry) => entry.name).filter((name) => !name.startsWith("."));
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

function makeFolder(path: string): void {
  try {
    Deno.mkdirSync(path, { recursive: true });
  } catch (cause) {
    throw new LatentError("usage.out", {
      what: `The folder ${path} cannot be made`,
      found: cause instanceof Error ? cause.message : String(cause),
      wanted: "a folder that this user may write to",
      mend: "Name another folder by --out.",
      cause,
    });
  }
}

function runFolder(path: string, lock: FolderLock): RunFolder {
  const logPath = join(path, "log.jsonl");
  const lines = () => readLines(logPath);
  return {
    path,
    file: (...names) => join(path, ...names),
    keepConfig: (config) => writeText(join(path, "config.yaml"), stringify(config)),
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
