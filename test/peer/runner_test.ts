import assert from "node:assert/strict";
import { float32, numbers, peerTest } from "./peer.ts";

peerTest("arrays of any dtype and shape come back as they went", async (peer) => {
  const dir = await Deno.makeTempDir();
  const dtypes = ["float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "int64", "int32"];
  for (const [i, dtype] of [...dtypes, "int16", "int8", "uint8", "bool"].entries()) {
    const item = [8, 4, 2, 2, 1, 1, 8, 4, 2, 1, 1, 1][i]!;
    for (const shape of [[2, 3], [], [0, 4]]) {
      const size = item * shape.reduce((a, b) => a * b, 1);
      const array = { dtype, shape, bytes: Uint8Array.from({ length: size }, (_, j) => (j * 7) % 2) };
      const path = `${dir}/x.safetensors`;
      await peer.call("files.write", { path }, { array });
      assert.deepEqual((await peer.call("files.read", { path })).arrays, { array });
    }
  }
  await Deno.remove(dir, { recursive: true });
});

peerTest("an exception in Python is an error with its traceback, and the next call works", async (peer) => {
  const failing = peer.call("layers.functional", { function: "linear" }, { input: float32([1, 2], [2]) });
  await assert.rejects(failing, { code: "peer.call", message: /layers\.functional failed[^]*TypeError/ });
  await assert.rejects(peer.call("no.such"), { code: "peer.call", message: /ModuleNotFoundError/ });
  const { json } = await peer.call<{ peak_rss: number }>("process.memory");
  assert.ok(json.peak_rss > 50e6 && json.peak_rss < 4e9);
});

peerTest("layers give the output and the gradients of every input", async (peer) => {
  const { arrays } = await peer.call("layers.functional", { function: "linear" }, {
    input: float32([1, 2], [1, 2]),
    weight: float32([3, 4, 5, 6, 7, 8], [3, 2]),
    bias: float32([0, 0, 1], [3]),
    grad_output: float32([1, 0, 2], [1, 3]),
  });
  assert.deepEqual(numbers(arrays["output"]!), [11, 17, 24]);
  assert.deepEqual(numbers(arrays["grad.input"]!), [17, 20]);
  assert.deepEqual(numbers(arrays["grad.weight"]!), [1, 2, 0, 0, 2, 4]);
  assert.deepEqual(numbers(arrays["grad.bias"]!), [1, 0, 2]);
});
