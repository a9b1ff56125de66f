import assert from "node:assert/strict";
import { leakFree } from "../leak.ts";
import { schedules } from "./claims/schedules.ts";
import { compareTables, tableFiles } from "./tables.ts";

for (const path of tableFiles()) {
  const keys = Object.keys(JSON.parse(Deno.readTextFileSync(path)));
  for (const claim of schedules.filter((claim) => claim.keys.every((key) => keys.includes(key)))) {
    const fn = async () => {
      const { tables, beyond } = await compareTables(path, [claim]);
      assert.ok(tables.size > 0);
      assert.deepEqual(beyond, []);
    };
    Deno.test({ name: `${path.split("/").slice(-2).join("/")}: ${claim.says}`, fn: leakFree(fn) });
  }
}
