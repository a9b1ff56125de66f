import assert from "node:assert/strict";
import {
  buffer,
  Conv2d,
  GroupNorm,
  identity,
  Linear,
  Module,
  observeCalls,
  onDevice,
  parameter,
  Sequential,
  silu,
} from "../../lib/nn/mod.ts";
import { Generator, live, noGrad, ones, scope, type Tensor, tensor, zeros } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";

/** A module with every kind of field. */
class Net extends Module {
  readonly scale = parameter([1]);
  readonly seen = buffer([1]);
  readonly first = new Linear(2, 3);
  readonly blocks = [new Linear(3, 3, { bias: false }), new Linear(3, 3, { bias: false })];
  readonly tail = new Sequential(silu, new Linear(3, 2), identity);

  override get buffers(): readonly string[] {
    return ["seen"];
  }

  override reset(): void {
    this.scale.fill_(2);
    this.seen.zero_();
  }

  override forward(x: Tensor): Tensor {
    const h = this.blocks.reduce((h, block) => block.call(h), this.first.call(x).mul(this.scale));
    return this.tail.call(h);
  }
}

const names = [
  "scale",
  "seen",
  "first.weight",
  "first.bias",
  "blocks.0.weight",
  "blocks.1.weight",
  "tail.1.weight",
  "tail.1.bias",
];

Deno.test(
  "names are the paths of fields, positions in lists and sequences; buffers are state but not trained",
  leakFree(() => {
    using net = new Net();
    assert.deepEqual([...net.stateDict().keys()], names);
    assert.deepEqual([...net.namedParameters().keys()], names.filter((name) => name !== "seen"));
    assert.equal(net.parameterCount, 1 + 9 + 9 + 9 + 8);
    const modules = [...net.modules()].map(([path]) => path);
    assert.deepEqual(modules, ["", "first", "blocks.0", "blocks.1", "tail", "tail.1"]);
  }),
);

Deno.test(
  "a call leaves its output alone alive",
  leakFree(() => {
    using generator = Generator.seeded(0);
    using net = new Net().initialise(generator);
    using x = ones([4, 2]);
    const before = live();
    for (const within of [noGrad, (body: () => void) => body()]) {
      within(() => {
        using y = net.call(x);
        assert.deepEqual([live() - before, ...y.shape], [1, 4, 2]);
      });
    }
  }),
);

Deno.test(
  "the same generator gives the same weights; zeroed layers are zero, norms start at 1 and 0",
  leakFree(() => {
    const weights = (seed: number) => {
      using generator = Generator.seeded(seed);
      using net = new Net().initialise(generator);
      return [...net.stateDict().values()].map((x) => x.bytes());
    };
    assert.deepEqual(weights(1), weights(1));
    assert.notDeepEqual(weights(1), weights(2));
    using generator = Generator.seeded(0);
    using zeroed = new Sequential(
      new Conv2d(2, 2, 3).zeroed(),
      new Linear(2, 2).zeroed(),
      new GroupNorm(2, { groups: 1 }),
    );
    const sums = [...zeroed.initialise(generator).stateDict().values()].map((x) =>
      scope(() => x.abs().sum(null).item())
    );
    assert.deepEqual(sums, [0, 0, 0, 0, 2, 0]);
  }),
);

Deno.test(
  "weights are copied in by name, converted, and keep their memory format",
  leakFree(() =>
    scope(() => {
      const conv = new Conv2d(2, 2, 3);
      const { weight, bias } = conv;
      conv.loadStateDict(new Map([["bias", ones([2], { dtype: "bfloat16" })], ["weight", ones([2, 2, 3, 3])]]));
      assert.deepEqual([weight.dtype, weight.isContiguous("channels_last"), weight.requiresGrad], [
        "float32",
        true,
        true,
      ]);
      assert.deepEqual([bias!.tolist(), conv.weight === weight], [[1, 1], true]);
      conv.dispose();
    })
  ),
);

Deno.test(
  "weights that do not fit are listed all at once, with the nearest names, and nothing is copied",
  leakFree(() =>
    scope(() => {
      using net = new Net();
      noGrad(() => net.first.bias!.fill_(5));
      const weights = new Map([...net.stateDict()].filter(([name]) => name !== "seen" && name !== "tail.1.bias"));
      weights.set("tail.1.bais", zeros([2])).set("first.weight", zeros([3, 3])).set("first.bias", zeros([3]));
      assert.throws(() => net.loadStateDict(weights, "x.safetensors"), {
        code: "checkpoint.mismatch",
        message: `x.safetensors: 2 tensors are missing, 1 unexpected, 1 of another shape
  first.weight  found [3, 3]                        wanted [3, 2]
  seen          found nothing                       wanted [1]
  tail.1.bais   found [2]                           wanted nothing
  tail.1.bias   found nothing (is it tail.1.bais?)  wanted [2]
Use the configuration that the weights were made with, or weights made for this one.`,
      });
      assert.deepEqual(net.first.bias!.tolist(), [5, 5, 5]);
    })
  ),
);

Deno.test(
  "modes reach every module below",
  leakFree(() => {
    using net = new Net();
    assert.ok([...net.train().modules()].every(([, module]) => module.training));
    assert.ok([...net.train(false).modules()].every(([, module]) => !module.training));
    assert.ok(net.requiresGrad_(false).parameters().every((p) => !p.requiresGrad));
  }),
);

Deno.test(
  "modules are built on another device for as long as the function runs, also when it fails",
  leakFree(() => {
    using net = onDevice("meta", () => new Net());
    assert.ok([...net.stateDict().values()].every((x) => x.device === "meta"));
    assert.throws(() => onDevice("meta", () => assert.fail("inside")), /inside/);
    using there = new Linear(1, 1);
    assert.equal(there.weight.device, "cpu");
  }),
);

Deno.test(
  "calls are observed innermost first, for as long as the function runs, also when it fails",
  leakFree(() => {
    using generator = Generator.seeded(0);
    using net = new Net().initialise(generator);
    const paths = new Map([...net.modules()].map(([path, module]) => [module, path]));
    const seen: string[] = [];
    using x = tensor([[1, 2]]);
    const on = (module: Parameters<Parameters<typeof observeCalls>[0]>[0]) => void seen.push(paths.get(module)!);
    observeCalls(on, () => net.call(x)).dispose();
    assert.deepEqual(seen, ["first", "blocks.0", "blocks.1", "tail.1", "tail", ""]);
    assert.throws(() => observeCalls(on, () => assert.fail("inside")), /inside/);
    net.call(x).dispose();
    assert.equal(seen.length, 6);
  }),
);
