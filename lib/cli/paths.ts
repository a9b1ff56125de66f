import { fromFileUrl, resolve } from "@std/path";
import * as z from "zod";
import type { Schema } from "../base/mod.ts";

/**
 * The folder that relative paths of the user start from. `deno task` runs in the root of the clone and says in
 * `INIT_CWD` where it was called; anywhere else that variable is some other program's (npx sets it too) and says nothing.
 */
function startFolder(): string {
  const here = Deno.cwd();
  if (!import.meta.url.endsWith("/lib/cli/paths.ts")) return here; // one bundled file, which no task runs
  const root = fromFileUrl(new URL("../..", import.meta.url));
  return resolve(here) === resolve(root) ? Deno.env.get("INIT_CWD") ?? here : here;
}

/** The absolute path that the user means. */
export function userPath(path: string): string {
  return resolve(startFolder(), path);
}

/** An option that is the path of a file or folder; its value is absolute. */
export function pathOption(kind: "file" | "folder", description: string): Schema<string> & z.ZodType<string> {
  return z.string().min(1).meta({ description, placeholder: kind === "file" ? "FILE" : "DIR", complete: kind })
    .transform(userPath);
}
