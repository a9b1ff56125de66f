import assert from "node:assert/strict";
import {
  type AdversarialOptions,
  AutoencoderVQ,
  discriminatorLoss,
  type FirstStageLoss,
  type Judges,
  klLoss,
  LossNetworks,
  type Posterior,
  vqLoss,
} from "../../lib/model/mod.ts";
import {
  autocast,
  clearGrads,
  Generator,
  grad,
  noGrad,
  randn,
  scope,
  type Tensor,
  tensor,
} from "../../lib/tensor/mod.ts";
import { leakFree } from "../leak.ts";

/** Images, a "decoder" whose last layer is a matrix over channels, and judges that are plain formulas. */
function stage(generator: Generator) {
  const drawn = (...shape: number[]) => randn(shape, { generator });
  const images = drawn(2, 3, 4, 4);
  const lastLayer = drawn(3, 3, 1, 1).requiresGrad_();
  const features = drawn(2, 3, 4, 4);
  const direction = drawn(1, 3, 1, 1);
  const discriminator = { call: (x: Tensor) => x.mul(direction).tanh().sum([1], true) };
  const perceptual = (x: Tensor, y: Tensor) => x.sub(y).square().mean([1, 2, 3], true);
  const reconstructions = () => features.conv2d(lastLayer);
  const posterior: Posterior = { mean: drawn(2, 2, 2, 2).requiresGrad_(), logvar: drawn(2, 2, 2, 2) };
  const quantized = {
    loss: drawn(1).square().sum(null).requiresGrad_(),
    indices: tensor([0, 3, 3, 0], { dtype: "int64" }),
  };
  return { images, lastLayer, discriminator, perceptual, reconstructions, posterior, quantized };
}

const numbers = ({ log }: FirstStageLoss) =>
  Object.fromEntries(Object.entries(log).map(([name, value]) => [name, value.item()]));

function near(got: number, wanted: number, what: string): void {
  assert.ok(Math.abs(got - wanted) <= 2e-5 * Math.max(1, Math.abs(wanted)), `${what}: ${got}, not ${wanted}`);
}

/** ‖∂a/∂W‖ / (‖∂g/∂W‖ + 1e-4) by the whole graph. */
function weightOf(nll: Tensor, g: Tensor, lastLayer: Tensor): number {
  const norm = (x: Tensor) => grad([x], [lastLayer], { retainGraph: true })[0]!.linalgVectorNorm().item();
  return norm(nll) / (norm(g) + 1e-4);
}

for (const step of [4, 5]) {
  Deno.test(
    `the KL loss has the original's terms, values and gradients ${step < 5 ? "before" : "from"} disc_start`,
    leakFree(() =>
      scope(() => {
        using generator = Generator.seeded(0);
        const { images, lastLayer, discriminator, perceptual, reconstructions, posterior } = stage(generator);
        const logvar = tensor(0.3).requiresGrad_();
        const options = { discStart: 5, discWeight: 0.5, discFactor: 0.8, perceptualWeight: 0.7, klWeight: 0.01 };
        const judges: Judges = { discriminator, perceptual, lastLayer };
        const got = klLoss(
          { images, reconstructions: reconstructions(), step },
          { posterior, logvar },
          judges,
          options,
        );

        const x = reconstructions();
        const rec = images.sub(x).abs().add(perceptual(images, x).mul(0.7));
        const nll = rec.div(logvar.exp()).add(logvar).sum(null).div(2);
        const g = discriminator.call(x).mean(null).neg();
        const { mean, logvar: spread } = posterior;
        const kl = mean.square().add(spread.exp()).sub(1).sub(spread).sum(null).mul(0.5 / 2);
        const factor = step < 5 ? 0 : 0.8;
        const weight = 0.5 * weightOf(nll, g, lastLayer);
        const wanted = nll.add(kl.mul(0.01)).add(g.mul(weight * factor));
        const values: Record<string, number> = {
          "train/total_loss": wanted.item(),
          "train/logvar": 0.3,
          "train/kl_loss": kl.item(),
          "train/nll_loss": nll.item(),
          "train/rec_loss": rec.mean(null).item(),
          "train/d_weight": weight,
          "train/disc_factor": factor,
          "train/g_loss": g.item(),
        };
        assert.deepEqual(Object.keys(got.log).sort(), Object.keys(values).sort());
        for (const [name, value] of Object.entries(numbers(got))) near(value, values[name]!, name);
        near(got.loss.item(), values["train/total_loss"]!, "loss");
        const leaves = [lastLayer, logvar, posterior.mean];
        const [ours, theirs] = [got.loss, wanted].map((loss) => grad([loss], leaves, { retainGraph: true }));
        ours!.forEach((gradient, i) => {
          const error = gradient!.sub(theirs![i]!).abs().amax().div(theirs![i]!.abs().amax()).item();
          assert.ok(error < 1e-5, `gradient ${i}: ${error}`);
        });
      })
    ),
  );
}

