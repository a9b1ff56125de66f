import { join } from "@std/path";
import { LatentError } from "../base/mod.ts";
import { fileError } from "./layer.ts";

const NAME = ".lock";

/** A folder that is held. */
export interface FolderLock extends Disposable {
  /** Lets the folder go; so does the end of the process, however it ends. */
  [Symbol.dispose](): void;
}

/**
 * Holds a folder for this process alone, through an exclusive lock of the system on its file `.lock`, in which the
 * process's number stands. The kernel drops the lock with the process, a kill -9 included; the file stays.
 *
 * @throws LatentError `run.locked` where another process (or this one) holds it, others of the kind `file`
 */
export function lockFolder(folder: string): FolderLock {
  const path = join(folder, NAME);
  const file = open(path);
  try {
    if (!file.tryLockSync(true)) throw locked(folder, path);
    file.truncateSync(0);
    file.writeSync(new TextEncoder().encode(`${Deno.pid}\n`));
  } catch (error) {
    file.close();
    throw fileError(path, "locked", error);
  }
  return { [Symbol.dispose]: () => file.close() };
}

function open(path: string): Deno.FsFile {
  try {
    return Deno.openSync(path, { read: true, write: true, create: true });
  } catch (cause) {
    throw fileError(path, "opened", cause);
  }
}

function locked(folder: string, path: string): LatentError {
  const holder = holderOf(path);
  return new LatentError("run.locked", {
    what: `${folder} is in use`,
    found: holder === undefined ? "another process that holds it" : `process ${holder}, which holds it`,
    wanted: "a folder that no run is using",
    mend: `wait until it ends, ${holder === undefined ? "" : `stop it (kill ${holder}), `}or choose another folder`,
  });
}

/** Unknown where locked files can't be read (Windows), and in the moment before the holder has written its number. */
function holderOf(path: string): string | undefined {
  try {
    return /^\d+$/.exec(Deno.readTextFileSync(path).trim())?.[0];
  } catch {
    return undefined;
  }
}
