import { freeBytes, LatentError } from "../base/mod.ts";

/** An error as the user should see it: what the file system throws becomes a {@linkcode LatentError}. */
export function explained(error: unknown, folder: string): unknown {
  if (error instanceof LatentError) return error;
  if (isDiskFull(error)) return diskFull(folder, error);
  if (error instanceof Error && /\(os error \d+\)/.test(error.message)) {
    return new LatentError("setup.file", {
      what: `set-up met a file or folder that it can't use: ${error.message}`,
      mend:
        `See that it is there and that you may use it. What is fetched and built goes to ${folder}; XDG_CACHE_HOME ` +
        "names another place for it.",
      cause: error,
    });
  }
  return error;
}

/** The error for a file system without room. */
export function diskFull(folder: string, cause?: unknown): LatentError {
  return new LatentError("setup.disk_full", {
    what: `there is no room left on the file system of ${folder}`,
    mend: "Free some, or set XDG_CACHE_HOME to a folder on another file system; then run `latent setup` again.",
    cause,
  });
}

/** Throws `setup.disk_full` when a folder's file system has not so many bytes left: before work, not in its middle. */
export function needBytes(folder: string, wanted: number): void {
  const free = freeBytes(folder);
  if (free >= wanted) return;
  throw new LatentError("setup.disk_full", {
    what: `there is too little room on the file system of ${folder}`,
    found: `${megabytes(free)} free`,
    wanted: megabytes(wanted),
    mend: "Free some, or set XDG_CACHE_HOME to a folder on another file system.",
  });
}

/** Bytes for people: "507 MB". */
export function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6)} MB`;
}

/** Whether an error, or what a program wrote, says that the disk (or the user's share of it) is full. */
export function isDiskFull(error: unknown): boolean {
  return /No space left on device|Disk quota exceeded/.test(String(error));
}
