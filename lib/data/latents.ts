import { join } from "@std/path";
import * as z from "zod";
import { check, LatentError, namesIn } from "../base/mod.ts";
import { disk, SafetensorsFile } from "../file/mod.ts";
import type { Item } from "./dataset.ts";

/** The parts of a data set. */
export type DataSplit = "train" | "validation";

/** What a folder of encoded images says of itself, in its `latents.json`. */
export interface LatentsHeader {
  /** Which form of folder this is. */
  format: "latent.latents.1";
  /** SHA-256 of the first stage's file. */
  model: string;
  /** The tensors of each shard: `mean` and `std`, or `latent`, or `latent` and `indices`; `flipped.…` of mirrored images. */
  tensors: string[];
  /** Of one latent: [Z, h, w]. */
  shape: [number, number, number];
  /** Of its elements. */
  dtype: "float32" | "float16";
  /** The data set. */
  data: string;
  /** Side of the images, pixels. */
  size: number;
  /** Names of the classes that the labels count. */
  classes: string[];
  /** How many images each part has, and the SHA-256 of their keys, line by line. */
  splits: Record<DataSplit, { images: number; keys: string }>;
}

const sha = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().min(0);
const part = z.strictObject({ images: count, keys: sha });
const headerSchema = z.strictObject({
  format: z.literal("latent.latents.1"),
  model: sha,
  tensors: z.array(z.string()).min(1),
  shape: z.tuple([count, count, count]),
  dtype: z.enum(["float32", "float16"]),
  data: z.string(),
  size: z.int().min(1),
  classes: z.array(z.string()),
  splits: z.strictObject({ train: part, validation: part }),
});

/** What a shard says of its rows. */
const shardSchema = z.strictObject({
  model: sha,
  begin: count,
  end: count,
  items: z.array(z.strictObject({
    key: z.string(),
    label: count.exactOptional(),
    caption: z.string().exactOptional(),
  })),
});

/** The rows of one file: item i has row i of each tensor. */
export interface Shard {
  /** Its file. */
  path: string;
  /** The places in its part of the data set that it covers: from `begin` up to `end`, of which some may be unreadable. */
  begin: number;
  /** The first place that it does not cover. */
  end: number;
  /** What was encoded. */
  items: Omit<Item, "path">[];
}

/** Where the header of a folder is. */
export function latentsPath(folder: string): string {
  return join(folder, "latents.json");
}

/** The file of a part's shard. */
export function shardPath(folder: string, split: DataSplit, index: number): string {
  return join(folder, `${split}-${String(index).padStart(5, "0")}.safetensors`);
}

/** The texts of a shard's metadata. */
export function shardMetadata(
  header: LatentsHeader,
  split: DataSplit,
  shard: Omit<Shard, "path">,
): Map<string, string> {
  const { begin, end, items } = shard;
  const own = items.map(({ key, label, caption }) => ({ key, label, caption }));
  return new Map([
    ["format", header.format],
    ["model", header.model],
    ["split", split],
    ["begin", String(begin)],
    ["end", String(end)],
    ["items", JSON.stringify(own)],
  ]);
}

/** What a folder says; undefined where it says nothing. @throws LatentError `latents.header` for what is no header */
export function readLatentsHeader(folder: string): LatentsHeader | undefined {
  const path = latentsPath(folder);
  if (!disk.exists(path)) return undefined;
  return check(headerSchema, parsed(Deno.readTextFileSync(path)), {
    code: "latents.header",
    subject: path,
    mend: "Encode the images again, into another folder.",
  });
}

/**
 * The whole shards of a part, in their order.
 *
 * @throws LatentError `latents.shard` where one is missing among them, or is another model's; `file.*`
 */
export function listShards(folder: string, split: DataSplit, { model }: LatentsHeader): Shard[] {
  const names = namesIn(folder).filter((name) => name.startsWith(`${split}-`) && name.endsWith(".safetensors"));
  let end = 0;
  return names.map((name) => {
    const path = join(folder, name);
    const shard = { path, ...shardOf(path) };
    if (shard.begin !== end || shard.model !== model) {
      throw new LatentError("latents.shard", {
        what: `${path} does not go with the others`,
        found: `images from ${shard.begin} on, encoded by ${shard.model}`,
        wanted: `images from ${end} on, encoded by ${model}`,
        mend: "Encode the images again, into another folder.",
      });
    }
    end = shard.end;
    return shard;
  });
}

function shardOf(path: string): z.output<typeof shardSchema> {
  using file = SafetensorsFile.open(path);
  const text = (name: string) => file.metadata.get(name) ?? "null";
  return check(shardSchema, {
    model: text("model"),
    begin: parsed(text("begin")),
    end: parsed(text("end")),
    items: parsed(text("items")),
  }, { code: "latents.shard", subject: path, mend: "Encode the images again, into another folder." });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
