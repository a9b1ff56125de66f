import type { Picture } from "./picture.ts";

/** A module that emscripten made around a C library's decoder. */
export interface Codec {
  decode(bytes: Uint8Array, ...options: unknown[]): Picture | null;
}

/** Makes a {@linkcode Codec}; what `@jsquash/*` packages export in `codec/dec/`. */
export type CodecFactory = (options: {
  printErr: (line: string) => void;
  instantiateWasm: (
    imports: WebAssembly.Imports,
    ready: (instance: WebAssembly.Instance) => void,
  ) => WebAssembly.Exports;
}) => Promise<Codec>;

/** What a decoder made of a file: a picture or the reason for none, and the library's own warnings. */
export interface Decoded {
  readonly picture: Picture | null;
  readonly warnings: string[];
  readonly cause?: unknown;
}

/** An instance that grew beyond this many bytes of pixels is not kept: WebAssembly memory never shrinks. */
const KEEP_BYTES = 64 << 20;

/**
 * A decoder over a codec's WebAssembly, compiled at the first call and once for each thread.
 * Nothing is read from disk and nothing printed: the bytes are part of the program, the library's words are returned.
 *
 * @param options what the codec's `decode` takes after the bytes
 */
export function wasmDecoder(
  factory: CodecFactory,
  wasm: Uint8Array<ArrayBuffer>,
  ...options: unknown[]
): (bytes: Uint8Array) => Promise<Decoded> {
  let module: Promise<WebAssembly.Module> | undefined;
  let codec: Promise<Codec> | undefined;
  let warnings: string[] = [];

  async function start(): Promise<Codec> {
    const compiled = await (module ??= WebAssembly.compile(wasm));
    return factory({
      printErr: (line) => warnings.push(line),
      instantiateWasm: (imports, ready) => {
        const instance = new WebAssembly.Instance(compiled, imports);
        ready(instance);
        return instance.exports;
      },
    });
  }

  return async (bytes) => {
    const { decode } = await (codec ??= start());
    warnings = [];
    try {
      const decoded = decode(bytes, ...options);
      if (decoded === null) return { picture: null, warnings };
      const { width, height, data } = decoded; // an ImageData, which not every structured clone knows
      if (data.length > KEEP_BYTES) codec = undefined;
      return { picture: { width, height, data }, warnings };
    } catch (cause) {
      codec = undefined; // the library called exit(): the instance is of no more use
      return { picture: null, warnings, cause };
    }
  };
}
