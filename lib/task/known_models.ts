import { join } from "@std/path";
import { cacheFolder, LatentError, privateFolder, recordIn, replaceTextFile } from "../base/mod.ts";

/** Where this machine's models were seen last, by the SHA-256 of their files: what a recipe names is found here. */
function listPath(): string {
  return join(privateFolder(cacheFolder()), "models.json");
}

/** Notes where a model lies. */
export function rememberModel(hash: string, path: string): void {
  const known = recordIn(listPath()) ?? {};
  if (known[hash] !== path) replaceTextFile(listPath(), JSON.stringify({ ...known, [hash]: path }, null, 2));
}

/** Where the model with this hash was seen last. @throws LatentError `usage.unknown_model` if it was not seen here */
export function modelOfHash(hash: string): string {
  const path = (recordIn(listPath()) ?? {})[hash];
  if (typeof path === "string") return path;
  throw new LatentError("usage.unknown_model", {
    what: "The model that made this picture is not known on this machine",
    wanted: `the model file with SHA-256 ${hash}`,
    mend: "Name its file or run folder before --again.",
  });
}
