/**
 * The functions of JSR's `@std/path` that this project uses, over `node:path` and `node:url`, for machines that can't
 * reach JSR. `deno.json` names this folder in `"links"`; with that line deleted the real package is used.
 *
 * @module
 */
import * as node from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** The last part of a path, less `suffix` if it ends so. */
export function basename(path: string, suffix = ""): string {
  return node.basename(path, suffix);
}

/** The path without its last part; `.` if there is no other. */
export function dirname(path: string): string {
  return node.dirname(path);
}

/** The extension with its dot, or "" for none (and for dot files). */
export function extname(path: string): string {
  return node.extname(path);
}

/** Whether the path starts at a root. */
export function isAbsolute(path: string): boolean {
  return node.isAbsolute(path);
}

/** The parts put together and normalised: `join("a", "../b")` is `b`. */
export function join(path: string, ...paths: string[]): string {
  return node.join(path, ...paths);
}

/** The way from one path to another. */
export function relative(from: string, to: string): string {
  return node.relative(from, to);
}

/** The absolute path that the parts lead to from the current folder, read from left to right. */
export function resolve(...paths: string[]): string {
  return node.resolve(...paths);
}

/** The path of a `file:` URL. Throws a TypeError for another scheme. */
export function fromFileUrl(url: string | URL): string {
  return fileURLToPath(url);
}

/** The `file:` URL of an absolute path. Throws a TypeError for a relative one. */
export function toFileUrl(path: string): URL {
  if (!node.isAbsolute(path)) throw new TypeError(`Path must be absolute: received "${path}"`);
  return pathToFileURL(path);
}
