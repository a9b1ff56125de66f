import assert from "node:assert/strict";
import { type Handle, keep, live, raw, scope } from "../../ffi/handle.ts";
import { native, release } from "../../ffi/open.ts";
import { liveInProcess } from "../../ffi/process.ts";
import { LatentError } from "../../lib/base/mod.ts";
import { Generator, type Tensor, tensor } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";

const two = () => tensor([1, 2]);

/** What a body's result may hold tensors in. */
const holders: Record<string, (a: Tensor, b: Tensor) => unknown> = {
  "an array": (a, b) => [a, b],
  "nested arrays": (a, b) => [[a], [[b]]],
  "a record": (a, b) => ({ a, b, text: "x", none: null }),
  "a record without prototype": (a, b) => Object.assign(Object.create(null), { a, b }),
  "a map": (a, b) => new Map([["a", a], ["b", b]]),
  "a map of records of arrays": (a, b) => new Map([["x", { list: [a, b] }]]),
  "a record that holds itself": (a, b) => {
    const record: Record<string, unknown> = { a, b };
    record.self = [record];
    return record;
  },
};

for (const [name, hold] of Object.entries(holders)) {
  Deno.test(
    `a scope frees what was made inside but the tensors that it returns in ${name}`,
    leakFree(() => {
      const made: Tensor[] = [];
      const make = () => made[made.push(two()) - 1]!;
      scope(() => {
        make();
        const result = hold(make(), make());
        make();
        return result;
      });
      assert.deepEqual(made.map((t) => t.alive), [false, true, true, false]);
      for (const t of made) t.dispose();
    }),
  );
}

Deno.test(
  "what an inner scope returns belongs to the outer one",
  leakFree(() => {
    let inner: Tensor | undefined;
    const sum = scope(() => {
      inner = scope(() => two().mul(2));
      assert.ok(inner.alive);
      return scope(() => inner!.add(1));
    });
    assert.equal(inner?.alive, false);
    assert.deepEqual(sum.tolist(), [3, 5]);
    sum.dispose();
  }),
);

Deno.test(
  "a scope whose body throws frees everything and passes the error on, at any depth",
  leakFree(() => {
    const made: Handle[] = [];
    const error = new Error("mine");
    const failing = () => {
      made.push(two(), Generator.seeded(1));
      scope(() => {
        made.push(two());
        throw error;
      });
    };
    assert.throws(() => scope(failing), error);
    assert.throws(() => scope(() => [two(), two()].at(5)!.shape), TypeError);
    assert.deepEqual(made.map((t) => t.alive), [false, false, false]);
    using after = two();
    assert.ok(after.alive, "no scope is open any more");
  }),
);

Deno.test(
  "a scope whose body is asynchronous is refused, and what it made is freed",
  leakFree(() => {
    let made: Tensor | undefined;
    const body = () => Promise.resolve(made = two());
    assert.throws(() => scope(body), (e) => e instanceof LatentError && e.code === "tensor.scope");
    assert.equal(made?.alive, false);
  }),
);

Deno.test(
  "keep carries a tensor out of every open scope; of a freed one it does nothing",
  leakFree(() => {
    let kept: Tensor | undefined;
    scope(() => {
      scope(() => {
        kept = keep(two());
        const gone = two();
        gone.dispose();
        assert.equal(keep(gone).alive, false);
      });
    });
    assert.deepEqual(kept?.tolist(), [1, 2]);
    kept?.dispose();
  }),
);

Deno.test(
  "using frees at the end of its block, and freeing twice does nothing",
  leakFree(() => {
    let outside: Tensor;
    {
      using inside = two();
      outside = inside;
    }
    assert.equal(outside.alive, false);
    outside.dispose();
    scope(() => two().dispose());
  }),
);

Deno.test(
  "a freed tensor in any place of a call is refused with the operator's name",
  leakFree(() => {
    const gone = scope(() => {
      two();
      return [two()];
    })[0]!;
    gone.dispose();
    using alive = two();
    const uses: Record<string, () => unknown> = {
      "aten::add.Tensor": () => alive.add(gone),
      "aten::mul.Scalar": () => gone.mul(2),
      "tensor": () => gone.share(),
      "bytes": () => gone.bytes(),
      "backward": () => gone.backward(),
    };
    for (const [operator, use] of Object.entries(uses)) {
      assert.throws(use, (error) => {
        assert.ok(error instanceof LatentError);
        assert.equal(error.code, "tensor.freed");
        assert.match(error.message, /freed/);
        if (operator !== "bytes") assert.equal(error.fields.operator, operator);
        return true;
      });
    }
  }),
);

Deno.test(
  "a handle of another generation is refused, though its slot is in use again",
  leakFree(() => {
    const { symbols, frame } = native();
    const old = two();
    const stale = old[raw];
    old.dispose();
    using next = two(); // the slot freed last is taken first
    const slot = (handle: number) => handle % 2 ** 24;
    assert.equal(slot(next[raw]), slot(stale));
    assert.notEqual(next[raw], stale);
    for (const handle of [stale, next[raw] + 2 ** 24, next[raw] + 0.5, -next[raw], NaN, Infinity, 0, 2 ** 53]) {
      assert.equal(symbols.latent_alias(frame.index, handle), -1, `handle ${handle}`);
      assert.equal(frame.begin().take(), 3, "of the class of handles");
    }
    assert.throws(() => release([stale], 1), (e) => e instanceof LatentError && e.code === "tensor.freed");
    assert.deepEqual(next.tolist(), [1, 2]);
  }),
);

Deno.test(
  "live counts this isolate's tensors and generators, liveInProcess all",
  leakFree(() => {
    const [here, all] = [live(), liveInProcess()];
    using _tensor = two();
    using _generator = Generator.seeded(1);
    assert.deepEqual([live() - here, liveInProcess() - all], [2, 2]);
    scope(() => {
      for (let i = 0; i < 5000; i++) two();
      assert.equal(live() - here, 5002);
    });
    assert.deepEqual([live() - here, liveInProcess() - all], [2, 2]);
  }),
);

Deno.test("a tensor that is lost is freed and counted when the garbage collector finds it", async () => {
  const program = `
    import { keep, leaked, live, scope, tensor } from "./lib/tensor/mod.ts";
    const lost = [tensor([1]), scope(() => tensor([2]))];
    scope(() => { lost.push(keep(tensor([3])), tensor([4])); });
    tensor([5]).dispose();
    lost.length = 0;
    for (let i = 0; i < 100 && leaked() < 3; i++) {
      globalThis.gc();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    console.log(leaked(), live());`;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-check", "--ext=ts", "--v8-flags=--expose-gc", program],
    cwd: new URL("../..", import.meta.url),
    stdin: "null",
  }).output();
  assert.equal(new TextDecoder().decode(stdout), "3 0\n", new TextDecoder().decode(stderr));
});
