import assert from "node:assert/strict";
import { basename } from "@std/path";
import type { DType } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";
import { claims, firstGeneratorStep } from "./claims/mod.ts";
import { type Case, caseFolders, type Claim, Golden, isWithin, readCase } from "./golden.ts";

/** Float64 where rounding would decide; that also in float32 as far as it doesn't. */
const rows: [Claim, DType][] = [
  ...claims.map((claim): [Claim, DType] => [claim, claim.decidedInFloat64 ? "float64" : "float32"]),
  [firstGeneratorStep, "float32"],
];

/** Cases in which rounding happens to decide nothing. */
const steady = ["train-autoencoder-vq-f4"];

function golden(of: Case, claim: Claim, dtype: DType): void {
  const name = `${basename(of.folder)}: ${claim.says}${dtype === "float64" ? ", in float64" : ""}`;
  const fn = async () => {
    using golden = new Golden(of);
    await claim.body(golden, dtype);
    assert.ok(golden.compared.size > 0);
    assert.deepEqual(golden.compared.entries().filter(([, output]) => !isWithin(output)).toArray(), []);
  };
  Deno.test({ name, fn: leakFree(fn) });
}

for (const of of await Promise.all(caseFolders().map(readCase))) {
  for (const [claim, dtype] of rows) {
    if (claim.applies(of)) golden(of, claim, dtype);
  }
  if (!steady.includes(basename(of.folder))) continue;
  for (const claim of claims.filter(({ decidedInFloat64 }) => decidedInFloat64)) golden(of, claim, "float32");
}
