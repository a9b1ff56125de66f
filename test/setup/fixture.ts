import { join } from "@std/path";
import { createHash } from "node:crypto";
import { deflateRawSync } from "node:zlib";
import { libraryName } from "../../ffi/mod.ts";

/** A file for a zip archive made by hand, and what is to be wrong about it. */
export interface FakeEntry {
  name: string;
  data: Uint8Array | string;
  /** Overrides of the directory's fields, to lie with. */
  method?: number;
  flags?: number;
  mode?: number;
  size?: number;
  packedSize?: number;
  offset?: number;
}

/** A zip archive: every second entry stored, the others deflated. */
export function zipOf(entries: FakeEntry[], comment = ""): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let at = 0;
  entries.forEach((entry, i) => {
    const name = new TextEncoder().encode(entry.name);
    const data = bytesOf(entry.data);
    const packed = i % 2 === 0 ? deflateRawSync(data) : data;
    const method = entry.method ?? (i % 2 === 0 ? 8 : 0);
    const packedSize = entry.packedSize ?? packed.length;
    const size = entry.size ?? data.length;
    const sizes = [0, packedSize, size]; // no checksum: the reader trusts RECORD's
    parts.push(
      record(0x04034b50, "sssssiiiss", [20, entry.flags ?? 0, method, 0, 0, ...sizes, name.length, 0]),
      name,
      packed,
    );
    const rest = [...sizes, name.length, 0, 0, 0, 0, (entry.mode ?? 0o100644) * 0x10000, entry.offset ?? at];
    directory.push(record(0x02014b50, "ssssssiiisssssii", [0x314, 20, entry.flags ?? 0, method, 0, 0, ...rest]), name);
    at += 30 + name.length + packed.length;
  });
  const length = directory.reduce((sum, part) => sum + part.length, 0);
  const counts = [0, 0, entries.length, entries.length, length, at, comment.length];
  return concat([...parts, ...directory, record(0x06054b50, "ssssiis", counts), bytesOf(comment)]);
}

/** Little-endian fields after a signature: s is 16 bits, i is 32. */
function record(signature: number, kinds: string, values: number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 + [...kinds].reduce((sum, kind) => sum + (kind === "s" ? 2 : 4), 0)));
  view.setUint32(0, signature, true);
  let at = 4;
  [...kinds].forEach((kind, i) => {
    kind === "s" ? view.setUint16(at, values[i]!, true) : view.setUint32(at, values[i]!, true);
    at += kind === "s" ? 2 : 4;
  });
  return new Uint8Array(view.buffer);
}

function concat(parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (whole.set(part, at), at + part.length), 0);
  return whole;
}

function bytesOf(data: Uint8Array | string): Uint8Array {
  return typeof data === "string" ? new TextEncoder().encode(data) : data;
}

/** What a fake wheel of PyTorch is to be like. */
export interface FakeTorch {
  version?: string;
  tag?: string;
  /** More files, or others than usual. */
  files?: Record<string, Uint8Array | string>;
  /** Whether it is a CUDA build: has those libraries too. */
  withCuda?: boolean;
  /** Lines at the end of METADATA. */
  requires?: string;
  /** Changes what RECORD says. */
  record?: (text: string) => string;
}

const platform = `${Deno.build.os === "darwin" ? "macosx_11_0" : "manylinux_2_28"}_${Deno.build.arch}`;

/** A wheel that looks like PyTorch's: two empty libraries that can be linked with, a header, metadata. */
export async function fakeTorch(wish: FakeTorch = {}): Promise<Uint8Array<ArrayBuffer>> {
  const { version = "2.13.0+cpu", tag = `cp311-cp311-${platform}`, files, requires = "", record } = wish;
  const library = await emptyLibrary();
  const names = ["torch_cpu", "c10", ...(wish.withCuda ? ["torch_cuda", "c10_cuda"] : [])];
  const contents = {
    "torch/__init__.py": "raise ImportError('never imported')",
    "torch/version.py": `__version__ = '${version}'\n`,
    ...Object.fromEntries(names.map((name) => [`torch/lib/${libraryName(name)}`, library])),
    "torch/include/torch/fake.h": "#define FAKE_TORCH 42\n",
    ...files,
    "torch-0.dist-info/METADATA": `Metadata-Version: 2.1\nName: torch\n${requires}`,
    "torch-0.dist-info/WHEEL": `Wheel-Version: 1.0\nTag: ${tag}\n`,
  };
  return fakeWheel(contents, record);
}

