import { LatentError } from "../base/mod.ts";
import { blockBytes, blocksFor, isHeader, readHeader } from "./tar.ts";

/** A file in a tar archive: its name, and where its content is. */
export interface TarMember {
  name: string;
  offset: number;
  bytes: number;
}

/** Names and the like that don't fit a header are refused beyond this. */
const maxExtension = 2 ** 20;
/** Read at once: a header, mostly with the small members behind it. */
const windowBytes = 8192;

/** Reads a file here and there; what lies near is read once. */
export class FileWindow implements Disposable {
  /** Bytes of the file. */
  readonly size: number;
  readonly #file: Deno.FsFile;
  readonly #window = new Uint8Array(windowBytes);
  #from = 0;
  #filled = 0;

  constructor(path: string) {
    this.#file = Deno.openSync(path);
    this.size = this.#file.statSync().size;
  }

  /** Bytes from an offset on, fewer where the file ends; a view that holds until the next call. */
  at(offset: number, length: number): Uint8Array {
    if (length > windowBytes) return readAt(this.#file, offset, length);
    if (offset < this.#from || offset + length > this.#from + this.#filled) {
      this.#from = offset;
      this.#filled = fill(this.#file, offset, this.#window);
    }
    return this.#window.subarray(offset - this.#from, Math.min(offset - this.#from + length, this.#filled));
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}

/** So many bytes of a file, fewer where it ends. */
export function readAt(file: Deno.FsFile, offset: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  return bytes.subarray(0, fill(file, offset, bytes));
}

function fill(file: Deno.FsFile, offset: number, target: Uint8Array): number {
  file.seekSync(offset, Deno.SeekMode.Start);
  let filled = 0;
  while (filled < target.length) {
    const count = file.readSync(target.subarray(filled));
    if (count === null) break;
    filled += count;
  }
  return filled;
}

/**
 * The ordinary files of a tar archive that is not compressed (ustar, GNU or pax; several behind one another count as
 * one), in their order. Only headers are read, contents are jumped over.
 *
 * Throws a LatentError `data.archive` where the archive ends too early or is damaged, after all that stands whole
 * before that place.
 */
export function* tarMembers(path: string, file: FileWindow): Generator<TarMember, void, undefined> {
  let long: { name?: string; size?: number } = {};
  let ended = false;
  for (let at = 0; at < file.size;) {
    const header = file.at(at, blockBytes);
    ended = header.length === blockBytes && header.every((byte) => byte === 0);
    if (ended) {
      at += blockBytes;
      continue;
    }
    if (header.length < blockBytes) break;
    const { path: name, size, type } = readHeader(header);
    if (!isHeader(header) || !(size >= 0)) throw damaged(path, at);
    const member = { name: long.name ?? name, offset: at + blockBytes, bytes: long.size ?? size };
    at = member.offset + blocksFor(member.bytes);
    if (member.offset + member.bytes > file.size) throw cutShort(path, file.size, member);
    if (type === "L" || type === "x") long = { ...long, ...extension(path, file, type, member) };
    else {
      long = {};
      if (type === "0" || type === "") yield member;
    }
  }
  if (!ended) throw cutShort(path, file.size);
}

/** What an entry says of the next: its name after GNU's way, or its name and size after pax's. */
function extension(
  path: string,
  file: FileWindow,
  type: "L" | "x",
  { offset, bytes }: TarMember,
): { name?: string; size?: number } {
  if (bytes > maxExtension) throw damaged(path, offset);
  const text = new TextDecoder().decode(file.at(offset, bytes));
  if (type === "L") return { name: text.replace(/\0.*$/s, "") };
  const records = new Map(Array.from(text.matchAll(/^\d+ ([^=\n]+)=(.*)$/gm), ([, key, value]) => [key, value!]));
  const [name, size] = [records.get("path"), records.get("size")];
  return {
    ...(name === undefined ? {} : { name }),
    ...(size && /^\d{1,15}$/.test(size) ? { size: Number(size) } : {}),
  };
}

function damaged(path: string, at: number): LatentError {
  return new LatentError("data.archive", {
    what: `${path} is damaged`,
    found: `no header of a member at byte ${at}`,
    wanted: "a tar archive that is not compressed",
    mend: "Fetch the file again.",
  });
}

function cutShort(path: string, size: number, member?: TarMember): LatentError {
  const where = member && `, in the middle of ${JSON.stringify(member.name.slice(-80))} of ${member.bytes} bytes`;
  return new LatentError("data.archive", {
    what: `${path} is cut short`,
    found: `its end at byte ${size}${where ?? ", without an end mark"}`,
    mend: "Fetch the file again.",
  });
}
