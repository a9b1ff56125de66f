import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { LatentError } from "../../lib/base/mod.ts";
import {
  encoderOf,
  firstStageOf,
  HybridConditioner,
  LossNetworks,
  Lpips,
  Unet,
  type UnetOptions,
} from "../../lib/model/mod.ts";
import { type AnyModule, onDevice } from "../../lib/nn/mod.ts";
import {
  type CompvisConfig,
  compvisConfig,
  type PartNames,
  readCompvisConfig,
  type ReleasedDiffusion,
  splitCheckpoint,
} from "../../lib/released/mod.ts";
import { leakFree } from "../leak.ts";

const here = (path: string) => decodeURIComponent(new URL(path, import.meta.url).pathname);

/** The released files: LATENT_REFERENCE, or where they stand beside the repository. */
const reference = `${Deno.env.get("LATENT_REFERENCE") ?? here("../../../shared/reference/compvis")}/`;

/** Names and shapes of the original's first stages, by the released configuration. */
const shapes: Record<string, Record<string, number[]>> = JSON.parse(
  gunzipSync(Deno.readFileSync(here("../model/fixtures/first_stage_shapes.json.gz"))).toString(),
);

/** The sections `model` of the released configurations of first stages stand in fixtures/. */
const fixtureOf = (path: string) => here(`fixtures/${path.replace("/config.yaml", ".yaml").split("/").at(-1)}`);

function namesAndShapes(network: AnyModule, prefix: string): [string, readonly number[]][] {
  return [...network.stateDict()].map(([name, { shape }]) => [prefix + name, shape]);
}

for (const [path, wanted] of Object.entries(shapes)) {
  Deno.test(
    `${path} is read as networks with exactly the names and shapes of the original`,
    leakFree(async () => {
      const config = await readCompvisConfig(fixtureOf(path));
      assert.ok(config.kind === "first-stage" && config.firstStage.kind !== "identity");
      const { options, loss } = config.firstStage;
      onDevice("meta", () => {
        using firstStage = firstStageOf(options);
        using judges = new LossNetworks(loss!.networks);
        using perceptual = new Lpips("vgg");
        const found = [
          ...namesAndShapes(firstStage, ""),
          ...namesAndShapes(judges, "loss."),
          ...namesAndShapes(perceptual, "loss.perceptual_loss."),
        ];
        assert.deepEqual(Object.fromEntries(found), wanted);
      });
    }),
  );
}

Deno.test("a first stage is read with what it was trained with", async () => {
  assert.deepEqual(await readCompvisConfig(here("fixtures/vq-f8.yaml")), {
    kind: "first-stage",
    baseLearningRate: 4.5e-6,
    firstStage: {
      kind: "vq",
      ema: false,
      options: {
        channels: 128,
        multipliers: [1, 2, 2, 4],
        residualBlocks: 2,
        attentionResolutions: [32],
        resolution: 256,
        imageChannels: 3,
        latentChannels: 4,
        embedChannels: 4,
        doubleLatent: false,
        dropout: 0,
        codebook: { codes: 16384 },
      },
      loss: {
        networks: { imageChannels: 3, layers: 2, actNorm: false, channels: 64 },
        weights: {
          discStart: 1,
          discWeight: 0.6,
          discFactor: 1,
          discLoss: "hinge",
          perceptualWeight: 1,
          codebookWeight: 1,
        },
      },
    },
  });
  const noattn = await readCompvisConfig(here("fixtures/vq-f4-noattn.yaml"));
  assert.ok(noattn.kind === "first-stage" && noattn.firstStage.kind === "vq");
  assert.equal(noattn.firstStage.options.attention, false);
  const kl = await readCompvisConfig(here("fixtures/kl-f8.yaml"));
  assert.ok(kl.kind === "first-stage" && kl.firstStage.kind === "kl");
  assert.deepEqual([kl.firstStage.loss?.weights.klWeight, kl.firstStage.loss?.networks.logvar], [1e-6, 0]);
});

