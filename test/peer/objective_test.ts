import { diffusionObjective, linearSqrt, makeSchedule, type Parameterization } from "../../lib/diffusion/mod.ts";
import { Generator, randn, scope } from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";
import { assertNear, float32, int64, toPeer } from "./arrays.ts";
import { peerTest } from "./peer.ts";

const float64 = (values: Float64Array) => ({
  dtype: "float64",
  shape: [values.length],
  bytes: new Uint8Array(values.slice().buffer),
});

for (const kind of ["linear-sqrt", "linear", "cosine"] as const) {
  peerTest(`${kind}: β of zero terminal SNR are diffusers'`, async (peer) => {
    const betas = float64(makeSchedule({ kind }).betas);
    const theirs = (await peer.call("diffusion.zero_terminal_snr", {}, { betas })).arrays;
    assertNear(float64(makeSchedule({ kind, zeroTerminalSnr: true }).betas), theirs["betas"], 1e-12);
  });
}

for (const predict of ["eps", "x0", "v"] as Parameterization[]) {
  peerTest(
    `${predict}: loss and gradients with min-SNR weights are PyTorch's with diffusers' weights`,
    leakFree(async (peer) => {
      const schedule = linearSqrt();
      const t = [0, 10, 250, 500, 750, 999];
      const [sent, ours] = scope(() => {
        using generator = Generator.seeded(0);
        const drawn = () => randn([t.length, 3, 4, 4], { generator });
        const [sample, noise, prediction] = [drawn(), drawn(), drawn().requiresGrad_()];
        const objective = diffusionObjective(schedule, { predict, minSnr: 5 });
        const { loss } = objective(prediction, { x0: sample, noise, t });
        loss.backward();
        const sent = { sample: toPeer(sample), noise: toPeer(noise), prediction: toPeer(prediction.detach()) };
        return [sent, { loss: toPeer(loss.detach()), gradient: toPeer(prediction.grad!) }] as const;
      });
      const arrays = { ...sent, betas: float32(schedule.betas, [1000]), timesteps: int64(t, [t.length]) };
      const theirs = (await peer.call("diffusion.min_snr_loss", { predict, gamma: 5 }, arrays)).arrays;
      for (const name of ["loss", "gradient"] as const) assertNear(ours[name], theirs[name], 2e-5, name);
    }),
  );
}
