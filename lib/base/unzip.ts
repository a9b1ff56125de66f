import { crc32 } from "node:zlib";
import { badZip, type ByteSource, type ZipEntry, zipEntryStart } from "./zip.ts";

const pieceBytes = 64 << 10; // of packed data: deflate makes at most 1,032 times as much of them at once

/**
 * The unpacked bytes of an entry of a zip archive, in pieces.
 *
 * @throws LatentError `file.zip` where they are damaged, or not as many as the directory says, or where it has another
 * checksum of them: the last is known at the end only
 */
export async function* unzip(
  source: ByteSource,
  path: string,
  entry: ZipEntry,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const packed = packedBytes(source, zipEntryStart(source, path, entry), entry.packedSize);
  let size = 0;
  let checksum = 0;
  try {
    for await (const piece of entry.deflated ? packed.pipeThrough(new DecompressionStream("deflate-raw")) : packed) {
      size += piece.length;
      if (size > entry.size) break;
      checksum = crc32(piece, checksum);
      yield piece;
    }
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause; // what DecompressionStream throws for bad data
    throw badZip(path, `${entry.name} is damaged`, cause);
  }
  if (size !== entry.size) throw badZip(path, `${entry.name} is not ${entry.size} bytes long, as the directory says`);
  if (entry.checksum !== 0 && checksum !== entry.checksum) throw badZip(path, `${entry.name} is damaged`);
}

function packedBytes(source: ByteSource, start: number, length: number): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = start;
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      if (at === start + length) return controller.close();
      const piece = new Uint8Array(Math.min(pieceBytes, start + length - at));
      source.read(piece, at);
      at += piece.length;
      controller.enqueue(piece);
    },
  }, { highWaterMark: 0 });
}
