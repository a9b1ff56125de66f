import { join } from "@std/path";
import { statfsSync } from "node:fs";
import { LatentError } from "./error.ts";

/**
 * Where this program keeps what it fetched and built: `$XDG_CACHE_HOME/latent` if that is set (to an absolute path, as
 * its specification wants), else the platform's folder for such things. Throws `setup.no_home` where there is none.
 */
export function cacheFolder(): string {
  const xdg = Deno.env.get("XDG_CACHE_HOME");
  if (xdg?.startsWith("/")) return join(xdg, "latent");
  const windows = Deno.build.os === "windows";
  const home = Deno.env.get(windows ? "LOCALAPPDATA" : "HOME");
  if (!home) {
    throw new LatentError("setup.no_home", {
      what: "there is no folder to keep libtorch and the shim in",
      found: `neither XDG_CACHE_HOME nor ${windows ? "LOCALAPPDATA" : "HOME"} is set`,
      mend: "Set XDG_CACHE_HOME to an absolute path.",
    });
  }
  if (windows) return join(home, "latent", "cache");
  return join(home, Deno.build.os === "darwin" ? "Library/Caches" : ".cache", "latent");
}

/** Makes a folder and its missing parents, readable by their owner alone (0700), and returns its path. */
export function privateFolder(...parts: [string, ...string[]]): string {
  const path = join(...parts);
  Deno.mkdirSync(path, { recursive: true, mode: 0o700 });
  return path;
}

/** Writes a small text file under a temporary name, synced, and renames it: readers see the old one or the new one whole. */
export function replaceTextFile(path: string, text: string): void {
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  {
    using file = Deno.openSync(temporary, { write: true, create: true, truncate: true, mode: 0o600 });
    const bytes = new TextEncoder().encode(text);
    for (let written = 0; written < bytes.length;) written += file.writeSync(bytes.subarray(written));
    file.syncSync();
  }
  Deno.renameSync(temporary, path);
}

/**
 * Takes the lock of a file (made when missing) without waiting: a value that releases it on disposal, or undefined while
 * another holder, of this process or another, has it. The kernel releases it with its holder, so a killed process
 * leaves no stale lock; the file stays, with the holder's process number for {@linkcode lockHolder}.
 */
export function tryLock(path: string): Disposable | undefined {
  const file = Deno.openSync(path, { read: true, write: true, create: true, mode: 0o600 });
  if (!file.tryLockSync(true)) {
    file.close();
    return undefined;
  }
  file.truncateSync();
  file.writeSync(new TextEncoder().encode(`${Deno.pid}\n`));
  return { [Symbol.dispose]: () => file.close() };
}

/** The number of the process that took the lock of a file last, where it can be read. */
export function lockHolder(path: string): number | undefined {
  const pid = Number(textOf(path)?.trim());
  return Number.isInteger(pid) && pid > 0 ? pid : undefined;
}

/** The text of a file, or undefined where there is none that can be read. */
export function textOf(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return undefined;
  }
}

/** The JSON object that a file of this program holds, or undefined where there is none: what a cache holds can be made again. */
export function recordIn(path: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(textOf(path) ?? "");
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/** The names in a folder, sorted; none if it isn't there. */
export function namesIn(path: string): string[] {
  try {
    return [...Deno.readDirSync(path)].map((entry) => entry.name).sort();
  } catch {
    return [];
  }
}

/** The bytes of all files below a path (links aren't followed); 0 if it isn't there. */
export function bytesBelow(path: string): number {
  try {
    const info = Deno.lstatSync(path);
    if (!info.isDirectory) return info.size;
  } catch {
    return 0; // it went away while we looked
  }
  return namesIn(path).reduce((sum, name) => sum + bytesBelow(join(path, name)), 0);
}

/** The bytes that an unprivileged process may still write on the file system of an existing path. */
export function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize;
}
