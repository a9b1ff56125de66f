/** A Python process that answers calls of our functions: of `functions/` here, of `bench/peer/` for timing. @module */
import { LatentError } from "../../lib/base/mod.ts";
import type { Peer } from "./environment.ts";

/** An array on its way: bytes little-endian and row-major, PyTorch's name of the dtype. */
export interface PeerArray {
  /** As PyTorch prints it, without its `torch.`. */
  dtype: string;
  /** Sizes of the dimensions. */
  shape: readonly number[];
  /** All elements. */
  bytes: Uint8Array;
}

/** What a function returned: its arrays, and the rest. */
export interface Answer<T> {
  /** By their names in the returned dict. */
  arrays: Record<string, PeerArray>;
  /** Everything else of the dict. */
  json: T;
}

/** What travels as JSON. */
export type Json = string | number | boolean | null | undefined | readonly Json[] | { readonly [key: string]: Json };

/** An answer's first line; the bytes of its arrays follow it. */
interface Head<T> {
  json: T;
  arrays: { name: string; dtype: string; shape: number[]; size: number }[];
  error?: string;
}

/** The folders whose modules a process knows unless told otherwise. */
const FOLDERS = [new URL("functions/", import.meta.url), new URL("../../bench/peer/", import.meta.url)];

/**
 * A Python process that answers calls one at a time. The import of torch (seconds) is paid once; disposing ends it, and
 * it ends by itself with the process that started it.
 */
export class PeerProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #output: Reader;

  /** Starts `server.py` with the functions of the modules in some folders. */
  constructor(peer: Peer, folders: readonly URL[] = FOLDERS) {
    const script = decodeURIComponent(new URL("server.py", import.meta.url).pathname);
    const cache = `pycache_prefix=${peer.python}.cache`; // compiled modules stay out of the source folders
    const args = ["-I", "-X", cache, script, ...folders.map((folder) => decodeURIComponent(folder.pathname))];
    this.#child = new Deno.Command(peer.python, { args, stdin: "piped", stdout: "piped", stderr: "inherit" }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#output = new Reader(this.#child.stdout.getReader());
  }

  /** Calls `module.function` with JSON values and arrays as keyword arguments. Its exception is a `peer.call` error. */
  async call<T = unknown>(
    name: string,
    json: Record<string, Json> = {},
    arrays: Record<string, PeerArray> = {},
  ): Promise<Answer<T>> {
    const entries = Object.entries(arrays);
    const heads = entries.map(([name, { dtype, shape, bytes }]) => ({ name, dtype, shape, size: bytes.length }));
    await this.#input.write(new TextEncoder().encode(JSON.stringify({ call: name, json, arrays: heads }) + "\n"));
    for (const [, { bytes }] of entries) await this.#input.write(new Uint8Array(bytes));
    return await this.#answer(name);
  }

  async #answer<T>(name: string): Promise<Answer<T>> {
    const head = JSON.parse(await this.#output.line()) as Head<T>;
    if (head.error !== undefined) {
      throw new LatentError("peer.call", { what: `${name} failed in Python`, found: head.error });
    }
    const arrays: Record<string, PeerArray> = {};
    for (const { name, dtype, shape, size } of head.arrays) {
      arrays[name] = { dtype, shape, bytes: await this.#output.bytes(size) };
    }
    return { arrays, json: head.json };
  }

  /** Ends the process. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close();
    await this.#output.close();
    await this.#child.status;
  }
}

/** Lines and blocks of bytes out of a stream. */
class Reader {
  #rest = new Uint8Array();

  constructor(private readonly stream: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>) {}

  async line(): Promise<string> {
    let end: number;
    while ((end = this.#rest.indexOf(10)) < 0) {
      const chunk = await this.#chunk();
      const longer = new Uint8Array(this.#rest.length + chunk.length);
      longer.set(this.#rest);
      longer.set(chunk, this.#rest.length);
      this.#rest = longer;
    }
    const line = this.#rest.subarray(0, end);
    this.#rest = this.#rest.subarray(end + 1);
    return new TextDecoder().decode(line);
  }

  async bytes(size: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size;) {
      if (this.#rest.length === 0) this.#rest = await this.#chunk();
      const part = this.#rest.subarray(0, size - at);
      bytes.set(part, at);
      at += part.length;
      this.#rest = this.#rest.subarray(part.length);
    }
    return bytes;
  }

  async close(): Promise<void> {
    await this.stream.cancel();
  }

  async #chunk(): Promise<Uint8Array<ArrayBuffer>> {
    const { value } = await this.stream.read();
    if (value === undefined) {
      throw new LatentError("peer.ended", { what: "The Python process ended before it answered." });
    }
    return value;
  }
}