Deno.test("a first stage without a loss, and the identity, are read", () => {
  const loss = { lossconfig: { target: "torch.nn.Identity" } };
  const ddconfig = { ch: 32, ch_mult: [1], num_res_blocks: 1, attn_resolutions: [], in_channels: 3, out_ch: 3 };
  const params = { embed_dim: 3, ddconfig: { ...ddconfig, resolution: 32, z_channels: 3 }, ...loss };
  const config = compvisConfig({ model: { target: "ldm.models.autoencoder.AutoencoderKL", params } });
  assert.ok(config.kind === "first-stage" && config.firstStage.kind === "kl" && config.firstStage.loss === undefined);
  assert.deepEqual(compvisConfig({ model: { target: "ldm.models.autoencoder.IdentityFirstStage" } }), {
    kind: "first-stage",
    firstStage: { kind: "identity", options: { imageChannels: 3 } },
  });
});

const cases = here("../golden/cases");
for (const name of readdirSync(cases).filter((name) => existsSync(`${cases}/${name}/config.yaml`))) {
  Deno.test(`the golden ${name}'s configuration is read`, async () => {
    await readCompvisConfig(`${cases}/${name}/config.yaml`);
  });
}

/** A small configuration with some values changed, by their paths in it; those that become undefined go. */
function small(changes: Record<string, unknown> = {}): unknown {
  const config = structuredClone({ model });
  for (const [path, value] of Object.entries(changes)) {
    const keys = ["model", "params", ...path.split(".")];
    const last = keys.pop()!;
    let at: Record<string, unknown> = config;
    for (const key of keys) at = at[key] as Record<string, unknown>;
    if (value === undefined) delete at[last];
    else at[last] = value;
  }
  return config;
}

const model = {
  target: "ldm.models.diffusion.ddpm.LatentDiffusion",
  params: {
    unet_config: {
      target: "ldm.modules.diffusionmodules.openaimodel.UNetModel",
      params: {
        in_channels: 3,
        out_channels: 3,
        model_channels: 32,
        num_res_blocks: 1,
        attention_resolutions: [],
        num_heads: 1,
      },
    },
    first_stage_config: {
      target: "ldm.models.autoencoder.VQModelInterface",
      params: {
        embed_dim: 3,
        n_embed: 64,
        ddconfig: {
          ...{ ch: 32, ch_mult: [1, 1], num_res_blocks: 1, attn_resolutions: [], in_channels: 3, out_ch: 3 },
          ...{ resolution: 32, z_channels: 3, double_z: false },
        },
        lossconfig: { target: "torch.nn.Identity" },
      },
    },
    cond_stage_config: "__is_unconditional__",
  },
};

const coder = "first_stage_config.params.ddconfig";
const refused: [
  claim: string,
  changes: Record<string, unknown>,
  differences: [path: string, found: RegExp, wanted: RegExp][],
][] = [
  [
    "an unknown class, with the nearest",
    { "first_stage_config.target": "ldm.models.autoencodr.VQModel" },
    [["first_stage_config.target", /autoencodr/, /^ldm\.models\.autoencoder\.VQModel$/]],
  ],
  [
    "all unknown classes at once, those that resemble none with all that are known",
    {
      "unet_config.target": "mine.Net",
      "first_stage_config.params.lossconfig.target": "os.system",
      "cond_stage_config": "__is_unconditonal__",
    },
    [
      ["unet_config.target", /mine\.Net/, /one of: .*UNetModel/],
      ["first_stage_config.params.lossconfig.target", /os\.system/, /one of: /],
      ["cond_stage_config.target", /unconditonal/, /^__is_unconditional__$/],
    ],
  ],
  [
    "unknown keys, with the nearest",
    { scale_factr: 1, [`${coder}.attn_resolution`]: [16] },
    [
      ["scale_factr", /unknown/, /^model\.params\.scale_factor$/],
      [`${coder}.attn_resolution`, /unknown/, /attn_resolutions$/],
    ],
  ],
  [
    "a missing key",
    { "unet_config.params.model_channels": undefined },
    [["unet_config.params.model_channels", /nothing/, /integer/]],
  ],
  ["a value of another type", { timesteps: "1000" }, [["timesteps", /"1000"/, /integer from 1 to 65536/]]],
  ["what has no counterpart here", { [`${coder}.tanh_out`]: true }, [[`${coder}.tanh_out`, /true/, /false/]]],
  ["other channels out than in", { [`${coder}.out_ch`]: 1 }, [[`${coder}.out_ch`, /1/, /3, as in_channels/]]],
  [
    "no number of heads",
    { "unet_config.params.num_heads": undefined },
    [["unet_config.params.num_heads", /nothing/, /num_head_channels/]],
  ],
  [
    "a transformer without its condition",
    { "unet_config.params.use_spatial_transformer": true },
    [["unet_config.params.context_dim", /nothing/, /use_spatial_transformer/]],
  ],
];