/** A wheel of files, with their RECORD. */
export function fakeWheel(
  contents: Record<string, Uint8Array | string>,
  record: (text: string) => string = (text) => text,
): Uint8Array<ArrayBuffer> {
  const lines = Object.entries(contents).map(([name, data]) =>
    `${name},sha256=${createHash("sha256").update(bytesOf(data)).digest("base64url")},${bytesOf(data).length}\n`
  );
  const all = { ...contents, "fake-0.dist-info/RECORD": record(lines.join("") + "fake-0.dist-info/RECORD,,\n") };
  return zipOf(Object.entries(all).map(([name, data]) => ({ name, data })));
}

let library: Promise<Uint8Array> | undefined;

function emptyLibrary(): Promise<Uint8Array> {
  return library ??= inTempDir(async (dir) => {
    Deno.writeTextFileSync(join(dir, "empty.cpp"), "int latent_fake;\n");
    const args = ["-shared", "-fPIC", "-o", join(dir, "empty.so"), join(dir, "empty.cpp")];
    const { success } = await new Deno.Command("g++", { args }).output();
    if (!success) throw new Error("g++ is needed for these tests");
    return Deno.readFileSync(join(dir, "empty.so"));
  });
}

/** Sources of a shim that needs no real libtorch, and takes part of a second to compile. */
export const fakeSources = {
  "fake.h": "#define FAKE_ABI 7\n",
  "fake.cpp":
    `#include <torch/fake.h>\n#include "fake.h"\nextern "C" __attribute__((visibility("default"))) int latent_abi() { return FAKE_ABI + FAKE_TORCH - 42; }\n`,
};

/** Runs a function with a temporary folder, which goes with it. */
export async function inTempDir<T>(body: (dir: string) => T | Promise<T>): Promise<T> {
  const dir = Deno.realPathSync(await Deno.makeTempDir({ prefix: "latent-test-" }));
  try {
    return await body(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** Runs a function with other environment variables (undefined: none), and puts them back. */
export async function withEnv<T>(changes: Record<string, string | undefined>, body: () => T | Promise<T>): Promise<T> {
  const before = Object.keys(changes).map((name) => [name, Deno.env.get(name)] as const);
  const set = ([name, value]: readonly [string, string | undefined]) =>
    value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
  Object.entries(changes).forEach(set);
  try {
    return await body();
  } finally {
    before.forEach(set);
  }
}

/**
 * The PATH with a `python3` before all others, whose torch is in `torch` (none if undefined), and whose
 * `pip download --dest DIR …` runs `pip`, a piece of shell, in DIR with the arguments.
 */
export function pathWithPython(dir: string, { torch, pip = "exit 1" }: { torch?: string; pip?: string } = {}): string {
  const bin = join(dir, "bin");
  Deno.mkdirSync(bin, { recursive: true });
  const script = `#!/bin/sh
case "$1" in
  -I) ${torch === undefined ? "exit 1" : `echo '${torch}'`} ;;
  -m) cd "$5" && { ${pip}
  } ;;
esac
`;
  Deno.writeTextFileSync(join(bin, "python3"), script, { mode: 0o700 });
  return `${bin}:${Deno.env.get("PATH")}`;
}

/** The environment of a machine on which nothing is found, but the fake python3. */
export function bareEnv(
  dir: string,
  python: { torch?: string; pip?: string } = {},
): Record<string, string | undefined> {
  return { LATENT_LIBTORCH: undefined, CXX: "g++", PATH: pathWithPython(dir, python) };
}

/** A folder with what a libtorch looks like; returns its path. */
export function fakeLibtorch(dir: string, version = "2.13.0+cpu"): string {
  Deno.mkdirSync(join(dir, "lib"), { recursive: true });
  Deno.mkdirSync(join(dir, "include"), { recursive: true });
  Deno.writeTextFileSync(join(dir, "version.py"), `__version__ = '${version}'\n`);
  Deno.writeTextFileSync(join(dir, "lib", libraryName("torch_cpu")), "");
  return dir;
}
