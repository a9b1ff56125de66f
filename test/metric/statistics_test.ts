import assert from "node:assert/strict";
import { loadTensors, SafetensorsFile, tensorSources, writeSafetensors } from "../../lib/file/mod.ts";
import { FeatureStatistics, frechetDistance, statisticsFile, statisticsOf } from "../../lib/metric/mod.ts";
import { Generator, randn, scope, type Tensor, zeros } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";

Deno.test(
  "statistics come back from a file, and those of another network are refused",
  leakFree(async () => {
    const folder = await Deno.makeTempDir();
    using generator = Generator.seeded(0);
    using stream = new FeatureStatistics();
    scope(() => {
      const made = stream.add(randn([9, 4], { generator })).result();
      const { tensors, metadata } = statisticsFile(made, "efficientnet-lite0");
      writeSafetensors(`${folder}/s.safetensors`, tensorSources(tensors), { metadata });
      using file = SafetensorsFile.open(`${folder}/s.safetensors`);
      const read = { tensors: loadTensors(file), metadata: file.metadata };
      const back = statisticsOf(read, "s.safetensors", "efficientnet-lite0");
      assert.deepEqual([back.count, back.mean.tolist(), back.covariance.tolist()], [
        9,
        made.mean.tolist(),
        made.covariance.tolist(),
      ]);
      assert.ok(Math.abs(frechetDistance(made, back)) < 1e-12);
      const message = /another network[^]*efficientnet-lite0[^]*wanted\s+inception/;
      assert.throws(() => statisticsOf(read, "s", "inception"), { code: "metric.statistics", message });
    });
    await Deno.remove(folder, { recursive: true });
  }),
);

const refused: [string, [string, number[]][], RegExp][] = [
  ["nothing", [], /found\s+nothing/],
  ["only a mean", [["mu", [4]]], /found\s+mu/],
  ["images", [["arr_0", [2, 8, 8, 3]]], /arr_0[^]*through the network/],
  ["a covariance of another size", [["mu", [4]], ["sigma", [3, 3]]], /\[4\][^]*\[3, 3\]/],
  ["spatial means", [["mu", [4, 2]], ["sigma", [4, 4]]], /\[4, 2\]/],
];

for (const [name, arrays, message] of refused) {
  Deno.test(
    `a file with ${name} has no statistics`,
    leakFree(() =>
      scope(() => {
        const tensors = new Map<string, Tensor>(arrays.map(([name, shape]) => [name, zeros(shape)]));
        assert.throws(() => statisticsOf({ tensors }, "a.npz"), { code: "metric.statistics", message });
      })
    ),
  );
}
