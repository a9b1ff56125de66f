import assert from "node:assert/strict";
import { diffusersConfig } from "../../bench/peer_names.ts";
import { type FirstStageSetup, firstStageTraining } from "../../bench/ours/time_first_stage.ts";
import type { AutoencoderOptions } from "../../lib/model/mod.ts";
import { scope, stack, threads } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";
import { toPeer } from "./arrays.ts";
import { peerTest } from "./peer.ts";

const coder: AutoencoderOptions = {
  channels: 32,
  multipliers: [1, 2],
  residualBlocks: 1,
  attentionResolutions: [],
  resolution: 32,
  imageChannels: 3,
  latentChannels: 4,
  embedChannels: 4,
  doubleLatent: true,
  dropout: 0,
};

/** As many as the peer has, so that sums are rounded alike. */
function oneThread(): Disposable {
  const before = threads();
  threads(1);
  return { [Symbol.dispose]: () => void threads(before) };
}

for (const perceptual of ["efficientnet", "lpips_vgg"] as FirstStageSetup["perceptual"][]) {
  peerTest(
    `the timed training of a first stage with ${perceptual} is the peer's: losses of three steps`,
    leakFree(async (peer) => {
      using _one = oneThread();
      const setup = { perceptual, batch: 2, size: 32, learning_rate: 1e-4 };
      using training = firstStageTraining({ ...setup, network: coder, device: "cpu" });
      const weights = [...training.weights].map(([name, x]) => [name, toPeer(x)] as const);
      const theirs = { ...setup, network: diffusersConfig(coder), threads: 1 };
      await peer.call("time_first_stage.setup", theirs, Object.fromEntries(weights));
      for (let step = 0; step < 3; step++) { // behind the first, rounding decides where Adam takes faint gradients
        const ours = scope(() => stack(training.step()).tolist()) as number[];
        const { losses } = (await peer.call<{ losses: number[] }>("time_first_stage.losses")).json;
        for (const [i, loss] of losses.entries()) {
          const error = Math.abs(ours[i]! / loss - 1);
          assert.ok(
            error < (step === 0 ? 1e-4 : 1e-2),
            `step ${step}, ${["generator", "discriminator"][i]}: ${ours[i]} and ${loss}`,
          );
        }
      }
    }),
  );
}
