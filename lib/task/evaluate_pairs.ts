import { setImmediate } from "node:timers/promises";
import { LatentError, type WorkEvent } from "../base/mod.ts";
import type { Item } from "../data/mod.ts";
import type { Tensor } from "../tensor/mod.ts";
import { type EvaluationOptions, openDistances, PairAverages, pairLines, tableText } from "./evaluation.ts";
import { imageIn, leftOut, picturesIn } from "./image_sets.ts";

/**
 * How near the images of a folder are to those of the same name (whatever their ending) in another, of the same sizes.
 *
 * The `done` event's result is {@linkcode PairFigures}.
 *
 * @throws LatentError `usage.pairs` where one lacks its partner or is of another size
 */
export async function* evaluatePairs(
  folder: string,
  against: string,
  options: Omit<EvaluationOptions, "features" | "batchSize"> = {},
): AsyncGenerator<WorkEvent> {
  const { device = "cpu", signal } = options;
  using owned = new DisposableStack();
  const pairs = pairsOf([folder, await picturesIn(folder)], [against, await picturesIn(against)]);
  const averages = new PairAverages(yield* openDistances(options, owned));
  let skipped = 0;
  for (const [i, pair] of pairs.entries()) {
    const found = [await imageIn(pair[0], device), await imageIn(pair[1], device)];
    const images = found.flatMap((image) => "reason" in image ? [] : [image.images]);
    try {
      for (const image of found) if ("reason" in image) yield leftOut(image);
      const [x, y] = images;
      if (y === undefined) skipped++;
      else {
        sameSize(pair, x!, y);
        averages.add(x!, y);
      }
    } finally {
      for (const image of images) image.dispose();
    }
    yield { type: "progress", label: "compare", done: i + 1, total: pairs.length };
    await setImmediate();
    signal?.throwIfAborted();
  }
  const result = averages.result(skipped);
  yield { type: "done", text: "done", output: tableText(pairLines([result])), result: { ...result } };
}

/** Items of both folders by their path without the ending. */
function pairsOf(a: [folder: string, Item[]], b: [folder: string, Item[]]): [Item, Item][] {
  const [left, right] = [a, b].map(([folder, items]) => {
    const named = Map.groupBy(items, ({ key }) => key.replace(/\.[^./]+$/, ""));
    for (const [name, [, second]] of named) {
      if (second !== undefined) throw badPairs(`${folder} has two images named ${name}`, "one of a name");
    }
    return new Map([...named].map(([name, [item]]) => [name, item!]));
  }) as [Map<string, Item>, Map<string, Item>];
  const alone = [...[...left.keys()].filter((n) => !right.has(n)), ...[...right.keys()].filter((n) => !left.has(n))];
  if (alone.length > 0) {
    const names = alone.slice(0, 5).join(", ") + (alone.length > 5 ? ", …" : "");
    throw badPairs(
      `${alone.length} images have no partner in the other folder: ${names}`,
      "two folders of the same names",
    );
  }
  return [...left].map(([name, item]) => [item, right.get(name)!]);
}

function sameSize([a, b]: [Item, Item], x: Tensor, y: Tensor): void {
  const [left, right] = [x, y].map(({ shape: [, , height, width] }) => `${width}×${height}`);
  if (left !== right) throw badPairs(`${a.path} is ${left}, ${b.path} ${right}`, "pairs of the same size");
}

function badPairs(found: string, wanted: string): LatentError {
  return new LatentError("usage.pairs", { what: "The images cannot be compared in pairs", found, wanted });
}
