/** Checkpoints that lie or ask for too much. @module */
import {
  ascii,
  call,
  checkpoint,
  type Code,
  code,
  dict,
  global,
  int,
  legacy,
  list,
  none,
  type Part,
  parts,
  pickle,
  six,
  storage,
  tensor,
  text,
  tuple,
  zip,
} from "./torch_fixture.ts";

/** What is wrong, the bytes, the code of the error that they must give, and what it must say. */
export type HostileRow = [claim: string, bytes: Uint8Array, code: `file.${string}`, says: RegExp];

const saved = pickle(dict([text("w"), tensor("0")]));

/** A checkpoint with one of its files changed. */
function changed(name: string, change: Partial<Part>): Code {
  return zip(parts(saved).map((part) => part.name === `model/${name}` ? { ...part, ...change } : part));
}

const of = (...body: (Code | string | number)[]): Code => checkpoint(pickle(...body), {});

function repeated(piece: Code | string, times: number): Code {
  const bytes = code(piece);
  return Uint8Array.from({ length: bytes.length * times }, (_, i) => bytes[i % bytes.length]!);
}

/** A list of two, of which both are a list of two, and so on: few bytes, 2^depth values. */
function doubled(depth: number): Code {
  let all = code("N");
  for (let i = 0; i < depth; i++) all = code("](", all, "q", i, "h", i, "e");
  return all;
}

