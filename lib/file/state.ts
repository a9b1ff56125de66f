import { dirname } from "@std/path";
import { createHash } from "node:crypto";
import { type Difference, LatentError } from "../base/mod.ts";
import { type AtomicOptions, writeAtomic } from "./atomic.ts";
import { disk } from "./disk.ts";
import { formatHeader, LENGTH_BYTES } from "./header.ts";
import type { FileLayer, ReadableFile } from "./layer.ts";
import { SafetensorsFile, type TensorSource, writeData } from "./safetensors.ts";
import { quote } from "./scanner.ts";

/** What JSON can hold. */
export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue };

/** A tensor of a run's state. */
export interface StateTensor extends TensorSource {
  /** Whether all elements are finite; left out for tensors that cannot be otherwise (generator states). */
  finite?(): boolean;
}

/** All that a run needs to go on: weights, averages, optimisers, generators; and beside them position, config, scale … */
export interface RunState {
  /** The tensors by name. */
  tensors: ReadonlyMap<string, StateTensor>;
  /** Everything else. */
  value: JsonValue;
}

/** A run's state as it was read: its value, and the open file for its tensors. Dispose of it when they are loaded. */
export interface SavedState extends Disposable {
  /** The file, its hash checked. */
  file: SafetensorsFile;
  /** What was beside the tensors. */
  value: JsonValue;
}

const FORMAT = "latent.state.1";
const NO_HASH = "0".repeat(64);
const HASH_OFFSET = LENGTH_BYTES + '{"__metadata__":{"sha256":"'.length;
const CHUNK_BYTES = 4 << 20;

/**
 * Writes a run's state as one safetensors file, tensor by tensor, through a temporary name. In the header's metadata
 * stands the SHA-256 of the whole file with 64 zeros in the place of the hash itself, so that no bit is without it.
 *
 * @throws LatentError `checkpoint.nonfinite` for values that are not finite, `checkpoint.space` where the disk has too
 * little room; nothing was written then; others of the kind `file`
 */
export function writeState(path: string, state: RunState, options: AtomicOptions = {}): void {
  const value = toJson(state.value, path);
  checkFinite(state.tensors, path);
  const metadata = new Map([["sha256", NO_HASH], ["format", FORMAT], ["state", value]]);
  const { head, header } = formatHeader(state.tensors, metadata, path);
  const fileBytes = header.entries.reduce((sum, { bytes }) => sum + bytes, head.length);
  checkSpace(path, fileBytes, options.layer ?? disk);
  const hash = createHash("sha256").update(head);
  writeAtomic(path, (file) => {
    file.write(head);
    writeData(header, state.tensors, (chunk) => {
      hash.update(chunk);
      file.write(chunk);
    });
    file.writeAt(new TextEncoder().encode(hash.digest("hex")), HASH_OFFSET);
  }, options);
}

/**
 * Opens a run's state and checks its hash, which reads the file once.
 *
 * @throws LatentError `checkpoint.damaged` where a bit is not as it was written, `checkpoint.foreign` for another
 * program's file, `file.header` and `file.truncated` as {@linkcode SafetensorsFile.open}
 */
export function readState(path: string, layer: FileLayer = disk): SavedState {
  const file = SafetensorsFile.open(path, layer);
  try {
    const { metadata } = file;
    if (metadata.get("format") !== FORMAT) throw foreign(path, metadata.get("format"));
    const found = hashOf(file.source);
    const wanted = metadata.get("sha256") ?? "none";
    if (found !== wanted) throw damaged(path, found, wanted);
    return { file, value: JSON.parse(metadata.get("state") ?? "null"), [Symbol.dispose]: () => file[Symbol.dispose]() };
  } catch (error) {
    file[Symbol.dispose]();
    throw error;
  }
}

/** Of a file whose first metadata key is the hash; of any other file it gives a hash that cannot be the wanted one. */
function hashOf(file: ReadableFile): string {
  const hash = createHash("sha256");
  const buffer = new Uint8Array(Math.min(CHUNK_BYTES, file.size));
  for (let offset = 0; offset < file.size; offset += buffer.length) {
    const chunk = buffer.subarray(0, file.size - offset);
    file.read(chunk, offset);
    if (offset === 0) chunk.fill(0x30, HASH_OFFSET, HASH_OFFSET + NO_HASH.length);
    hash.update(chunk);
  }
  return hash.digest("hex");
}

/** JSON, which would turn NaN and infinities into null without a word. */
function toJson(value: JsonValue, path: string): string {
  return JSON.stringify(value, (key, member) => {
    if (typeof member !== "number" || Number.isFinite(member)) return member;
    throw nonfinite(path, [{ name: key, found: String(member), wanted: "a finite number" }]);
  });
}

function checkFinite(tensors: ReadonlyMap<string, StateTensor>, path: string): void {
  const wrong = [...tensors].filter(([, tensor]) => tensor.finite?.() === false);
  if (wrong.length === 0) return;
  throw nonfinite(path, wrong.map(([name]) => ({ name, found: "NaN or infinity", wanted: "finite values" })));
}

function checkSpace(path: string, wanted: number, layer: FileLayer): void {
  const free = layer.freeBytes(dirname(path));
  if (free >= wanted) return;
  throw new LatentError("checkpoint.space", {
    what: `there is no room for ${path}`,
    found: `${free} bytes free`,
    wanted: `${wanted} bytes`,
    mend: "make room on the disk, or keep fewer checkpoints; those that exist are untouched",
  });
}

function nonfinite(path: string, differences: Difference[]): LatentError {
  return new LatentError("checkpoint.nonfinite", {
    what: `${path} was not written: the state has values that are not finite`,
    differences,
    mend: "go on from the last checkpoint, with a lower learning rate or with gradient clipping",
  });
}

function foreign(path: string, found = "none"): LatentError {
  return new LatentError("checkpoint.foreign", {
    what: `${path} is not the state of a run`,
    found: `format ${quote(found)} in its metadata`,
    wanted: quote(FORMAT),
    mend: "to start from the weights of another program's file, use --init instead of --resume",
  });
}

function damaged(path: string, found: string, wanted: string): LatentError {
  return new LatentError("checkpoint.damaged", {
    what: `${path} is not as it was written: at least one bit has changed`,
    found: `SHA-256 ${found}`,
    wanted: `SHA-256 ${quote(wanted)}`,
    mend: "use an older checkpoint; if this happens again, check the disk and the memory of the machine",
  });
}