Deno.test(
  "the VQ loss takes means, adds the codebook's loss and says how codes are used",
  leakFree(() =>
    scope(() => {
      using generator = Generator.seeded(1);
      const { images, lastLayer, discriminator, perceptual, reconstructions, quantized } = stage(generator);
      const x = reconstructions();
      const options = { discStart: 0, discWeight: 0.8, codebookWeight: 2 };
      const judges: Judges = { discriminator, perceptual, lastLayer };
      const got = vqLoss(
        { images, reconstructions: x, step: 0, split: "val" },
        { quantized, codes: 8 },
        judges,
        options,
      );
      const p = perceptual(images, x);
      const nll = images.sub(x).abs().add(p).mean(null);
      const g = discriminator.call(x).mean(null).neg();
      const weight = 0.8 * weightOf(nll, g, lastLayer);
      const wanted = nll.add(g.mul(weight)).add(quantized.loss.mul(2));
      const values: Record<string, number> = {
        "val/total_loss": wanted.item(),
        "val/quant_loss": quantized.loss.item(),
        "val/nll_loss": nll.item(),
        "val/rec_loss": nll.item(),
        "val/p_loss": p.mean(null).item(),
        "val/d_weight": weight,
        "val/disc_factor": 1,
        "val/g_loss": g.item(),
        "val/perplexity": 2,
        "val/cluster_usage": 2,
      };
      assert.deepEqual(Object.keys(got.log).sort(), Object.keys(values).sort());
      for (const [name, value] of Object.entries(numbers(got))) near(value, values[name]!, name);
      const [ours, theirs] = [got.loss, wanted].map((loss) =>
        grad([loss], [lastLayer, quantized.loss], { retainGraph: true })
      );
      ours!.forEach((gradient, i) => {
        assert.ok(gradient!.sub(theirs![i]!).abs().amax().item() < 1e-5 * theirs![i]!.abs().amax().item());
      });
    })
  ),
);

Deno.test(
  "judges that are not asked are not called: no perceptual weight, no discriminator, no autograd",
  leakFree(() =>
    scope(() => {
      using generator = Generator.seeded(2);
      const { images, lastLayer, discriminator, reconstructions, posterior, quantized } = stage(generator);
      const logvar = tensor(0);
      const perceptual = () => assert.fail("the perceptual network was called");
      const plain = { discStart: 0, perceptualWeight: 0 };
      const x = reconstructions();
      const alone = klLoss(
        { images, reconstructions: x, step: 9 },
        { posterior, logvar },
        { perceptual, lastLayer },
        plain,
      );
      const l1 = images.sub(x).abs().sum(null).div(2).item();
      near(alone.log["train/nll_loss"]!.item(), l1, "nll");
      assert.ok(!("train/g_loss" in alone.log) && !("train/d_weight" in alone.log));
      assert.ok(grad([alone.loss], [lastLayer])[0] !== null);

      noGrad(() => {
        const judges = { discriminator, lastLayer };
        const seen = vqLoss(
          { images, reconstructions: reconstructions(), step: 9 },
          { quantized, codes: 4 },
          judges,
          plain,
        );
        assert.equal(seen.log["train/d_weight"]!.item(), 0);
        near(seen.loss.item(), images.sub(x).abs().mean(null).add(quantized.loss).item(), "loss");
      });
      const off = klLoss({ images, reconstructions: reconstructions(), step: 9 }, { posterior, logvar }, {
        discriminator,
        lastLayer,
      }, {
        ...plain,
        discFactor: 0,
      });
      assert.equal(off.log["train/d_weight"]!.item(), 0);
    })
  ),
);

