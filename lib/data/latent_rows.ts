import { basename } from "@std/path";
import { LatentError } from "../base/mod.ts";
import { loadTensor, SafetensorsFile } from "../file/mod.ts";
import { cat, type Device, keep, scope, type Tensor } from "../tensor/mod.ts";
import type { Dataset, Item } from "./dataset.ts";
import { type DataSplit, type LatentsHeader, latentsPath, listShards, readLatentsHeader } from "./latents.ts";

/** An encoded image: its path is the shard's. */
export interface LatentItem extends Item {
  /** Its place in the shard. */
  row: number;
}

/**
 * A folder of encoded images as a data set.
 *
 * @throws LatentError `data.missing` where there is none, `latents.unfinished` where images are still to be encoded (a
 * validation split of which nothing was encoded is empty), `latents.header`, `latents.shard`
 */
export function openLatents(folder: string): { header: LatentsHeader; dataset: Dataset<LatentItem> } {
  const header = readLatentsHeader(folder);
  if (header === undefined) {
    throw new LatentError("data.missing", {
      what: `${folder} has no encoded images`,
      wanted: `a folder with ${basename(latentsPath(folder))}`,
      mend: "Encode some with `latent encode`.",
    });
  }
  const { data: name, classes } = header;
  const [train, validation] = (["train", "validation"] as const).map((split) => itemsOf(folder, split, header));
  return { header, dataset: { name, classes, train: train!, validation: validation! } };
}

/** Whether the items of a data set are encoded images. */
export function areLatents(items: readonly Item[]): items is readonly LatentItem[] {
  return items[0] !== undefined && "row" in items[0];
}

function itemsOf(folder: string, split: DataSplit, header: LatentsHeader): LatentItem[] {
  const shards = listShards(folder, split, header);
  const found = shards.at(-1)?.end ?? 0;
  const { images } = header.splits[split];
  if (found < images && (split === "train" || found > 0)) {
    throw new LatentError("latents.unfinished", {
      what: `Not all images of ${split} are encoded in ${folder}`,
      found: `${found} images`,
      wanted: `${images}`,
      mend: "Give the command that began it, latent encode, once more: it goes on.",
    });
  }
  return shards.flatMap(({ path, items }) => items.map((item, row) => ({ ...item, path, row })));
}

/** Rows of encoded images, read from their files as they are asked for; the files must stay as they are meanwhile. */
export class LatentRows implements Disposable {
  readonly #shards = new Map<string, Map<string, Tensor>>();

  /**
   * What the encodings of images are made of, in float32: mean above standard deviation [B, 2Z, h, w] of Gaussians, else
   * the latents [B, Z, h, w].
   *
   * @param flipped of the mirrored images
   */
  read(rows: readonly { item: LatentItem; flipped: boolean }[], device: Device): Tensor {
    return scope(() => {
      const encodings = rows.map(({ item, flipped }) => {
        const tensors = this.#open(item.path);
        const prefix = flipped ? "flipped." : "";
        const parts = ["mean", "std", "latent"].flatMap((name) => tensors.get(prefix + name) ?? []);
        return cat(parts.map((tensor) => tensor.narrow(0, item.row, 1)), 1);
      });
      return cat(encodings).to({ dtype: "float32", device }).contiguous({ memoryFormat: "channels_last" });
    });
  }

  #open(path: string): Map<string, Tensor> {
    const known = this.#shards.get(path);
    if (known !== undefined) return known;
    using file = SafetensorsFile.open(path);
    const names = [...file.entries.keys()].filter((name) => !name.endsWith("indices"));
    const tensors = new Map(names.map((name) => [name, keep(loadTensor(file, name, { mapped: true }))]));
    this.#shards.set(path, tensors);
    return tensors;
  }

  /** Lets the files go. */
  [Symbol.dispose](): void {
    for (const tensors of this.#shards.values()) for (const tensor of tensors.values()) tensor.dispose();
    this.#shards.clear();
  }
}