for (const [claim, changes, differences] of refused) {
  Deno.test(`a configuration is refused: ${claim}`, () => {
    assert.throws(() => compvisConfig(small(changes), "a.yaml"), (error) => {
      assert.ok(error instanceof LatentError && error.code === "config.released", String(error));
      assert.ok(error.fields.what.startsWith("a.yaml"));
      const found = error.fields.differences!;
      assert.deepEqual(
        found.map(({ name }) => name).sort(),
        differences.map(([path]) => `model.params.${path}`).sort(),
      );
      for (const [path, was, wanted] of differences) {
        const line = found.find(({ name }) => name === `model.params.${path}`)!;
        assert.match(line.found, was);
        assert.match(line.wanted, wanted);
      }
      return true;
    });
  });
}

for (const value of [undefined, null, [], "model", {}, { model: null }, { model: { params: {} } }]) {
  Deno.test(`${JSON.stringify(value)} is no configuration`, () => {
    assert.throws(() => compvisConfig(value), { code: "config.released" });
  });
}

function diffusion(changes?: Record<string, unknown>): ReleasedDiffusion {
  const config = compvisConfig(small(changes));
  assert.ok(config.kind === "diffusion");
  return config;
}

Deno.test("defaults are the original's", () => {
  const { kind: _kind, firstStage: _stage, unet: _unet, ...rest } = diffusion();
  assert.deepEqual(rest, {
    recompute: false,
    schedule: { kind: "linear-sqrt", steps: 1000, start: 1e-4, end: 2e-2 },
    predict: "eps",
    size: 256,
    channels: 3,
    ema: true,
    loss: {
      distance: "l2",
      simpleWeight: 1,
      boundWeight: 0,
      posteriorBeta: 0,
      logvar: { start: 0, trained: false },
    },
    clamped: false,
    latentScale: 1,
  });
});

Deno.test("a U-Net is read with all that it may have", () => {
  const transformer = { use_spatial_transformer: true, context_dim: 8 };
  const rows: [params: Record<string, unknown>, options: Partial<UnetOptions>][] = [
    [{}, {}],
    [{ num_heads: -1, num_head_channels: 16, num_heads_upsample: 2 }, { heads: { channels: 16 } }],
    [{ num_heads_upsample: 2, use_new_attention_order: true }, { headsUp: 2, newAttentionOrder: true }],
    [{ num_heads_upsample: 1 }, {}],
    [{ conv_resample: false, num_classes: 7 }, { plainResampling: true, classes: 7 }],
    [{ conv_resample: false, resblock_updown: true }, { residualResampling: true }],
    [{ ...transformer, transformer_depth: 3, num_heads_upsample: 2 }, {
      transformer: { depth: 3, contextChannels: 8 },
    }],
    [{ ...transformer, use_linear_in_transformer: true }, {
      transformer: { depth: 1, contextChannels: 8, linear: true },
    }],
  ];
  const { unet } = diffusion();
  for (const [params, options] of rows) {
    const changes = Object.fromEntries(
      Object.entries(params).map(([key, value]) => [`unet_config.params.${key}`, value]),
    );
    assert.deepEqual(diffusion(changes).unet, { ...unet, ...options });
  }
});

Deno.test("a condition enters where the original has it enter", () => {
  const identity = { target: "torch.nn.Identity" };
  const rows: [changes: Record<string, unknown>, mode: string | undefined][] = [
    [{}, undefined],
    [{ conditioning_key: "crossattn" }, undefined], // unconditional overrides it
    [{ cond_stage_config: "__is_first_stage__" }, "concat"],
    [{ cond_stage_config: identity, concat_mode: false }, "crossattn"],
    [{ cond_stage_config: identity, conditioning_key: "adm" }, "adm"],
  ];
  for (const [changes, mode] of rows) assert.equal(diffusion(changes).condition?.mode, mode);
});

const configs = existsSync(reference) ? [...walk("configs"), ...walk("models")] : [];

function* walk(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(reference + folder)) {
    if (isDirectory) yield* walk(`${folder}/${name}`);
    else if (name.endsWith(".yaml")) yield `${folder}/${name}`;
  }
}