Deno.test(
  "the adaptive weight ends at 10,000",
  leakFree(() =>
    scope(() => {
      using generator = Generator.seeded(3);
      const { images, lastLayer, reconstructions, quantized } = stage(generator);
      const discriminator = { call: (x: Tensor) => x.mul(1e-9) };
      const steep = {
        discriminator,
        perceptual: (x: Tensor, y: Tensor) => x.sub(y).square().mean([1, 2, 3], true).mul(1e4),
        lastLayer,
      };
      const { log } = vqLoss({ images, reconstructions: reconstructions(), step: 0 }, { quantized, codes: 4 }, steep, {
        discStart: 0,
        discWeight: 0.5,
      });
      assert.equal(log["train/d_weight"]!.item(), 5000);
    })
  ),
);

const losses: [AdversarialOptions, (real: number, fake: number) => number][] = [
  [{ discStart: 0 }, (real, fake) => 0.5 * (Math.max(0, 1 - real) + Math.max(0, 1 + fake))],
  [
    { discStart: 0, discLoss: "vanilla", discFactor: 0.5 },
    (real, fake) => 0.25 * (Math.log1p(Math.exp(-real)) + Math.log1p(Math.exp(fake))),
  ],
  [{ discStart: 8 }, () => 0],
];

for (const [options, formula] of losses) {
  Deno.test(
    `the discriminator's loss with ${JSON.stringify(options)}: in two passes, without gradient for the images`,
    leakFree(() =>
      scope(() => {
        const bias = tensor(0.25).requiresGrad_();
        let calls = 0;
        const discriminator = { call: (x: Tensor) => (calls++, x.add(bias)) };
        const images = tensor([[[[0.5]]], [[[-2]]]]);
        const reconstructions = tensor([[[[-0.5]]], [[[3]]]]).requiresGrad_();
        const { loss, log } = discriminatorLoss({ images, reconstructions, step: 7 }, discriminator, options);
        const mean = (f: (i: number) => number) => (f(0) + f(1)) / 2;
        const [real, fake] = [[0.75, -1.75], [-0.25, 3.25]];
        near(loss.item(), mean((i) => formula(real![i]!, fake![i]!)), "loss");
        assert.deepEqual(Object.keys(log), ["train/disc_loss", "train/logits_real", "train/logits_fake"]);
        near(log["train/logits_real"]!.item(), -0.5, "real");
        near(log["train/logits_fake"]!.item(), 1.5, "fake");
        assert.equal(calls, 2);
        loss.backward();
        assert.equal(reconstructions.grad, null);
        assert.ok(bias.grad !== null);
        bias.grad = null;
      })
    ),
  );
}

Deno.test(
  "under autocast a step has a loss and gradients near those of float32",
  leakFree(() =>
    scope(() => {
      using generator = Generator.seeded(4);
      const sizes = { channels: 32, multipliers: [1, 1], residualBlocks: 1, attentionResolutions: [], resolution: 32 };
      const more = { imageChannels: 3, latentChannels: 4, embedChannels: 4, doubleLatent: false, dropout: 0 };
      using model = new AutoencoderVQ({ ...sizes, ...more, codebook: { codes: 16 } }).initialise(generator);
      using networks = new LossNetworks({ layers: 1, channels: 8 }).initialise(generator).train();
      const images = randn([2, 3, 16, 16], { generator });
      const lastLayer = model.decoder.conv_out.weight;
      const judges = { discriminator: networks, lastLayer };
      const step = (precision: "float32" | "bfloat16") => {
        const quantized = autocast("cpu", precision, () => model.call(images));
        const { loss, log } = autocast("cpu", precision, () => {
          const reconstructions = model.decodeQuantized(quantized.z);
          return vqLoss({ images, reconstructions, step: 0 }, { quantized, codes: 16 }, judges, { discStart: 0 });
        });
        loss.backward();
        const gradient = lastLayer.grad!.flatten();
        clearGrads(model.parameters());
        assert.ok([loss, ...Object.values(log)].every((x) => x.dtype === "float32" || x.dtype === "int64"));
        return { loss: loss.item(), gradient };
      };
      const [wide, narrow] = [step("float32"), step("bfloat16")];
      assert.ok(Math.abs(wide.loss / narrow.loss - 1) < 0.02, `${wide.loss} and ${narrow.loss}`);
      const norms = wide.gradient.linalgVectorNorm().mul(narrow.gradient.linalgVectorNorm());
      assert.ok(wide.gradient.mul(narrow.gradient).sum(null).div(norms).item() > 0.9); // a few codes differ
    })
  ),
);
