import { LatentError } from "../base/mod.ts";

/** A file being written. Its bytes are certain to outlast a crash only after `sync`. */
export interface WritableFile {
  /** Appends all of `bytes`. */
  write(bytes: Uint8Array): void;
  /** Replaces bytes that are already written; what is appended afterwards still goes to the end. */
  writeAt(bytes: Uint8Array, offset: number): void;
  /** Returns when the contents are on the disk (fsync). */
  sync(): void;
  /** Gives the file back to the system. */
  close(): void;
}

/** A file being read. */
export interface ReadableFile {
  /** Bytes that it had when it was opened. */
  readonly size: number;
  /** Fills all of `into` with the bytes from `offset` on; throws `file.truncated` where the file ends before. */
  read(into: Uint8Array, offset: number): void;
  /** Gives the file back to the system. */
  close(): void;
}

/**
 * What reading and writing files asks of a file system. The disk is the real one; tests pass others that record, run full or
 * crash. Everything that fails throws a LatentError of the kind `file`.
 */
export interface FileLayer {
  /** Makes a new file to write; throws `file.exists` where there is one. */
  create(path: string): WritableFile;
  /** Opens a file to read; throws `file.missing` where there is none. */
  open(path: string): ReadableFile;
  /** Whether something has this path. */
  exists(path: string): boolean;
  /** Gives a file another path, in one step, replacing what has it. */
  rename(from: string, to: string): void;
  /** Gives a file a second path, in one step; throws `file.exists` where something has it. */
  link(from: string, to: string): void;
  /** Deletes a file, or one of the paths of a file that has several. */
  remove(path: string): void;
  /** Names of what is in a folder, in no order. */
  list(folder: string): string[];
  /** Returns when creations, renamings and removals in the folder are on the disk. */
  syncFolder(folder: string): void;
  /** Bytes that may still be written in the folder's file system. */
  freeBytes(folder: string): number;
}

/** The error of a file operation that the system refused, from the system's own error. */
export function fileError(path: string, doing: string, cause: unknown): LatentError {
  if (cause instanceof LatentError) return cause;
  const { code, message } = cause instanceof Error ? cause as Error & { code?: string } : { message: String(cause) };
  const [detail, mend] = CODES[code ?? ""] ?? ["failed", "look at the disk and the system's log"];
  return new LatentError(`file.${detail}`, { what: `${path} could not be ${doing}`, found: message, mend, cause });
}

const CODES: Record<string, [detail: string, mend: string]> = {
  ENOENT: ["missing", "check the path"],
  ENOTDIR: ["missing", "check the path: a part of it is a file, not a folder"],
  EISDIR: ["folder", "give the path of a file, this is a folder"],
  EEXIST: ["exists", "choose another path or move the file away: nothing is overwritten"],
  EACCES: ["denied", "check the permissions of the file and of its folder"],
  EPERM: ["denied", "check the permissions of the file and of its folder"],
  EROFS: ["denied", "choose another folder: this file system is read-only"],
  ENOSPC: ["full", "make room on the disk or choose another folder"],
  EDQUOT: ["full", "make room within your quota or choose another folder"],
};
