import { join } from "@std/path";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { namesIn } from "../../lib/base/mod.ts";
import { describeTorch, isWantedOfNvidia, isWantedOfTorch, nvidiaRequirements } from "../../lib/setup/torch_wheel.ts";
import { openWheel, recordedHashes, unpackWheel } from "../../lib/setup/wheel.ts";
import { type FakeTorch, fakeTorch, inTempDir, zipOf } from "./fixture.ts";
import { isError } from "./machine.ts";

Deno.test("RECORD gives the hash of each file that has one, quoted names included", () => {
  const record = 'a/b.so,sha256=Ab-_9,12\r\n"x,""y"".h",sha256=CC==,3\nRECORD,,\nnothing\n,sha256=DD,\n';
  assert.deepEqual([...recordedHashes(record)], [["a/b.so", "Ab-_9"], ['x,"y".h', "CC"], ["", "DD"]]);
});

for (
  const [name, cpu, cuda] of [
    ["torch/version.py", true, true],
    ["torch/include/c10/macros/Macros.h", true, true],
    ["torch/lib/libtorch_cpu.so", true, true],
    ["torch/lib/libgomp.so.1", true, true],
    ["torch/lib/libc10.dylib", true, true],
    ["torch.libs/libopenblas-1234.so.0", true, true],
    ["torch/lib/libtorch_cuda.so", false, true],
    ["torch/lib/libtorch_cuda_linalg.so", false, true],
    ["torch/lib/libc10_cuda.so", false, true],
    ["torch/lib/libshm/libshm.h", false, false],
    ["torch/_C.cpython-311.so", false, false],
    ["torch/__init__.py", false, false],
    ["torch/bin/protoc.so", false, false],
    ["nvidia/cu13/lib/libcudart.so.13", false, false],
  ] as const
) {
  Deno.test(`of a wheel ${name} is ${cuda ? cpu ? "unpacked" : "unpacked with CUDA only" : "left out"}`, () => {
    assert.deepEqual([isWantedOfTorch(name, "cpu"), isWantedOfTorch(name, "cuda")], [cpu, cuda]);
  });
}

Deno.test("of a wheel of CUDA's the libraries and headers are unpacked", () => {
  const names = ["nvidia/cu13/lib/libcudart.so.13", "nvidia/cudnn/lib/libcudnn.so", "nvidia/cu13/include/cuda.h"];
  assert(names.every(isWantedOfNvidia));
  assert(!["nvidia/__init__.py", "nvidia/cu13/bin/ptxas", "other/lib/a.so"].some(isWantedOfNvidia));
});

const metadata = `Metadata-Version: 2.1
Name: torch
Requires-Dist: filelock
Requires-Dist: cuda-toolkit[cublas,cudart,cufft,cupti,nvtx]==13.0.3; platform_system == "Linux"
Requires-Dist: cuda-bindings<14,>=13.0.3; platform_system == "Linux" and python_version < "3.15"
Requires-Dist: nvidia-cudnn-cu13==9.20.0.48; platform_system == "Linux"
Requires-Dist: nvidia-extra==1; extra == "more"
Requires-Dist: triton==3.7.1; platform_system == "Linux"

Requires-Dist: nvidia-in-the-description==1
`;

Deno.test("the CUDA build wants the nvidia packages of its METADATA, its CPU library two of them", () => {
  assert.deepEqual(nvidiaRequirements(metadata, "cuda"), [
    'cuda-toolkit[cublas,cudart,cufft,cupti,nvtx]==13.0.3; platform_system == "Linux"',
    'nvidia-cudnn-cu13==9.20.0.48; platform_system == "Linux"',
  ]);
  const two = 'cuda-toolkit[cudart,cupti]==13.0.3; platform_system == "Linux"';
  assert.deepEqual(nvidiaRequirements(metadata.replaceAll("\n", "\r\n"), "cpu"), [two]);
  assert.deepEqual(nvidiaRequirements("Name: torch\nRequires-Dist: filelock\n", "cuda"), []);
});

async function unpacked(archive: Uint8Array): Promise<string[]> {
  return await inTempDir(async (dir) => {
    const path = join(dir, "torch-2.13.0-py3.whl");
    Deno.writeFileSync(path, archive);
    using wheel = openWheel(path);
    await describeTorch(wheel);
    const target = join(dir, "target");
    const events = await Array.fromAsync(unpackWheel(wheel, target, (name) => isWantedOfTorch(name, "cpu")));
    const last = events.at(-1);
    assert(last?.label === "unpack torch" && last.done === last.total);
    return namesIn(join(target, "torch/lib")).concat(namesIn(join(target, "torch")));
  });
}

Deno.test("libraries, headers and the version are unpacked, and nothing else", async () => {
  const names = await unpacked(await fakeTorch());
  assert.deepEqual(names.map((name) => name.replace(/\.dylib$/, ".so")).sort(), [
    "include",
    "lib",
    "libc10.so",
    "libtorch_cpu.so",
    "version.py",
  ]);
});

for (
  const [claim, wish, code, sentence] of [
    [
      "with another file than recorded",
      { record: (text) => text.replace(/(fake\.h,sha256=)./, "$1!") },
      "file.wheel",
      /fake\.h is not/,
    ],
    [
      "with a file that is not recorded",
      { record: (text) => text.replace(/.*fake\.h.*\n/, "") },
      "file.wheel",
      /fake\.h is not/,
    ],
    ["of an older version", { version: "2.10.0" }, "setup.version", /found {3}2\.10\.0\n {2}wanted {2}2\.11 to 2\.14/],
    ["for another system", { tag: "cp311-cp311-win_amd64" }, "file.wheel", /found {3}win_amd64/],
    ["for another processor", { tag: "cp311-cp311-manylinux_2_28_s390x" }, "file.wheel", /another machine/],
    ["of something else", { files: { "torch/version.py": "" } }, "setup.version", /unknown/],
  ] satisfies [string, FakeTorch, string, RegExp][]
) {
  Deno.test(`a wheel ${claim} is refused`, async () => {
    const archive = await fakeTorch(wish);
    await assert.rejects(unpacked(archive), isError(code, sentence));
  });
}

Deno.test("a zip archive that is no wheel of PyTorch is refused", async () => {
  await assert.rejects(unpacked(zipOf([{ name: "a", data: "" }])), /it is not PyTorch for this system/);
  const bytes = Buffer.from(await fakeTorch()).toString("latin1").replaceAll("RECORD", "RACORD");
  await assert.rejects(unpacked(Buffer.from(bytes, "latin1")), /no usable RECORD/);
});

Deno.test("unpacking lets timers run and ends when it is aborted", () =>
  inTempDir(async (dir) => {
    const path = join(dir, "torch-2.13.0-py3.whl");
    const files = Array.from({ length: 200 }, (_, i) => [`torch/include/${i}.h`, "x".repeat(10_000)]);
    Deno.writeFileSync(path, await fakeTorch({ files: Object.fromEntries(files) }));
    using wheel = openWheel(path);
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 0);
    const work = unpackWheel(wheel, join(dir, "target"), (name) => isWantedOfTorch(name, "cpu"), controller.signal);
    await assert.rejects(Array.fromAsync(work), { name: "AbortError" });
  }));
