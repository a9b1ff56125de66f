/**
 * Trains a latent diffusion model on emoji for about a minute, and writes what it makes.
 *
 *     npx -y deno@2.9.6 run -A examples/emoji.ts [FOLDER]
 *
 * @module
 */
import {
  fetchEmoji,
  loadDiffusion,
  pngOf,
  sample,
  setup,
  trainAutoencoder,
  trainDiffusion,
  type WorkEvent,
} from "../mod.ts";

const minutes = Number(Deno.env.get("LATENT_EXAMPLE_MINUTES") ?? 1);
const [folder = await Deno.makeTempDir({ prefix: "emoji-" })] = Deno.args;

const stop = new AbortController();
Deno.addSignalListener("SIGINT", () => stop.abort());
const { signal } = stop;

/** Everything long is an async iterator of events: here their texts are printed, and how far it has come. */
async function watch(work: AsyncIterable<WorkEvent>): Promise<void> {
  for await (const event of work) {
    if ("text" in event) console.log(event.text);
    if (event.type === "progress" && event.done % 50 === 0) console.log(event.label, event.done, event.fields ?? "");
  }
  signal.throwIfAborted();
}

await watch(setup({ signal }));
await watch(fetchEmoji({ signal }));

// One thread: the networks are so small that more gain little, and lose much where other programs compute.
const images = { classes: ["smileys-emotion"] }; // few are learnt sooner
const common = { data: "emoji", size: 32, images, threads: 1, optimizer: { warmup: 20 } };
await watch(trainAutoencoder(
  {
    ...common,
    minutes: 0.5 * minutes,
    batchSize: 8,
    learningRate: 2e-3,
    model: { f: 4, channels: 32, multipliers: [1, 1, 2], residualBlocks: 0 },
  },
  { out: `${folder}/autoencoder`, signal },
));
await watch(trainDiffusion(
  {
    ...common,
    minutes: 0.5 * minutes,
    batchSize: 32,
    learningRate: 1e-3,
    firstStage: `${folder}/autoencoder`,
    objective: { predict: "v" },
    model: { channels: 64, multipliers: [1, 2], residualBlocks: 1, attentionFactors: [1, 2] },
  },
  { out: `${folder}/diffusion`, signal },
));

using model = await loadDiffusion(`${folder}/diffusion`);
for await (const event of sample(model, { count: 16, seed: 1, signal })) {
  if (event.type === "pictures") await Deno.writeFile(`${folder}/samples.png`, await pngOf(event.pictures));
}
console.log(`16 new emoji are in ${folder}/samples.png`);
