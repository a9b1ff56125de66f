import { LatentError } from "../base/mod.ts";
import type { Picture } from "./picture.ts";

/** What a format's header says before any pixel is decoded. */
export interface Header {
  /** Stored width, before the orientation is applied. */
  readonly width: number;
  readonly height: number;
  /** EXIF orientation, 1 … 8; 1 where there is none. */
  readonly orientation: number;
}

/** A file format of pictures: one file each in this folder, one row each in the table of `decode.ts`. */
export interface Format {
  /** Whether the file begins as this format does. */
  matches(bytes: Uint8Array): boolean;
  /** Reads sizes and orientation; refuses what is cut off or can't be decoded. */
  header(bytes: Uint8Array, name: string): Header;
  /** Decodes the pixels (of the first frame) as they are stored. */
  pixels(bytes: Uint8Array, name: string, header: Header): Promise<Picture>;
}

/** Whether the bytes at an offset are those of an ASCII string. */
export function hasAscii(bytes: Uint8Array, at: number, ascii: string): boolean {
  if (at + ascii.length > bytes.length) return false;
  for (let i = 0; i < ascii.length; i++) if (bytes[at + i] !== ascii.charCodeAt(i)) return false;
  return true;
}

/** A view of the bytes for numbers of 16 and 32 bits. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The error of a file that ends before its picture does. */
export function truncated(name: string, found: string, wanted: string): LatentError {
  return new LatentError("image.truncated", {
    what: `${name} is cut off`,
    found,
    wanted,
    mend: "Fetch or copy the file again, or leave it out.",
  });
}

/** The error of a file whose content contradicts itself or its format. */
export function damaged(name: string, found: string, cause?: unknown): LatentError {
  return new LatentError("image.damaged", {
    what: `${name} is damaged`,
    found,
    mend: "Fetch or copy the file again, or leave it out.",
    cause,
  });
}

/** The error of a sound file that uses a part of its format which is not read here. */
export function unsupported(name: string, found: string, wanted: string, mend: string): LatentError {
  return new LatentError("image.unsupported", { what: `${name} can't be decoded`, found, wanted, mend });
}
