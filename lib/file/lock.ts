import { join } from "@std/path";
import { LatentError, lockHolder, tryLock } from "../base/mod.ts";
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
  try {
    const lock = tryLock(path);
    if (lock !== undefined) return lock;
  } catch (error) {
    throw fileError(path, "locked", error);
  }
  throw locked(folder, lockHolder(path));
}

/** The holder is unknown where locked files can't be read (Windows), and in the moment before it has written its number. */
function locked(folder: string, holder: number | undefined): LatentError {
  return new LatentError("run.locked", {
    what: `${folder} is in use`,
    found: holder === undefined ? "another process that holds it" : `process ${holder}, which holds it`,
    wanted: "a folder that no run is using",
    mend: `wait until it ends, ${holder === undefined ? "" : `stop it (kill ${holder}), `}or choose another folder`,
  });
}
