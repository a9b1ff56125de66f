import assert from "node:assert/strict";
import { join } from "@std/path";
import { LatentError } from "../../lib/base/mod.ts";
import {
  loadTensor,
  loadTensors,
  Opaque,
  openTensorFile,
  type PickleValue,
  SafetensorsFile,
  TorchCheckpoint,
  TorchTensor,
  writeSafetensors,
} from "../../lib/file/mod.ts";
import { describeValue } from "../../lib/file/torch_checkpoint.ts";
import { scope } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";
import { MemoryDisk } from "./memory_disk.ts";
import { mutant, random } from "./mutate.ts";
import {
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
  parts,
  pickle,
  six,
  storage,
  tensor,
  text,
  tuple,
  zip,
} from "./torch_fixture.ts";
import { HOSTILE } from "./torch_hostile.ts";

function opened(bytes: Uint8Array): TorchCheckpoint {
  const disk = new MemoryDisk();
  disk.put("/model.ckpt", bytes);
  return TorchCheckpoint.open("/model.ckpt", disk);
}

const saved = (...body: (Code | string | number)[]): PickleValue => opened(checkpoint(pickle(...body), {})).value;

for (const [claim, bytes, wanted, says] of HOSTILE) {
  Deno.test(`a checkpoint is refused: ${claim}`, () => {
    assert.throws(() => opened(bytes), (error) => {
      assert.ok(error instanceof LatentError, String(error));
      assert.equal(error.code, wanted, String(error));
      assert.match(error.message, says);
      assert.ok(error.message.includes("/model.ckpt") && error.fields.found !== undefined || wanted === "file.zip");
      return true;
    });
  });
}

Deno.test("plain values of every opcode are read", () => {
  const rows: [Code, PickleValue][] = [
    [none, null],
    [code(0x88), true],
    [code(0x89), false],
    [code("K", 200), 200],
    [code("M", 1, 2), 513],
    [int(-7), -7],
    [code(0x8a, 0), 0],
    [code(0x8a, 1, 0xff), -1],
    [code(0x8a, 9, new Uint8Array(8), 1), 2n ** 64n],
    [code("G", 0x3f, 0xf8, new Uint8Array(6)), 1.5],
    [text("ä\u2028"), "ä\u2028"],
    [code(0x8c, 1, "a"), "a"],
    [code(0x8d, 1, new Uint8Array(7), "a"), "a"],
    [code("U", 1, "a"), "a"],
    [code("U", 1, 0xff), Uint8Array.of(255)],
    [code("T", 1, 0, 0, 0, "a"), "a"],
    [code("C", 1, 0xff), Uint8Array.of(255)],
    [code("B", 1, 0, 0, 0, 0xff), Uint8Array.of(255)],
    [code(0x8e, 1, new Uint8Array(7), 9), Uint8Array.of(9)],
    [code(0x96, 1, new Uint8Array(7), 9), Uint8Array.of(9)],
    [code(")"), []],
    [code("N", 0x85), [null]],
    [code("K", 1, "K", 2, 0x86), [1, 2]],
    [code("K", 1, "K", 2, "K", 3, 0x87), [1, 2, 3]],
    [tuple(int(1), int(2)), [1, 2]],
    [list(int(1), int(2)), [1, 2]],
    [code("]K", 1, "a"), [1]],
    [code(0x8f, "(K", 1, 0x90), [1]],
    [code("(K", 1, 0x91), [1]],
    [dict([text("a"), int(1)], [int(2), none]), new Map<PickleValue, PickleValue>([["a", 1], [2, null]])],
    [code("}", text("__proto__"), "K", 1, "s"), new Map([["__proto__", 1]])],
    [code(0x95, new Uint8Array(8), text("a"), 0x94, "h", 0, 0x86), ["a", "a"]],
    [code(text("a"), "r", 5, 1, 0, 0, "j", 5, 1, 0, 0, 0x86), ["a", "a"]],
    [code("NK", 1, "00K", 2), 2],
    [code("K", 2, "(NN1"), 2],
    [code("K", 2, "(0"), 2],
  ];
  for (const [bytes, wanted] of rows) assert.deepEqual(saved(bytes), wanted, String(bytes));
});

