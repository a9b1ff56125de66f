import { LatentError } from "../base/mod.ts";

/** A file in a zip archive, as its central directory describes it. */
export interface ZipEntry {
  /** A relative path with `/`, checked: no `..`, no root, no link. */
  name: string;
  /** Bytes when unpacked. */
  size: number;
  /** Bytes in the archive. */
  packedSize: number;
  /** Whether it is compressed; else it is stored as it is. */
  deflated: boolean;
  /** Of its local header in the archive. */
  offset: number;
}

/** A zip archive that was opened: its directory is in memory, its contents are read when asked for. */
export interface Zip extends Disposable {
  /** The files by name; folders are left out. */
  entries: Map<string, ZipEntry>;
  /** The unpacked bytes of an entry, in pieces. Throws `file.zip` when they are not as many as the directory says. */
  read(entry: ZipEntry): AsyncGenerator<Uint8Array<ArrayBuffer>>;
}

const directoryLimit = 64 << 20; // bytes; torch's 12,000 names take 1.5 MB
const pieceBytes = 64 << 10; // of packed data: deflate makes at most 1,032 times as much of them at once

/**
 * Opens a zip archive of stored and deflated files (a Python wheel) and checks its directory before anything is read.
 *
 * Throws `file.zip` for a file that is none or is cut off, for ZIP64, encryption and other compressions, and for an
 * entry whose name leaves the folder it would be unpacked to, is listed twice, or is a link.
 */
export function openZip(path: string): Zip {
  const file = Deno.openSync(path);
  try {
    const { start, bytes } = readDirectory(path, file);
    const entries = parseDirectory(path, bytes);
    return {
      entries,
      read: (entry) => readEntry(path, file, entry, start),
      [Symbol.dispose]: () => file.close(),
    };
  } catch (error) {
    file.close();
    throw error;
  }
}

/** The central directory's place and bytes, found through the record at the archive's end. */
function readDirectory(path: string, file: Deno.FsFile): { start: number; bytes: DataView<ArrayBuffer> } {
  const { size } = file.statSync();
  const tailStart = Math.max(0, size - 22 - 0xffff);
  const tail = bytesAt(path, file, tailStart, size - tailStart);
  let end = tail.byteLength - 22;
  while (end >= 0 && !(tail.getUint32(end, true) === 0x06054b50 && endsAt(tail, end))) end--;
  if (end < 0) throw refused(path, "it has no directory at its end: it is cut off or not a zip archive");
  const length = tail.getUint32(end + 12, true);
  const start = tail.getUint32(end + 16, true);
  if (start === 0xffffffff || length === 0xffffffff || tail.getUint16(end + 10, true) === 0xffff) {
    throw refused(path, "it is in the ZIP64 format, which this reader does not know");
  }
  if (length > directoryLimit || start + length > tailStart + end) {
    throw refused(path, "its directory lies out of bounds");
  }
  return { start, bytes: bytesAt(path, file, start, length) };
}

function endsAt(tail: DataView, end: number): boolean {
  return end + 22 + tail.getUint16(end + 20, true) === tail.byteLength; // the comment reaches to the file's end
}

function parseDirectory(path: string, view: DataView<ArrayBuffer>): Map<string, ZipEntry> {
  const entries = new Map<string, ZipEntry>();
  for (let at = 0; at < view.byteLength;) {
    if (at + 46 > view.byteLength || view.getUint32(at, true) !== 0x02014b50) {
      throw refused(path, "its directory is damaged");
    }
    const nameLength = view.getUint16(at + 28, true);
    const next = at + 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
    if (next > view.byteLength) throw refused(path, "its directory is damaged");
    const name = new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + at + 46, nameLength));
    const entry = parseEntry(path, name, view, at);
    if (entries.has(name)) throw refused(path, `it lists ${name} twice`);
    if (!name.endsWith("/")) entries.set(name, entry);
    at = next;
  }
  return entries;
}

function parseEntry(path: string, name: string, view: DataView, at: number): ZipEntry {
  const method = view.getUint16(at + 10, true);
  const [packedSize, size, offset] = [20, 24, 42].map((field) => view.getUint32(at + field, true)) as [
    number,
    number,
    number,
  ];
  const fileType = view.getUint16(at + 40, true) & 0xf000; // of Unix, in the upper half of the external attributes
  if (!isInside(name)) throw refused(path, `${JSON.stringify(name)} would be unpacked outside its folder`);
  if (fileType !== 0 && fileType !== 0x8000 && fileType !== 0x4000) {
    throw refused(path, `${name} is a link or a device`);
  }
  if (view.getUint16(at + 8, true) & 1) throw refused(path, `${name} is encrypted`);
  if (method !== 0 && method !== 8) throw refused(path, `${name} has compression method ${method}, not 0 or 8`);
  if ([packedSize, size, offset].includes(0xffffffff)) throw refused(path, `${name} needs the ZIP64 format`);
  return { name, size, packedSize, offset, deflated: method === 8 };
}

/** Whether a name is a relative path that stays below the folder it is joined to, on every platform. */
function isInside(name: string): boolean {
  const parts = name.replace(/\/$/, "").split("/");
  return !/[\\:\0]/.test(name) && parts.every((part) => part !== "" && part !== "." && part !== "..");
}

async function* readEntry(
  path: string,
  file: Deno.FsFile,
  entry: ZipEntry,
  directoryStart: number,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const header = bytesAt(path, file, entry.offset, 30);
  const start = entry.offset + 30 + header.getUint16(26, true) + header.getUint16(28, true);
  if (header.getUint32(0, true) !== 0x04034b50 || start + entry.packedSize > directoryStart) {
    throw refused(path, `${entry.name} does not lie where the directory says`);
  }
  const packed = packedBytes(path, file, start, entry.packedSize);
  let size = 0;
  try {
    for await (const piece of entry.deflated ? packed.pipeThrough(new DecompressionStream("deflate-raw")) : packed) {
      size += piece.length;
      if (size > entry.size) break;
      yield piece;
    }
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause; // what DecompressionStream throws for bad data
    throw refused(path, `${entry.name} is damaged`, cause);
  }
  if (size !== entry.size) throw refused(path, `${entry.name} is not ${entry.size} bytes long, as the directory says`);
}

function packedBytes(
  path: string,
  file: Deno.FsFile,
  start: number,
  length: number,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = start;
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      if (at === start + length) return controller.close();
      const { buffer } = bytesAt(path, file, at, Math.min(pieceBytes, start + length - at));
      at += buffer.byteLength;
      controller.enqueue(new Uint8Array(buffer));
    },
  }, { highWaterMark: 0 });
}

function bytesAt(path: string, file: Deno.FsFile, start: number, length: number): DataView<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  file.seekSync(start, Deno.SeekMode.Start);
  for (let read = 0; read < length;) {
    const count = file.readSync(bytes.subarray(read));
    if (count === null) throw refused(path, "it is cut off");
    read += count;
  }
  return new DataView(bytes.buffer);
}

function refused(path: string, why: string, cause?: unknown): LatentError {
  return new LatentError("file.zip", {
    what: `${path} can't be unpacked: ${why}`,
    wanted: "a whole zip archive, as Python wheels are",
    mend: "Get the file again.",
    cause,
  });
}
