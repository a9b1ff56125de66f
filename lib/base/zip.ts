import { LatentError } from "./error.ts";

/** Bytes that are read at any place: a file that is open. */
export interface ByteSource {
  /** How many there are. */
  readonly size: number;
  /** Fills all of `into` with the bytes from `offset` on. */
  read(into: Uint8Array<ArrayBuffer>, offset: number): void;
}

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
  /** CRC-32 of the unpacked bytes; some writers leave it 0. */
  checksum: number;
  /** Of its local header in the archive. */
  offset: number;
  /** Where what comes next begins: its bytes end there at the latest. */
  end: number;
}

const directoryLimit = 64 << 20; // bytes; torch's 12,000 names take 1.5 MB
const entriesLimit = 200_000;

/** A record at the archive's end: where the directory is, and how much there is of it. */
interface Tail {
  start: number;
  length: number;
  count: number;
}

/**
 * Reads and checks the directory of a zip archive of stored and deflated files, in ZIP64 too: the files by name, in the
 * archive's order; folders are left out.
 *
 * @throws LatentError `file.zip` for a file that is none or is cut off, for encryption and other compressions, for an
 * entry whose name leaves the folder it would be unpacked to, is listed twice or is a link, and for entries that overlap
 */
export function readZipDirectory(source: ByteSource, path: string): Map<string, ZipEntry> {
  const { start, length, count } = findDirectory(source, path);
  if (length > directoryLimit || count > entriesLimit) throw badZip(path, "its directory is too large");
  const view = viewOf(source, path, start, length);
  const entries = new Map<string, ZipEntry>();
  for (let at = 0; at < length;) {
    if (at + 46 > length || view.getUint32(at, true) !== 0x02014b50) throw badZip(path, "its directory is damaged");
    const nameEnd = at + 46 + view.getUint16(at + 28, true);
    const extraEnd = nameEnd + view.getUint16(at + 30, true);
    const next = extraEnd + view.getUint16(at + 32, true);
    if (next > length) throw badZip(path, "its directory is damaged");
    const extra = new DataView(view.buffer, nameEnd, extraEnd - nameEnd);
    const entry = parseEntry(path, textAt(view, at + 46, nameEnd), view, at, extra);
    if (entries.has(entry.name)) throw badZip(path, `it lists ${entry.name} twice`);
    entries.set(entry.name, entry);
    at = next;
  }
  if (entries.size !== count) throw badZip(path, "its directory is damaged");
  const ordered = place([...entries.values()], start, path);
  return new Map(ordered.filter(({ name }) => !name.endsWith("/")).map((entry) => [entry.name, entry]));
}

/** Where an entry's packed bytes begin. @throws LatentError `file.zip` where its local header is another's */
export function zipEntryStart(source: ByteSource, path: string, entry: ZipEntry): number {
  const header = viewOf(source, path, entry.offset, 30);
  const nameLength = header.getUint16(26, true);
  const start = entry.offset + 30 + nameLength + header.getUint16(28, true);
  const named = header.getUint32(0, true) === 0x04034b50 && start + entry.packedSize <= entry.end &&
    textAt(viewOf(source, path, entry.offset + 30, nameLength), 0, nameLength) === entry.name;
  if (!named) throw badZip(path, `${entry.name} does not lie where the directory says`);
  return start;
}

/** The error for an archive that can't be used. */
export function badZip(path: string, why: string, cause?: unknown): LatentError {
  return new LatentError("file.zip", {
    what: `${path} can't be unpacked: ${why}`,
    wanted: "a whole zip archive",
    mend: "Get the file again.",
    cause,
  });
}

/** Through the record at the archive's end, and the larger one before it where there is one. */
function findDirectory(source: ByteSource, path: string): Tail {
  const tailStart = Math.max(0, source.size - 22 - 0xffff - 20);
  const tail = viewOf(source, path, tailStart, source.size - tailStart);
  let end = tail.byteLength - 22;
  while (end >= 0 && !(tail.getUint32(end, true) === 0x06054b50 && endsAt(tail, end))) end--;
  if (end < 0) throw badZip(path, "it has no directory at its end: it is cut off or not a zip archive");
  const small = {
    count: tail.getUint16(end + 10, true),
    length: tail.getUint32(end + 12, true),
    start: tail.getUint32(end + 16, true),
  };
  const hasLarge = end >= 20 && tail.getUint32(end - 20, true) === 0x07064b50;
  const recordAt = hasLarge ? integer(tail, end - 12, path) : tailStart + end;
  const found = hasLarge ? largeTail(source, path, recordAt, small) : small;
  if (found.start + found.length > recordAt) throw badZip(path, "its directory lies out of bounds");
  return found;
}