/** The table. */
export const HOSTILE: HostileRow[] = [
  // the archive
  ["an empty file", code(), "file.torch", /an empty file/],
  ["a pointer of Git LFS", ascii("version https://git-lfs.github.com/spec/v1\n"), "file.torch", /Git LFS/],
  ["a web page", ascii("<!DOCTYPE html><html>"), "file.torch", /a web page/],
  ["a safetensors file", code(2, Uint8Array.of(0, 0, 0, 0, 0, 0, 0), "{}"), "file.torch", /a safetensors file/],
  ["a tar archive", code(new Uint8Array(257), "ustar"), "file.torch", /tar archive/],
  ["text", ascii("weights"), "file.torch", /none of PyTorch's formats/],
  ["a zip archive of something else", zip([{ name: "a.npy", data: six }]), "file.torch", /a zip archive of "a.npy"/],
  ["an empty zip archive", zip([]), "file.torch", /a zip archive of nothing/],
  [
    "a TorchScript program",
    zip([...parts(saved), { name: "model/constants.pkl", data: saved }]),
    "file.torch",
    /a TorchScript program/,
  ],
  [
    "a TorchScript program by its code",
    zip([...parts(saved), { name: "model/code/a.py", data: six }]),
    "file.torch",
    /a TorchScript program/,
  ],
  ["a big-endian machine's data", changed("byteorder", { data: ascii("big") }), "file.torch", /byte order "big"/],
  ["a version to come", changed("version", { data: ascii("11\n") }), "file.torch", /format version "11"/],
  ["a version that is no number", changed("version", { data: ascii("0x3") }), "file.torch", /format version "0x3"/],
  ["no version", zip(parts(saved).filter(({ name }) => name !== "model/version")), "file.torch", /format version ""/],
  ["a compressed storage", changed("data/0", { method: 8 }), "file.torch", /data\/0 is compressed/],
  ["another packed size", changed("data/0", { packedSize: 8 }), "file.torch", /data\/0 is compressed/],
  ["a storage of another size", changed("data/0", { data: six.subarray(4) }), "file.pickle", /archive has 20 bytes/],
  ["a storage that is not there", checkpoint(saved, {}), "file.pickle", /archive has none/],
  ["a pickle with another checksum", changed("data.pkl", { checksum: 1 }), "file.damaged", /data\.pkl/],
  ["entries that overlap", changed("data/0", { offset: 40 }), "file.zip", /runs into what follows/],
  ["entries at the same place", changed("data/0", { offset: 0 }), "file.zip", /runs into what follows/],
  ["another name where the entry is", changed("data/0", { localName: "model/data/1" }), "file.zip", /does not lie/],
  ["an entry of more bytes than the file", changed("data/0", { size: 1e9, packedSize: 1e9 }), "file.zip", /runs into/],
  ["a name that climbs out", changed("data/0", { name: "model/../0" }), "file.zip", /outside its folder/],
  [
    "a pickle of more than 64 MiB",
    changed("data.pkl", { size: 65 << 20, packedSize: 65 << 20 }),
    "file.zip",
    /runs into/,
  ],
  // the pickle
  ["no opcode at all", checkpoint(code(), {}), "file.pickle", /end in the middle/],
  ["no end", checkpoint(code(0x80, 2, "N"), {}), "file.pickle", /end in the middle/],
  ["something after the end", checkpoint(code(saved, "N"), { 0: six }), "file.torch", /1 bytes after what was saved/],
  ["an unknown opcode", of(0xff), "file.pickle", /unknown byte 0xff/],
  ["an opcode of protocol 0", of("I1\n"), "file.pickle", /unknown byte 0x49/],
  ["an extension", of(0x82, 1), "file.pickle", /unknown byte 0x82/],
  ["protocol 6", checkpoint(code(0x80, 6, "N."), {}), "file.pickle", /protocol 6/],
  ["an empty stack", of("0"), "file.pickle", /without its values/],
  ["two values at the end", of("NN"), "file.pickle", /2 values at its end/],
  ["a mark at the end", of("N("), "file.pickle", /1 values at its end/],
  ["a tuple without a mark", of("Nt"), "file.pickle", /without its mark/],
  ["a value from below a mark", of("]N(a"), "file.pickle", /without its values/],
  ["a memo that nothing was put in", of("h", 7), "file.pickle", /number 7 of the memo/],
  ["a key without a value", of("}(NNNu"), "file.pickle", /a key without a value/],
  ["items for a number", of("K", 1, "(NNu"), "file.pickle", /no dict/],
  ["items for a tuple", of(")(Ne"), "file.pickle", /no list/],
  ["a list as a key", of("}]Ns"), "file.pickle", /list or dict as a key/],
  ["a call of a text", of(text("os.system"), tuple(), "R"), "file.pickle", /no class or function/],
  ["a call without a tuple", of(global("os", "system"), "NR"), "file.pickle", /without a list/],
  ["a state for a list", of("]Nb"), "file.pickle", /state for plain data/],
  ["a text that ends before it should", of("X", int(1e9).subarray(1)), "file.pickle", /16,777,216 bytes in one text/],
  ["a text beyond the end", of("X", int(1000).subarray(1)), "file.pickle", /end in the middle/],
  ["a text of 2^64 - 1 bytes", of(0x8d, new Uint8Array(8).fill(255)), "file.pickle", /bytes in one text/],
  ["a text that is not UTF-8", of("X", int(1).subarray(1), 0xff), "file.pickle", /not UTF-8/],
  ["an integer of 2^31 bytes", of(0x8b, int(2 ** 31 - 1).subarray(1)), "file.pickle", /unknown byte 0x8b/],
  ["a name without end", of("c", "a".repeat(1e5)), "file.pickle", /a name that does not end/],
  ["a list inside itself", of("]q", 0, "h", 0, "a"), "file.pickle", /inside itself/],
  ["a dict inside itself", of("}q", 0, text("a"), "h", 0, "s"), "file.pickle", /inside itself/],
  [
    "a hundred thousand lists inside each other",
    of(repeated("]", 1e5), repeated("a", 1e5 - 1)),
    "file.pickle",
    /64 containers/,
  ],
  ["a tuple that is meant a billion times", of(doubled(30)), "file.pickle", /20,000,000 values/],
  [
    "a million and one values on the stack",
    of("(", repeated("N", 1_000_001), "t"),
    "file.pickle",
    /values on the stack/,
  ],
  ["a million dicts", of("](", repeated("}", 1e6), "e"), "file.pickle", /4,000,000 steps/],
  ["a million calls", of("](", repeated(code(global("a", "b"), ")R"), 7e5), "e"), "file.pickle", /4,000,000 steps/],
  ["a thousand and one marks", of(repeated("(", 1001)), "file.pickle", /1,000 marks/],
  ["a dict made of the same list again and again", of(sameDict()), "file.pickle", /4,000,000 steps/],
  ["bytes made of the same text again and again", of(sameBytes()), "file.pickle", /4,000,000 steps/],
  // tensors
  ["a persistent id of another kind", of(text("a"), "Q"), "file.pickle", /no storage/],
  ["a storage of another module's class", of(tuple(text("module"), none), "Q"), "file.pickle", /no storage/],
  ["a storage of fewer than no elements", checkpoint(pickle(storage("0", { count: -1 }))), "file.pickle", /no storage/],
  [
    "one storage in two types",
    checkpoint(pickle(list(storage("0"), storage("0", { type: "IntStorage" })))),
    "file.pickle",
    /two sizes or types/,
  ],
  ...([
    ["one element too many", { shape: [7], strides: [1] }, /reaches out/],
    ["a start beyond the end", { start: 1 }, /reaches out/],
    ["a stride beyond the end", { strides: [4, 1] }, /reaches out/],
    ["a negative stride", { strides: [-3, 1] }, /without storage, start, sizes/],
    ["a negative start", { start: -1 }, /without storage, start, sizes/],
    ["a negative size", { shape: [-2, -3] }, /without storage, start, sizes/],
    ["more strides than sizes", { strides: [3, 1, 1] }, /without storage, start, sizes/],
    ["sixty-five dimensions", { shape: Array(65).fill(1), strides: Array(65).fill(1) }, /without storage/],
    ["a gigabyte of one element", { shape: [2 ** 15, 2 ** 13], strides: [0, 0] }, /elements that the file has/],
    ["sizes beyond 2^53", { shape: Array(3).fill(2 ** 30), strides: [0, 0, 0] }, /reaches out|elements that/],
    [
      "sizes beyond 2^53 behind a zero",
      { shape: [0, ...Array(3).fill(2 ** 30)], strides: [0, 0, 0, 0] },
      /elements that/,
    ],
  ] as const).map(([claim, layout, says]): HostileRow => [
    `a tensor with ${claim}`,
    checkpoint(pickle(tensor("0", layout as Parameters<typeof tensor>[1]))),
    "file.pickle",
    says,
  ]),
  [
    "a tensor without a storage",
    of(call(global("torch._utils", "_rebuild_tensor_v2"), none)),
    "file.pickle",
    /without storage/,
  ],
  ["200,001 tensors", checkpoint(pickle(crowd(200_001))), "file.torch", /200001 tensors/],
  ["a name with an escape sequence", zip([{ name: "model/\x1b[2J", data: six }]), "file.zip", /"model\/\\u001b/],
  // the older format
  ["a pickle of another program", pickle(int(5)), "file.torch", /another program/],
  [
    "an older format's later version",
    code(legacy(saved).subarray(0, 15), pickle(int(1002))),
    "file.torch",
    /another version/,
  ],
  ["an older format cut in a storage", legacy(saved).slice(0, -1), "file.torch", /cut short/],
  ["an older format with more at its end", code(legacy(saved), 0), "file.torch", /1 bytes after its last/],
  ["an older format with another count", legacy(saved, { 0: [5, six] }), "file.torch", /of 5 elements/],
  ["an older format without its storage", legacy(saved, {}), "file.torch", /0 storages/],
  [
    "an older format with a storage of nobody",
    legacy(saved, { 0: [6, six], 1: [6, six] }),
    "file.torch",
    /no tensor is in/,
  ],
];

/** One tensor under many names. */
function crowd(count: number): Code {
  const named = Array.from(
    { length: count },
    (_, i) => Uint8Array.of(0x8c, 3, i & 127, (i >> 7) & 127, i >> 14, 0x68, 0),
  );
  const names = new Uint8Array(7 * count);
  named.forEach((bytes, i) => names.set(bytes, 7 * i));
  return code(tensor("0"), "q", 0, "0}(", names, "u");
}

function sameDict(): Code {
  const pairs = list(...Array.from({ length: 1000 }, (_, i) => tuple(int(i), none)));
  const make = code(global("collections", "OrderedDict"), "h", 0, 0x85, "R");
  return code(pairs, "q", 0, "0](", repeated(make, 2000), "e");
}

function sameBytes(): Code {
  const args = tuple(text("a".repeat(1 << 20)), text("latin1"));
  const make = code(global("_codecs", "encode"), "h", 0, "R");
  return code(args, "q", 0, "0](", repeated(make, 2000), "e");
}
