import { inflateSync } from "node:zlib";
import { LatentError } from "../base/mod.ts";
import { damaged } from "./format.ts";
import { type Chunk, isPng, readChunks } from "./png_chunk.ts";

/** The most bytes of one text, packed or not, and of all texts of a file together. */
const MAX_TEXT = 1 << 20;
const MAX_TEXTS = 16 << 20;

/**
 * The texts of a PNG by keyword: its tEXt, zTXt and iTXt chunks, wherever they stand; of equal keywords the last.
 * Texts over 1 MB (unpacked) are refused: the content of a file is not to be trusted.
 */
export function readPngText(bytes: Uint8Array, options: { name?: string } = {}): Record<string, string> {
  const { name = "the picture" } = options;
  if (!isPng(bytes)) {
    throw new LatentError("image.format", { what: `${name} is not a PNG, so it has no texts`, wanted: "a PNG file" });
  }
  const texts: [string, string][] = [];
  let total = 0;
  for (const { type, data } of readChunks(bytes, name)) {
    if (type !== "tEXt" && type !== "zTXt" && type !== "iTXt") continue;
    const text = readText(type, data, name);
    total += text[1].length;
    if (total > MAX_TEXTS) throw tooLong(`the texts of ${name}`, `more than ${MAX_TEXTS} characters`);
    texts.push(text);
  }
  return Object.fromEntries(texts);
}

/** Text chunks for a PNG: tEXt where Latin-1 holds the text, else iTXt in UTF-8. */
export function textChunks(text: Record<string, string>): Chunk[] {
  return Object.entries(text).map(([keyword, value]) => {
    if (!/^[!-~¡-ÿ]([ -~¡-ÿ]{0,77}[!-~¡-ÿ])?$/.test(keyword) || keyword.includes("  ")) {
      throw new LatentError("image.text", {
        what: `${JSON.stringify(keyword)} can't be the keyword of a text in a PNG`,
        wanted: "1 to 79 characters of Latin-1, with single spaces between words only",
      });
    }
    const plain = /^[\n -~¡-ÿ]*$/.test(value);
    const body = plain ? latin1(value) : new TextEncoder().encode(value);
    if (body.length > MAX_TEXT) throw tooLong(`the text ${JSON.stringify(keyword)}`, `${body.length} bytes`);
    const separator = plain ? [0] : [0, 0, 0, 0, 0]; // iTXt: not packed, method 0, no language, no translated keyword
    return { type: plain ? "tEXt" : "iTXt", data: new Uint8Array([...latin1(keyword), ...separator, ...body]) };
  });
}

function readText(type: "tEXt" | "zTXt" | "iTXt", data: Uint8Array, name: string): [string, string] {
  const end = zero(data, 0, name);
  const keyword = fromLatin1(data.subarray(0, end));
  const what = `the text ${JSON.stringify(keyword)} of ${name}`;
  if (data.length > MAX_TEXT + 1024) throw tooLong(what, `${data.length} bytes`);
  if (type === "tEXt") return [keyword, fromLatin1(data.subarray(end + 1))];
  if (type === "zTXt") return [keyword, fromLatin1(unpack(data.subarray(end + 2), what))];
  const packed = data[end + 1] === 1;
  const body = data.subarray(zero(data, zero(data, end + 3, name) + 1, name) + 1); // past language and translation
  return [keyword, new TextDecoder().decode(packed ? unpack(body, what) : body)];
}

/** The place of the next zero byte. */
function zero(data: Uint8Array, from: number, name: string): number {
  const at = data.indexOf(0, from);
  if (at < 0) throw damaged(name, "a text chunk without its separators");
  return at;
}

function unpack(packed: Uint8Array, what: string): Uint8Array {
  try {
    return inflateSync(packed, { maxOutputLength: MAX_TEXT });
  } catch (cause) {
    if (cause instanceof RangeError) throw tooLong(what, "more when unpacked");
    throw damaged(what, "packed bytes that don't unpack", cause);
  }
}

function tooLong(what: string, found: string): LatentError {
  return new LatentError("image.text_too_large", {
    what: `${what} is too long`,
    found,
    wanted: `at most ${MAX_TEXT} bytes`,
  });
}

function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function fromLatin1(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return text;
}