/** The ZIP64 record; the small one must say the same, where it has room to. */
function largeTail(source: ByteSource, path: string, at: number, small: Tail): Tail {
  const record = viewOf(source, path, at, 56);
  if (record.getUint32(0, true) !== 0x06064b50) throw badZip(path, "its ZIP64 directory is damaged");
  const [count, length, start] = [32, 40, 48].map((field) => integer(record, field, path)) as [number, number, number];
  const agrees = (few: number, many: number, most: number) => few === many || few === most;
  if (
    !agrees(small.count, count, 0xffff) || !agrees(small.length, length, 0xffffffff) ||
    !agrees(small.start, start, 0xffffffff)
  ) throw badZip(path, "its ZIP64 directory is not the one at its end");
  return { start, length, count };
}

function endsAt(tail: DataView, end: number): boolean {
  return end + 22 + tail.getUint16(end + 20, true) === tail.byteLength; // the comment reaches to the file's end
}

function parseEntry(path: string, name: string, view: DataView, at: number, extra: DataView): ZipEntry {
  const method = view.getUint16(at + 10, true);
  const fileType = view.getUint16(at + 40, true) & 0xf000; // of Unix, in the upper half of the external attributes
  if (!isInside(name)) throw badZip(path, `${JSON.stringify(name)} would be unpacked outside its folder`);
  if (fileType !== 0 && fileType !== 0x8000 && fileType !== 0x4000) {
    throw badZip(path, `${name} is a link or a device`);
  }
  if (view.getUint16(at + 8, true) & 1) throw badZip(path, `${name} is encrypted`);
  if (method !== 0 && method !== 8) throw badZip(path, `${name} has compression method ${method}, not 0 or 8`);
  const [size, packedSize, offset] = fields(path, name, [24, 20, 42].map((f) => view.getUint32(at + f, true)), extra);
  const checksum = view.getUint32(at + 16, true);
  return { name, size, packedSize, deflated: method === 8, checksum, offset, end: offset };
}

/** Size, packed size and offset: those with all bits set stand in the ZIP64 extra field instead, in this order. */
function fields(path: string, name: string, small: number[], extra: DataView): [number, number, number] {
  let at = 0;
  while (at + 4 <= extra.byteLength && extra.getUint16(at, true) !== 1) at += 4 + extra.getUint16(at + 2, true);
  const end = at + 4 <= extra.byteLength ? Math.min(extra.byteLength, at + 4 + extra.getUint16(at + 2, true)) : at;
  at += 4;
  return small.map((value) => {
    if (value !== 0xffffffff) return value;
    if (at + 8 > end) throw badZip(path, `${name} lacks its sizes of the ZIP64 format`);
    at += 8;
    return integer(extra, at - 8, path);
  }) as [number, number, number];
}

/** The entries by their place, each with where the next one begins. */
function place(entries: ZipEntry[], directoryStart: number, path: string): ZipEntry[] {
  const ordered = entries.sort((a, b) => a.offset - b.offset);
  return ordered.map((entry, i) => {
    const end = ordered[i + 1]?.offset ?? directoryStart;
    const least = entry.offset + 30 + new TextEncoder().encode(entry.name).length + entry.packedSize;
    if (least > end) {
      throw badZip(path, `${entry.name} does not lie where the directory says: it runs into what follows`);
    }
    return { ...entry, end };
  });
}

/** Whether a name is a relative path that stays below the folder it is joined to, on every platform. */
function isInside(name: string): boolean {
  const parts = name.replace(/\/$/, "").split("/");
  return !/[\\:]|\p{Cc}/u.test(name) && parts.every((part) => part !== "" && part !== "." && part !== "..");
}

function textAt(view: DataView<ArrayBuffer>, start: number, end: number): string {
  return new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + start, end - start));
}

function integer(view: DataView, at: number, path: string): number {
  const value = Number(view.getBigUint64(at, true));
  if (!Number.isSafeInteger(value)) throw badZip(path, "a number in its directory is out of bounds");
  return value;
}

function viewOf(source: ByteSource, path: string, start: number, length: number): DataView<ArrayBuffer> {
  if (start + length > source.size) throw badZip(path, "it is cut off");
  const bytes = new Uint8Array(length);
  source.read(bytes, start);
  return new DataView(bytes.buffer);
}
