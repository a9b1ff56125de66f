/** Tests against a live peer. @module */
import { peer } from "./environment.ts";
import { PeerProcess } from "./runner.ts";

/** Set for the whole test process once the environment could not be made, so that no other file tries again. */
const FAILED = "LATENT_PEERS_FAILED";

const found = Deno.env.has(FAILED) ? undefined : await peer();
if (found === undefined) Deno.env.set(FAILED, "1");

Deno.env.set("OMP_WAIT_POLICY", "PASSIVE"); // of the peer's threads too: on shared cores those that spin wait for ever

let running: PeerProcess | undefined;

/**
 * A test that calls the peer; ignored where there is none (which is an error with LATENT_PEERS=required), and where
 * `ignore` says so. The tests of a file share one Python process.
 */
export function peerTest(name: string, body: (peer: PeerProcess) => Promise<void>, ignore = false): void {
  Deno.test({ name, ignore: ignore || found === undefined, fn: () => body(running!) });
}

Deno.test.beforeAll(() => {
  if (found !== undefined) running = new PeerProcess(found);
});

Deno.test.afterAll(async () => {
  await running?.[Symbol.asyncDispose]();
});
