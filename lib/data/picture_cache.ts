import { startDecoder } from "./decoder.ts";
import type { Item } from "./dataset.ts";
import type { ReadOptions } from "./read.ts";
import type { Rgb } from "./resample.ts";
import type { Unreadable } from "./worker.ts";

/** Decoded pictures of a set by index: from memory, or from workers. */
export interface PictureCache {
  /** The picture of an item, or why there is none; rejects when closed or when a worker broke down. */
  get(index: number): Promise<Rgb | Unreadable>;
  /** Ends the workers; what is still waited for rejects with the reason. */
  close(reason: unknown): void;
}

/**
 * Starts workers and keeps what they decode while it fits into `cacheBytes`; what came later is decoded anew each time.
 * Once every picture of the set is there, the workers end.
 */
export function pictureCache(
  items: readonly Item[],
  options: ReadOptions & { workers: number; cacheBytes: number },
): PictureCache {
  const decoder = startDecoder(options.workers, options);
  const pictures = new Map<number, Promise<Rgb | Unreadable>>();
  let bytes = 0;
  let kept = 0;

  async function decode(index: number): Promise<Rgb | Unreadable> {
    const result = await decoder.decode(items[index]!);
    const size = "data" in result ? result.data.length + (result.clear?.length ?? 0) + (result.map?.length ?? 0) : 0;
    if (bytes + size > options.cacheBytes) pictures.delete(index);
    else {
      bytes += size;
      if (++kept === items.length) decoder.close(undefined);
    }
    return result;
  }

  function get(index: number): Promise<Rgb | Unreadable> {
    const known = pictures.get(index);
    if (known) return known;
    const picture = decode(index);
    picture.catch(() => {}); // asked for ahead, it may never be waited for
    pictures.set(index, picture);
    return picture;
  }

  return { get, close: decoder.close };
}
