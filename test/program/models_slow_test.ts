/** The models that come with the repository, on images that they never saw. @module */
import assert from "node:assert/strict";
import { fetchEmoji } from "../../lib/data/mod.ts";
import { evaluateFirstStage, type FirstStageEvaluation } from "../../lib/task/mod.ts";
import { leakFree } from "../leak.ts";

const rows = [["kl-f4", 27, 0.9, undefined], ["vq-f4", 25, 0.86, 0.8]] as const;

for (const [name, psnr, ssim, codes] of rows) {
  Deno.test(
    `models/${name} reconstructs the emoji's validation split at ${psnr} dB and a similarity of ${ssim} at least`,
    leakFree(async () => {
      await Array.fromAsync(fetchEmoji());
      const folder = decodeURIComponent(new URL(`../../models/${name}`, import.meta.url).pathname);
      assert.ok(Deno.statSync(`${folder}/model.safetensors`).size < 5e6);
      const events = await Array.fromAsync(
        evaluateFirstStage(folder, { splits: ["validation"], weights: "/nowhere", batchSize: 32 }),
      );
      const last = events.at(-1)!;
      assert.ok(last.type === "done");
      const figures = (last.result!["splits"] as FirstStageEvaluation["splits"]).validation!;
      assert.equal(figures.images, 187);
      assert.ok(figures.psnr.mean >= psnr && figures.ssim.mean >= ssim, JSON.stringify(figures));
      if (codes !== undefined) assert.ok(figures.codes!.share >= codes, JSON.stringify(figures.codes));
    }),
  );
}