Deno.test("what torch.save writes beside tensors is rebuilt as data", () => {
  const float = (...bytes: number[]) =>
    call(
      global("numpy.core.multiarray", "scalar"),
      code(
        call(global("numpy", "dtype"), text("f8"), code(0x89), code(0x88)),
        tuple(int(3), text("<"), none, none, none, int(-1), int(-1), int(0)),
        "b",
      ),
      call(global("_codecs", "encode"), text(String.fromCharCode(...bytes)), text("latin1")),
    );
  const rows: [Code, PickleValue][] = [
    [call(global("collections", "OrderedDict")), new Map()],
    [call(global("collections", "OrderedDict"), list(list(text("a"), int(1)))), new Map([["a", 1]])],
    [code(call(global("collections", "OrderedDict")), dict([text("_metadata"), none]), "b"), new Map()],
    [call(global("collections", "defaultdict"), global("__builtin__", "list")), new Map()],
    [call(global("torch", "Size"), tuple(int(2), int(3))), [2, 3]],
    [call(global("__builtin__", "set"), list(int(1))), [1]],
    [call(global("_codecs", "encode"), text("aÿ"), text("latin1")), Uint8Array.of(97, 255)],
    [float(0, 0, 0, 0, 0, 0, 4, 64), 2.5],
  ];
  for (const [bytes, wanted] of rows) assert.deepEqual(saved(bytes), wanted, String(bytes));
});

Deno.test("classes and functions are names: nothing is looked up, called, or kept of them", () => {
  const system = global("posix", "system");
  const shell = call(system, text("touch /tmp/latent-was-here"));
  const rows: [Code, string][] = [
    [system, "posix.system"],
    [shell, "posix.system"],
    [call(global("builtins", "eval"), text("1")), "builtins.eval"],
    [code(text("os"), text("popen"), 0x93, tuple(text("ls")), "R"), "os.popen"],
    [code(global("argparse", "Namespace"), ")", 0x81, dict([text("a"), shell]), "b"), "argparse.Namespace"],
    [code(global("omegaconf", "DictConfig"), ")}", 0x92), "omegaconf.DictConfig"],
    [code(global("a", "List"), ")", 0x81, "(NNe(NNu"), "a.List"],
    [call(global("toString", "constructor")), "toString.constructor"],
    [global("__proto__", "x"), "__proto__.x"],
    [call(global("torch._utils", "_rebuild_sparse_tensor"), none), "torch._utils._rebuild_sparse_tensor"],
    [call(call(global("collections", "abc")), shell), "collections.abc"],
  ];
  for (const [bytes, name] of rows) assert.deepEqual(saved(bytes), new Opaque(name));
  assert.throws(() => Deno.statSync("/tmp/latent-was-here"), Deno.errors.NotFound);
});

Deno.test("objects of a released checkpoint's trainer stand beside its weights, as keys too", () => {
  const key = global("pytorch_lightning.callbacks.model_checkpoint", "ModelCheckpoint");
  const state = call(global("collections", "OrderedDict"));
  const weights = code(state, "(", text("w"), tensor("0"), text("odd"), key, "u");
  using file = opened(checkpoint(pickle(dict(
    [text("epoch"), int(3)],
    [text("state_dict"), weights],
    [text("callbacks"), dict([key, dict([text("best"), tensor("0")])])],
  ))));
  assert.deepEqual([...file.entries.keys()], ["w"]);
  const root = file.value as ReadonlyMap<string, PickleValue>;
  assert.equal(root.get("epoch"), 3);
  const [[callback, kept]] = [...root.get("callbacks") as ReadonlyMap<PickleValue, PickleValue>] as [[
    PickleValue,
    ReadonlyMap<string, PickleValue>,
  ]];
  assert.equal(describeValue(callback), "an object of pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint");
  assert.ok(kept.get("best") instanceof TorchTensor);
  assert.throws(() => file.entry("odd"), /"odd" is no tensor[^]*an object of pytorch_lightning/);
  assert.throws(() => file.entry("v"), { code: "file.tensor" });
});

Deno.test("a file without a state dict says what it holds when a tensor is asked for", () => {
  using file = opened(checkpoint(pickle(call(global("__main__", "Net"))), {}));
  assert.throws(() => file.bytes("w"), /has no tensor "w"\n {2}found {3}an object of __main__\.Net/);
});

