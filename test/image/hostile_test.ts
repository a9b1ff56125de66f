import assert from "node:assert/strict";
import { crc32 } from "node:zlib";
import { LatentError } from "../../lib/base/mod.ts";
import { decodeImage, type Picture } from "../../lib/image/mod.ts";
import { expected, fixture, pictures, randomBytes } from "./fixtures.ts";

/** A copy of a file with some of its bytes changed. */
function patched(name: string, changes: Record<number, number[]>): Uint8Array {
  const bytes = fixture(name);
  for (const [at, values] of Object.entries(changes)) bytes.set(values, Number(at));
  return bytes;
}

/** A PNG whose header states another size, with a right checksum. */
function resizedPng(width: number, height: number): Uint8Array {
  const bytes = fixture("rgb.png");
  const view = new DataView(bytes.buffer);
  view.setUint32(16, width);
  view.setUint32(20, height);
  view.setUint32(29, crc32(bytes.subarray(12, 29)));
  return bytes;
}

const ascii = (text: string) => new TextEncoder().encode(text);
const frame = (name: string, marker: number[]) => {
  const bytes = fixture(name);
  return bytes.findIndex((_, i) => marker.every((byte, k) => bytes[i + k] === byte));
};
const sof = frame("420.jpg", [0xff, 0xc0]);
const gifFrame = frame("plain.gif", [0x2c, 0, 0, 0, 0]);

const refused: [claim: string, code: string, says: RegExp, bytes: Uint8Array][] = [
  ["an empty file", "image.format", /an empty file/, new Uint8Array(0)],
  ["bytes of no format", "image.format", /4 bytes that begin with 01 02 03 04/, new Uint8Array([1, 2, 3, 4])],
  ["a TIFF", "image.format", /a TIFF file/, ascii("II*\0aaaa")],
  ["an SVG", "image.format", /an SVG drawing/, ascii("<svg></svg>")],
  ["a web page", "image.format", /a web page/, ascii("<!DOCTYPE html>")],
  ["a pointer of Git LFS", "image.format", /git lfs pull/, ascii("version https://git-lfs.github.com/spec/v1")],
  ["a JPEG in CMYK", "image.unsupported", /CMYK.*\n.*RGB\n.*-colorspace sRGB/s, fixture("cmyk.jpg")],
  ["a JPEG of 12 bits", "image.unsupported", /12 bits/, patched("420.jpg", { [sof + 4]: [12] })],
  ["a JPEG without height", "image.damaged", /13 × 0/, patched("420.jpg", { [sof + 5]: [0, 0] })],
  ["a huge JPEG", "image.too_large", /65535 × 65535/, patched("420.jpg", { [sof + 5]: [255, 255, 255, 255] })],
  ["a huge PNG", "image.too_large", /1000000 × 1000000/, resizedPng(1e6, 1e6)],
  ["a PNG one pixel over", "image.too_large", /at most 178956970/, resizedPng(178_956_971, 1)],
  ["a PNG with fewer rows than it says", "image.damaged", /can't be unpacked/, resizedPng(13, 12)],
  ["a PNG without width", "image.damaged", /0 × 11/, resizedPng(0, 11)],
  ["a PNG with a flipped bit", "image.damaged", /checksum in its IDAT/, patched("rgb.png", { 60: [0x5a] })],
  ["a PNG without IHDR", "image.damaged", /IHDR/, patched("rgb.png", { 8: [...fixture("rgb.png").subarray(-12)] })],
  ["a huge WebP", "image.too_large", /16777216 × 16777216/, patched("animated.webp", { 24: Array(6).fill(255) })],
  ["a WebP of another size than its frame", "image.damaged", /./, patched("orientation8.webp", { 24: [13] })],
  ["a huge canvas of a GIF", "image.too_large", /65535 × 65535/, patched("plain.gif", { 6: [255, 255, 255, 255] })],
  ["a huge frame of a GIF", "image.too_large", /./, patched("plain.gif", { [gifFrame + 5]: [255, 255, 255, 255] })],
  ["a GIF with a larger frame than its data", "image.truncated", /./, patched("plain.gif", { [gifFrame + 5]: [200] })],
  ["a huge BMP", "image.too_large", /./, patched("rgb.bmp", { 18: [255, 255, 255, 127] })],
  ["a BMP of the least height", "image.too_large", /./, patched("rgb.bmp", { 22: [0, 0, 0, 128] })],
  ["a BMP of negative width", "image.damaged", /-13 × 11/, patched("rgb.bmp", { 18: [243, 255, 255, 255] })],
  ["a BMP with fewer rows than it says", "image.truncated", /494 bytes/, patched("rgb.bmp", { 22: [99] })],
  ["a BMP in runs", "image.unsupported", /packing 1/, patched("palette.bmp", { 30: [1] })],
  ["a BMP of 16 bits", "image.unsupported", /16 bits/, patched("rgb.bmp", { 28: [16] })],
  ["a BMP of OS/2", "image.unsupported", /OS\/2/, patched("rgb.bmp", { 14: [12] })],
  ["a BMP whose pixels begin in its header", "image.damaged", /byte 20/, patched("rgb.bmp", { 10: [20] })],
];

for (const [claim, code, says, bytes] of refused) {
  Deno.test(`${claim} is refused with the file's name`, async () => {
    await assert.rejects(decodeImage(bytes, { name: "cats/7.png" }), (error) => {
      assert.ok(error instanceof LatentError, String(error));
      assert.equal(error.code, code);
      assert.match(error.message, /^cats\/7\.png /);
      assert.match(error.message, says);
      return true;
    });
  });
}

/** Decodes bytes that may be nonsense: a picture of the size that it states, or a LatentError. */
async function attempt(bytes: Uint8Array): Promise<Picture | undefined> {
  try {
    const picture = await decodeImage(bytes);
    assert.equal(picture.data.length, picture.width * picture.height * 4);
    return picture;
  } catch (error) {
    if (!(error instanceof LatentError)) throw error;
  }
}

for (const name of pictures.filter((name) => !/orientation[1-57]/.test(name))) {
  Deno.test(`${name} cut off at any byte is refused, or whole in its pixels`, async () => {
    const bytes = fixture(name);
    for (let length = 0; length < bytes.length; length++) {
      const picture = await attempt(bytes.subarray(0, length));
      if (picture === undefined) continue;
      assert.match(name, /gif$/); // a first frame may be whole before the file's end
      assert.deepEqual(picture, expected(name), `${length} bytes`);
    }
    assert.deepEqual(await decodeImage(bytes), expected(name));
  });
}

Deno.test("files with random bytes in them give a picture or an error, and harm no later one", async () => {
  const random = randomBytes(7);
  for (const name of ["420.jpg", "progressive.jpg", "lossy_alpha.webp", "lossless.webp", "plain.gif", "palette.bmp"]) {
    for (let round = 0; round < 100; round++) {
      const bytes = fixture(name);
      for (let i = 0; i < 3; i++) bytes[20 + (random() << 8 | random()) % (bytes.length - 20)] = random();
      await attempt(bytes);
    }
    assert.deepEqual(await decodeImage(fixture(name)), expected(name));
  }
});
