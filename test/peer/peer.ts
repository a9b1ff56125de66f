/** Tests against a live peer. @module */
import { peer } from "./environment.ts";
import { type PeerArray, PeerProcess } from "./runner.ts";

/** Set for the whole test process once the environment could not be made, so that no other file tries again. */
const FAILED = "LATENT_PEERS_FAILED";

const found = Deno.env.has(FAILED) ? undefined : await peer();
if (found === undefined) Deno.env.set(FAILED, "1");

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

/** A float32 array for the peer. */
export function float32(values: Iterable<number>, shape: readonly number[]): PeerArray {
  return { dtype: "float32", shape, bytes: new Uint8Array(new Float32Array([...values]).buffer) };
}

/** An array of 8-bit values (pixels, a file) for the peer. */
export function uint8(values: Uint8Array, shape: readonly number[] = [values.length]): PeerArray {
  return { dtype: "uint8", shape, bytes: values };
}

/** An int64 array (indices, timesteps) for the peer. */
export function int64(values: Iterable<number>, shape: readonly number[]): PeerArray {
  return { dtype: "int64", shape, bytes: new Uint8Array(BigInt64Array.from([...values].map(BigInt)).buffer) };
}

/** The values of an array of the peer: float32, float64, int64 or uint8. */
export function numbers({ dtype, bytes }: PeerArray): number[] {
  const { buffer } = new Uint8Array(bytes);
  switch (dtype) {
    case "float32":
      return [...new Float32Array(buffer)];
    case "float64":
      return [...new Float64Array(buffer)];
    case "int64":
      return [...new BigInt64Array(buffer)].map(Number);
    case "uint8":
      return [...bytes];
    default:
      throw new TypeError(`numbers() does not read ${dtype}`);
  }
}