Deno.test("elements are read in row-major order, whatever the strides", () => {
  const rows: [Parameters<typeof tensor>[1], number[]][] = [
    [{}, [0, 1, 2, 3, 4, 5]],
    [{ shape: [3, 2], strides: [1, 3] }, [0, 3, 1, 4, 2, 5]],
    [{ shape: [2], strides: [2], start: 1 }, [1, 3]],
    [{ shape: [2, 2], strides: [0, 1] }, [0, 1, 0, 1]],
    [{ shape: [], strides: [], start: 5 }, [5]],
    [{ shape: [0, 3], strides: [3, 1], start: 6 }, []],
  ];
  for (const [layout, wanted] of rows) {
    using file = opened(checkpoint(pickle(dict([text("w"), tensor("0", layout)]))));
    const bytes = file.bytes("w");
    assert.deepEqual([...new Float32Array(bytes.slice().buffer)], wanted);
    assert.deepEqual([file.entry("w").shape, file.entry("w").bytes], [layout!.shape ?? [2, 3], bytes.length]);
  }
});

Deno.test("a list of sizes that the pickle changes afterwards leaves the tensor as it was checked", () => {
  const sizes = code("](K", 2, "K", 3, "eq", 0);
  const parts = [storage("0"), int(0), sizes, tuple(int(3), int(1)), code(0x89), none];
  const state = dict([text("w"), call(global("torch._utils", "_rebuild_tensor_v2"), ...parts)], [
    text("sizes"),
    code("h", 0, "K", 9, "a"),
  ]);
  using file = opened(checkpoint(pickle(state)));
  assert.deepEqual([file.entry("w").shape, file.bytes("w")], [[2, 3], six]);
});

Deno.test("archives with ZIP64 sizes, without a byte order and without checksums are read", () => {
  const saved = parts(pickle(dict([text("w"), tensor("0")])));
  const old = saved.filter(({ name }) => name !== "model/byteorder");
  const unchecked = saved.map((part) => ({ ...part, checksum: 0 }));
  const newer = saved.map((part) => part.name === "model/version" ? { ...part, name: "model/.data/version" } : part);
  for (const bytes of [zip(saved, true), zip(old), zip(unchecked), zip(newer)]) {
    using file = opened(bytes);
    assert.deepEqual(file.bytes("w"), six);
  }
});

Deno.test("a damaged tensor is named when it is read", () => {
  const lying = parts(pickle(dict([text("w"), tensor("0")]))).map((part) =>
    part.name === "model/data/0" ? { ...part, checksum: 7 } : part
  );
  using file = opened(zip(lying));
  assert.throws(() => file.bytes("w"), { code: "file.damaged", message: /checksum/ });
});

Deno.test("the older format of Python 2 is read: dicts from pairs, texts as str", () => {
  const pair = code("](", code("U", 1, "w"), tensor("0"), "e");
  using file = opened(legacy(pickle(call(global("collections", "OrderedDict"), list(pair)))));
  assert.deepEqual(file.bytes("w"), six);
});

Deno.test(
  "tensors load as views: what shares memory in the file shares it here, and the file is found by what it begins with",
  leakFree(async () => {
    const folder = await Deno.makeTempDir();
    const [ckpt, safe] = [join(folder, "a.ckpt"), join(folder, "a.safetensors")];
    const state = dict(
      [text("w"), tensor("0")],
      [text("t"), tensor("0", { shape: [3, 2], strides: [1, 3] })],
      [text("alone"), tensor("1", { shape: [2], strides: [2], start: 1 })],
      [text("bool"), tensor("2", { type: "BoolStorage", shape: [2], strides: [1], count: 2 })],
    );
    await Deno.writeFile(ckpt, checkpoint(pickle(state), { 0: six, 1: six, 2: Uint8Array.of(0, 7) }));
    writeSafetensors(safe, new Map([["w", { dtype: "F32", shape: [2, 3], chunks: () => [six] }]]));
    scope(() => {
      using file = openTensorFile(ckpt);
      assert.ok(file instanceof TorchCheckpoint);
      const loaded = loadTensors(file);
      assert.deepEqual([...loaded].map(([name, x]) => [name, x.tolist()]), [
        ["w", [[0, 1, 2], [3, 4, 5]]],
        ["t", [[0, 3], [1, 4], [2, 5]]],
        ["alone", [1, 3]],
        ["bool", [0, 1]],
      ]);
      loaded.get("w")!.fill_(9);
      assert.deepEqual(loaded.get("t")!.tolist(), [[9, 9], [9, 9], [9, 9]]);
      for (const mapped of [true, false]) {
        assert.deepEqual(loadTensor(file, "t", { mapped }).tolist(), [[0, 3], [1, 4], [2, 5]]);
      }
      using other = openTensorFile(safe);
      assert.ok(other instanceof SafetensorsFile);
    });
    await Deno.remove(folder, { recursive: true });
  }),
);

