/** Files that lie: what is wrong, the bytes, the code of the error that they must give. */
export type HostileRow = [claim: string, bytes: Uint8Array, code: "file.header" | "file.truncated"];

/** A safetensors file from the text (or the bytes) of its header and the number of bytes after it. */
export function fileOf(header: string | Uint8Array, dataBytes: number, length?: bigint): Uint8Array {
  const json = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

/** A header of these members. */
function tensors(...members: string[]): string {
  return `{${members.join(",")}}`;
}

function tensor(dtype: unknown, shape: string, begin: unknown, end: unknown): string {
  return `{"dtype":${JSON.stringify(dtype)},"shape":${shape},"data_offsets":[${begin},${end}]}`;
}

function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

const A = `"a":${tensor("U8", "[4]", 0, 4)}`;

/** The table. */
export const HOSTILE: HostileRow[] = [
  ["an empty file", new Uint8Array(), "file.truncated"],
  ["less than a length", new Uint8Array(7), "file.truncated"],
  ["a length beyond the file", fileOf("{}", 0, 3n), "file.truncated"],
  ["a length of 100 MB and one byte", fileOf("{}", 0, 100_000_001n), "file.header"],
  ["a length of 2^64 - 1", fileOf("{}", 0, 2n ** 64n - 1n), "file.header"],
  ["a length of 2^63", fileOf("{}", 0, 2n ** 63n), "file.header"],
  ["no header", fileOf("", 0), "file.header"],
  ["white space before the header", fileOf(` ${tensors(A)}`, 4), "file.header"],
  ["a byte order mark before the header", fileOf(`\ufeff${tensors(A)}`, 4), "file.header"],
  ["a list for a header", fileOf("[]", 0), "file.header"],
  ["a name that is no UTF-8", fileOf(latin1(`{"\xff":${tensor("U8", "[4]", 0, 4)}}`), 4), "file.header"],
  ["JSON that ends early", fileOf(tensors(A).slice(0, -1), 4), "file.header"],
  ["something after the JSON", fileOf(`${tensors(A)}{}`, 4), "file.header"],
  ["zero bytes after the JSON", fileOf(`${tensors(A)}\0\0`, 4), "file.header"],
  ["a comma too many", fileOf(`{${A},}`, 4), "file.header"],
  ["a hundred thousand brackets", fileOf(`{"a":${"[".repeat(1e5)}`, 0), "file.header"],
  ["a string that does not end", fileOf(`{"a`, 0), "file.header"],
  ["a string that ends in a backslash", fileOf(`{"a\\`, 0), "file.header"],
  ["a name with half a surrogate pair", fileOf(`{"\\ud800":${tensor("U8", "[4]", 0, 4)}}`, 4), "file.header"],
  ["a name with a line break", fileOf(`{"a\n":${tensor("U8", "[4]", 0, 4)}}`, 4), "file.header"],
  ["the same name twice", fileOf(tensors(A, A), 4), "file.header"],
  ["the same name twice, once escaped", fileOf(tensors(A, A.replace('"a"', '"\\u0061"')), 4), "file.header"],
  ["metadata twice", fileOf(`{"__metadata__":{},"__metadata__":{}}`, 0), "file.header"],
  ["a key of the metadata twice", fileOf(`{"__metadata__":{"k":"v","k":"w"}}`, 0), "file.header"],
  ["a number in the metadata", fileOf(`{"__metadata__":{"k":1}}`, 0), "file.header"],
  ["an object in the metadata", fileOf(`{"__metadata__":{"k":{}}}`, 0), "file.header"],
  ["metadata that are a list", fileOf(`{"__metadata__":[]}`, 0), "file.header"],
  ["a tensor that is null", fileOf(`{"a":null}`, 0), "file.header"],
  ["a field twice", fileOf(`{"a":{"dtype":"U8","dtype":"U8","shape":[4],"data_offsets":[0,4]}}`, 4), "file.header"],
  ["an unknown field", fileOf(`{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4],"x":1}}`, 4), "file.header"],
  ["no dtype", fileOf(`{"a":{"shape":[4],"data_offsets":[0,4]}}`, 4), "file.header"],
  ["no shape", fileOf(`{"a":{"dtype":"U8","data_offsets":[0,4]}}`, 4), "file.header"],
  ["no offsets", fileOf(`{"a":{"dtype":"U8","shape":[4]}}`, 4), "file.header"],
  ["an unknown dtype", fileOf(`{"a":${tensor("F31", "[1]", 0, 4)}}`, 4), "file.header"],
  ["a dtype that every object has", fileOf(`{"a":${tensor("toString", "[1]", 0, 4)}}`, 4), "file.header"],
  ["a dtype that is a number", fileOf(`{"a":${tensor(4, "[1]", 0, 4)}}`, 4), "file.header"],
  ["one offset", fileOf(`{"a":{"dtype":"U8","shape":[0],"data_offsets":[0]}}`, 0), "file.header"],
  ["three offsets", fileOf(`{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4,4]}}`, 4), "file.header"],
  ["offsets that run backwards", fileOf(`{"a":${tensor("U8", "[4]", 4, 0)}}`, 4), "file.header"],
  ["a negative offset", fileOf(`{"a":${tensor("U8", "[4]", -4, 0)}}`, 4), "file.header"],
  ["a negative size", fileOf(`{"a":${tensor("U8", "[-2,-2]", 0, 4)}}`, 4), "file.header"],
  ["a fraction", fileOf(`{"a":${tensor("U8", "[4.0]", 0, 4)}}`, 4), "file.header"],
  ["an exponent", fileOf(`{"a":${tensor("U8", "[4e0]", 0, 4)}}`, 4), "file.header"],
  ["a leading zero", fileOf(`{"a":${tensor("U8", "[04]", 0, 4)}}`, 4), "file.header"],
  [
    "a size of 2^53 + 1, which JSON.parse would round",
    fileOf(`{"a":${tensor("U8", "[9007199254740993]", 0, 4)}}`, 4),
    "file.header",
  ],
  [
    "sizes whose product is 4 modulo 2^64",
    fileOf(`{"a":${tensor("U8", "[4,4294967296,4294967297]", 0, 4)}}`, 4),
    "file.header",
  ],
  [
    "sizes that overflow before a zero",
    fileOf(`{"a":${tensor("U8", "[4294967296,4294967296,0]", 0, 0)}}`, 0),
    "file.header",
  ],
  ["sixty-five dimensions", fileOf(`{"a":${tensor("U8", `[${Array(65).fill(1)}]`, 0, 1)}}`, 1), "file.header"],
  ["fewer bytes than the shape says", fileOf(`{"a":${tensor("F32", "[2]", 0, 4)}}`, 4), "file.header"],
  ["more bytes than the shape says", fileOf(`{"a":${tensor("F32", "[1]", 0, 8)}}`, 8), "file.header"],
  ["elements of four bits that leave half a byte", fileOf(`{"a":${tensor("F4", "[3]", 0, 2)}}`, 2), "file.header"],
  ["tensors that overlap", fileOf(tensors(A, `"b":${tensor("U8", "[4]", 3, 7)}`), 7), "file.header"],
  ["tensors that share their bytes", fileOf(tensors(A, `"b":${tensor("U8", "[4]", 0, 4)}`), 4), "file.header"],
  ["a hole between tensors", fileOf(tensors(A, `"b":${tensor("U8", "[4]", 5, 9)}`), 9), "file.header"],
  ["a hole before the first", fileOf(`{"a":${tensor("U8", "[4]", 1, 5)}}`, 5), "file.header"],
  ["a byte after the last", fileOf(tensors(A), 5), "file.header"],
  ["data without tensors", fileOf("{}", 1), "file.header"],
  ["data cut short by one byte", fileOf(tensors(A), 3), "file.truncated"],
  [
    "data far beyond the file",
    fileOf(`{"a":${tensor("U8", "[1099511627776]", 0, 1099511627776)}}`, 4),
    "file.truncated",
  ],
];
