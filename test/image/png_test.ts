import assert from "node:assert/strict";
import { crc32, deflateSync } from "node:zlib";
import { LatentError } from "../../lib/base/mod.ts";
import { composite, decodeImage, encodePng, type Picture, readPngText } from "../../lib/image/mod.ts";
import { fixture, randomPicture } from "./fixtures.ts";

const latin1 = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));
const utf8 = (text: string) => new TextEncoder().encode(text);
const join = (...parts: ArrayLike<number>[]) => Uint8Array.from(parts.flatMap((part) => Array.from(part)));

function chunk(type: string, data: Uint8Array): Uint8Array {
  const body = join(latin1(type), data);
  const numbers = new DataView(new ArrayBuffer(8));
  numbers.setUint32(0, data.length);
  numbers.setUint32(4, crc32(body));
  const [length, sum] = [new Uint8Array(numbers.buffer, 0, 4), new Uint8Array(numbers.buffer, 4)];
  return join(length, body, sum);
}

/** A picture's file with chunks put in before its IEND. */
function withChunks(...chunks: Uint8Array[]): Uint8Array {
  const bytes = fixture("rgb.png");
  return join(bytes.subarray(0, -12), ...chunks, bytes.subarray(-12));
}

function smooth(width: number, height: number): Picture {
  const data = new Uint8ClampedArray(width * height * 4);
  for (let i = 0; i < width * height; i++) {
    data.set([i % width * 3, Math.floor(i / width) * 5, i / 7 & 255, 255], i * 4);
  }
  return { width, height, data };
}

const pixels: [claim: string, picture: Picture][] = [
  ["one pixel", randomPicture(1, 1, 1)],
  ["random pixels with alpha", randomPicture(31, 17, 2)],
  ["random opaque pixels", randomPicture(17, 31, 3, false)],
  ["a smooth picture", smooth(64, 48)],
];

for (const [claim, picture] of pixels) {
  Deno.test(`${claim}: what is encoded decodes to the same pixels, and twice to the same bytes`, async () => {
    const bytes = await encodePng(picture, { prompt: "a cat" });
    assert.deepEqual(await decodeImage(bytes), picture);
    assert.deepEqual(await encodePng(picture, { prompt: "a cat" }), bytes);
  });
}

Deno.test("opaque pictures are encoded as RGB, others as RGBA; filters make smooth ones small", async () => {
  assert.equal((await encodePng(randomPicture(4, 4, 1, false)))[25], 2);
  assert.equal((await encodePng(randomPicture(4, 4, 1)))[25], 6);
  assert.ok((await encodePng(smooth(64, 48))).length < 64 * 48 * 3 / 8);
});

const texts: [claim: string, text: Record<string, string>][] = [
  ["no text", {}],
  ["an empty text", { Comment: "" }],
  ["several lines of Latin-1", { parameters: "a café\nSteps: 50, Seed: 3", latent: '{"seed":3}' }],
  ["any Unicode, emoji and zero bytes", { Title: "猫 🐈 \0 \r\n\t", "Æ × Ø": "Ω" }],
  ["keywords that are names of objects' own", JSON.parse('{"__proto__":"a","constructor":"b","toString":"c"}')],
  ["a text of a megabyte", { long: "é".repeat(1 << 20) }],
];

for (const [claim, text] of texts) {
  Deno.test(`${claim}: texts come back as they were written, in their order`, async () => {
    const read = readPngText(await encodePng(randomPicture(3, 2, 5), text));
    assert.deepEqual(Object.entries(read), Object.entries(text));
  });
}

const foreign: [claim: string, chunk: Uint8Array, value: string][] = [
  ["tEXt is Latin-1", chunk("tEXt", latin1("Title\0caf\xe9")), "café"],
  ["zTXt is packed Latin-1", chunk("zTXt", join(latin1("Title\0\0"), deflateSync(latin1("caf\xe9")))), "café"],
  ["iTXt is UTF-8", chunk("iTXt", join(latin1("Title\0\0\0de\0"), utf8("Titel\0猫"))), "猫"],
  ["packed iTXt", chunk("iTXt", join(latin1("Title\0\x01\0\0\0"), deflateSync(utf8("猫")))), "猫"],
];

for (const [claim, made, value] of foreign) {
  Deno.test(`texts of other programs: ${claim}, also behind the pixels`, () => {
    assert.deepEqual(readPngText(withChunks(made)), { Title: value });
  });
}

const zeros = new Uint8Array((1 << 20) + 1);
const refused: [claim: string, code: string, bytes: Uint8Array][] = [
  ["no PNG", "image.format", fixture("420.jpg")],
  [
    "a text over a megabyte",
    "image.text_too_large",
    withChunks(chunk("tEXt", join(latin1("a\0"), new Uint8Array(2 << 20)))),
  ],
  [
    "a packed text over a megabyte",
    "image.text_too_large",
    withChunks(chunk("zTXt", join(latin1("a\0\0"), deflateSync(zeros)))),
  ],
  [
    "many packed texts",
    "image.text_too_large",
    withChunks(...Array(17).fill(chunk("zTXt", join(latin1("a\0\0"), deflateSync(zeros.subarray(1)))))),
  ],
  ["a packed text that isn't packed", "image.damaged", withChunks(chunk("zTXt", latin1("a\0\0nonsense")))],
  ["a text without a separator", "image.damaged", withChunks(chunk("tEXt", latin1("Title")))],
  ["an iTXt without its separators", "image.damaged", withChunks(chunk("iTXt", latin1("Title\0\0\0")))],
  ["a chunk longer than the file", "image.truncated", withChunks(new Uint8Array([127, 0, 0, 0, 97, 97, 97, 97]))],
];

for (const [claim, code, bytes] of refused) {
  Deno.test(`reading texts: ${claim} is refused`, () => {
    assert.throws(() => readPngText(bytes), (error) => error instanceof LatentError && error.code === code);
  });
}

Deno.test("texts of a PNG that is cut off at any byte are refused", async () => {
  const bytes = await encodePng(randomPicture(2, 2, 1), { Title: "猫", Comment: "a" });
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(() => readPngText(bytes.subarray(0, length)), LatentError, `${length} bytes`);
  }
});

for (const keyword of ["", " a", "a ", "a  b", "a\nb", "猫", "a".repeat(80), "a\0b"]) {
  Deno.test(`writing texts: the keyword ${JSON.stringify(keyword)} is refused`, async () => {
    await assert.rejects(encodePng(randomPicture(1, 1, 1), { [keyword]: "text" }), { code: "image.text" });
  });
}

Deno.test("writing texts: one over a megabyte is refused", async () => {
  const text = { long: "猫".repeat(400_000) };
  await assert.rejects(encodePng(randomPicture(1, 1, 1), text), { code: "image.text_too_large" });
});

Deno.test("a picture over a colour is opaque, and rounded to the nearest value", () => {
  const data = new Uint8ClampedArray([10, 20, 30, 0, 10, 20, 30, 255, 0, 100, 255, 128]);
  assert.deepEqual(
    Array.from(composite({ width: 3, height: 1, data }, [255, 0, 127]).data),
    [255, 0, 127, 255, 10, 20, 30, 255, 127, 50, 191, 255],
  );
});