/** All that can be asked of a file, or the code of its refusal. */
function result(bytes: Uint8Array): string {
  try {
    using file = opened(bytes);
    return JSON.stringify(
      [...file.entries].map(([name, { dtype, shape }]) => [name, dtype, shape, [...file.bytes(name)]]),
    );
  } catch (error) {
    assert.ok(error instanceof LatentError && error.code.startsWith("file."), `${(error as Error).stack}`);
    return "refused";
  }
}

const small = checkpoint(
  pickle(dict([text("w"), tensor("0")], [text("t"), tensor("0", { shape: [3], strides: [2] })])),
);

Deno.test("each single cut and each flipped byte of a checkpoint is refused or harmless, never another error", () => {
  const whole = result(small);
  assert.notEqual(whole, "refused");
  let refused = 0;
  for (let at = 0; at < small.length; at++) {
    assert.equal(result(small.subarray(0, at)), "refused", `cut at ${at}`);
    for (const bits of [0xff, 0x55, 0x01]) {
      const flipped = small.slice();
      flipped[at]! ^= bits;
      const found = result(flipped);
      if (found === "refused") refused++;
      else assert.equal(found, whole, `byte ${at} ^ ${bits}`);
    }
  }
  assert.ok(refused > 2 * small.length, `${refused} refused`); // most of the rest are fields that nobody reads
});

Deno.test("each cut and flipped byte of the older format, which has no checksums, is refused or read", () => {
  const whole = legacy(pickle(dict([text("w"), tensor("0")])));
  for (let at = 0; at < whole.length; at++) {
    assert.equal(result(whole.subarray(0, at)), "refused", `cut at ${at}`);
    const flipped = whole.slice();
    flipped[at]! ^= 0x55;
    result(flipped);
  }
});

Deno.test("3,000 mutations of a checkpoint are refused or read, never another error", () => {
  const draw = random(10);
  for (let i = 0; i < 3000; i++) result(mutant(small, draw));
});

Deno.test("10,000 random pickle programs end in a value or a refusal", () => {
  const draw = random(11);
  let read = 0;
  for (let i = 0; i < 10_000; i++) if (result(checkpoint(randomProgram(draw))) !== "refused") read++;
  assert.ok(read > 200 && read < 9_000, `${read} read`);
});

/** Opcodes in any order, most of them with what they need; random bytes among them. */
function randomProgram(draw: () => number): Code {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(draw() * from.length)]!;
  const byte = () => Math.floor(draw() * 256);
  const snippets: (() => Code)[] = [
    ...[..."N)]}((tuaesb0eQR12q"].map((opcode) => () => code(opcode)),
    ...[0x81, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8f, 0x90, 0x91, 0x92, 0x93, 0x94].map((opcode) => () => code(opcode)),
    () => code("K", byte()),
    () => code(pick(["h", "q"]), byte() % 4),
    () => code(pick(["C", "U", 0x8c, 0x8a]), 2, byte(), byte()),
    () => text(pick(["a", "storage", "0", "cpu", "latin1"])),
    () => global("torch._utils", pick(["_rebuild_tensor_v2", "_rebuild_tensor", "_rebuild_parameter", "x"])),
    () => global(pick(["collections", "torch", "os"]), pick(["OrderedDict", "FloatStorage", "Size", "system"])),
    () => tensor("0", { shape: [byte() % 4, byte() % 4], strides: [byte() % 4, byte() % 4] }),
    () => code(text("w"), tensor("0", { start: byte() % 3, shape: [byte() % 5], strides: [byte() % 3] }), "s"),
    () => Uint8Array.from({ length: byte() % 6 }, byte),
  ];
  const start = pick([code(), code("}"), code("](")]);
  const body = Array.from({ length: Math.floor(draw() * 12) }, () => pick(snippets)());
  return pickle(start, ...body, pick([code(), code("t"), code("e")]));
}

Deno.test("the limits let a checkpoint of 50,000 tensors through", () => {
  const one = tensor("0");
  const named = (i: number) => code(text(`model.layer.${i}.weight`), "r", i % 256, i >> 8, 0, 0, one);
  const batch = (start: number) => code("(", ...Array.from({ length: 1000 }, (_, i) => named(start + i)), "u");
  using file = opened(checkpoint(pickle("}", ...Array.from({ length: 50 }, (_, i) => batch(1000 * i)))));
  assert.equal(file.entries.size, 50_000);
});
