import type { Permission } from "./command.ts";

const all: readonly Permission[] = ["read", "write", "net", "run", "ffi", "sys"];

/**
 * Gives up every permission but these for the rest of the process. The environment stays open: the YAML parser looks
 * for its debugging switches there at every call. Native code is outside Deno's sandbox: with `ffi`
 * this guards against mistakes in our own code and in packages, not against libtorch.
 */
export async function keepOnly(permissions: readonly Permission[]): Promise<void> {
  for (const name of all) {
    if (!permissions.includes(name)) await Deno.permissions.revoke({ name });
  }
}