Deno.test({
  name: "all 32 released configurations are read; their networks and checkpoints have the original's names and shapes",
  ignore: configs.length === 0,
  fn: leakFree(async () => {
    assert.equal(configs.length, 32);
    const all = JSON.parse(await Deno.readTextFile(`${reference}state-dict-shapes.json`));
    for (const path of configs) checkNames(path, await readCompvisConfig(reference + path), all[path].shapes);
  }),
});

/** The released configurations of diffusion, their sections `model`, and names and shapes of denoiser and conditioner. */
const diffusions: { configs: { path: string; model: unknown; shapes: number }[]; shapes: Record<string, number[]>[] } =
  JSON.parse(gunzipSync(Deno.readFileSync(here("fixtures/diffusion.json.gz"))).toString());

for (const { path, model, shapes } of diffusions.configs) {
  Deno.test(
    `${path} is read as denoiser and conditioner with exactly the names and shapes of the original`,
    leakFree(() => {
      const config = compvisConfig({ model });
      assert.ok(config.kind === "diffusion");
      checkDenoiser(config, diffusions.shapes[shapes]!);
    }),
  );
}

/** Holds the networks, and the parts of a checkpoint, against the original's names. */
function checkNames(path: string, config: CompvisConfig, wanted: Record<string, number[]>): void {
  const { other, denoiser, denoiserEma, firstStage, schedule } = splitCheckpoint(Object.keys(wanted));
  assert.deepEqual([...other.keys()], [], path);
  checkPart(() => firstStageOf(config.firstStage.options), firstStage, wanted);
  if (config.kind !== "diffusion") return;
  assert.deepEqual([...denoiserEma.keys()], config.ema ? [...denoiser.keys()] : [], path);
  assert.equal(schedule.size, 12, path);
  checkDenoiser(config, wanted);
}

function checkDenoiser({ unet, condition, firstStage }: ReleasedDiffusion, wanted: Record<string, number[]>): void {
  const { denoiser, conditioner } = splitCheckpoint(Object.keys(wanted));
  checkPart(() => new Unet(unet), denoiser, wanted);
  const encoder = condition?.encoder ?? { kind: "identity" };
  checkPart(
    () => {
      if (encoder.kind === "first-stage") return firstStageOf(firstStage.options);
      return encoder.kind === "hybrid" ? new HybridConditioner(encoder) : encoderOf(encoder);
    },
    conditioner,
    wanted,
  );
}

function checkPart(build: () => AnyModule, part: PartNames, wanted: Record<string, number[]>): void {
  onDevice("meta", () => {
    using network = build();
    const shapes = Object.fromEntries(Array.from(part, ([own, name]) => [own, wanted[name]]));
    assert.deepEqual(Object.fromEntries(namesAndShapes(network, "")), shapes);
  });
}

Deno.test({
  name: "released configurations of diffusion are read as they are",
  ignore: configs.length === 0,
  fn: async () => {
    const read = async (path: string) => await readCompvisConfig(reference + path) as ReleasedDiffusion;
    const churches = await read("configs/latent-diffusion/lsun_churches-ldm-kl-8.yaml");
    assert.equal(churches.latentScale, "first-batch");
    const cycle = { warmup: 10000, length: 1e13, start: 1e-6, most: 1, least: 1 };
    assert.deepEqual(churches.rate, { kind: "linear", cycles: [cycle] });
    const text = await read("configs/latent-diffusion/txt2img-1p4B-eval.yaml");
    assert.deepEqual([text.latentScale, text.ema, text.recompute], [0.18215, false, true]);
    assert.deepEqual(text.unet.transformer, { depth: 1, contextChannels: 1280 });
    assert.deepEqual(text.condition, {
      mode: "crossattn",
      encoder: {
        kind: "text",
        channels: 1280,
        layers: 32,
        vocabulary: 30522,
        length: 77,
        tokenizer: true,
        dropout: 0,
        logits: true,
      },
      input: "caption",
      trained: true,
    });
    const inpainting = await read("models/ldm/inpainting_big/config.yaml");
    assert.deepEqual(inpainting.condition, {
      mode: "concat",
      encoder: { kind: "first-stage" },
      input: "masked_image",
      trained: false,
    });
    const semantic = await read("models/ldm/semantic_synthesis256/config.yaml");
    assert.deepEqual(semantic.condition!.encoder, {
      kind: "rescale",
      stages: 2,
      method: "bilinear",
      factor: 0.5,
      inChannels: 182,
      outChannels: 3,
      bias: false,
    });
  },
});
