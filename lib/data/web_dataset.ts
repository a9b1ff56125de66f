import { basename, join, resolve } from "@std/path";
import { LatentError } from "../base/mod.ts";
import { type Dataset, type Item, splitByHash } from "./dataset.ts";
import { pictureExtensions } from "./folder.ts";
import { missing, namesOf } from "./objects.ts";
import { own } from "./problems.ts";
import { FileWindow, type TarMember, tarMembers } from "./tar_file.ts";

/** Options of {@linkcode webDataset}. */
export interface WebDatasetOptions {
  /** About which share of the samples is kept out of training, by a hash of their keys. @default {0.05} */
  validation?: number;
  /** Is told of a shard that is cut short or damaged; what stands whole before that is used. @default it is an error */
  onCutShort?: (error: LatentError) => void;
}

/** Larger captions and the like are refused. */
const maxTextBytes = 2 ** 20;
const maxLabel = 2 ** 20;

/**
 * A WebDataset: tar shards in which the members of a sample follow one another, `000.jpg`, `000.txt`, `000.json`,
 * `000.cls`. The picture is the first that there is; its caption is the text, or `caption` or `text` of the JSON; its
 * label the number in `.cls`. Samples without a picture are passed over.
 *
 * The shards are searched once, by their headers; pictures are read where they lie when they are needed, so that the
 * order is that of every other data set: a permutation of all samples for each epoch.
 *
 * Throws LatentErrors: `data.missing` where there is no shard, `data.empty` for shards without pictures, `data.archive`
 * for one that is cut short or damaged, `data.metadata` for captions and labels that are none.
 *
 * @param path a folder of shards, taken in the order of their names, or one shard
 */
export async function webDataset(
  path: string,
  { validation = 0.05, onCutShort }: WebDatasetOptions = {},
): Promise<Dataset> {
  const root = resolve(path);
  const shards = root.endsWith(".tar") ? [root] : namesOf(root).filter((name) => name.endsWith(".tar"))
    .map((name) => join(root, name));
  if (shards.length === 0) throw missing(`there are no shards in ${root}`, "files that end in .tar, not compressed");
  const items: Item[] = [];
  for (const shard of shards) {
    for (const item of itemsOf(shard, onCutShort)) items.push(item);
    await new Promise((turn) => setTimeout(turn)); // a signal may have come
  }
  if (items.length === 0) {
    throw new LatentError("data.empty", {
      what: `no image is in the ${shards.length} shards of ${root}`,
      wanted: `members that end in ${pictureExtensions.join(", ")}`,
    });
  }
  const labels = items.reduce((most, { label = -1 }) => Math.max(most, label), -1) + 1;
  const classes = Array.from({ length: labels }, (_, label) => `${label}`);
  return { name: basename(root), classes, ...splitByHash(items, validation, (item) => item.key) };
}

function itemsOf(shard: string, onCutShort: WebDatasetOptions["onCutShort"]): Item[] {
  const items: Item[] = [];
  try {
    for (const item of shardItems(shard)) items.push(item);
  } catch (error) {
    if (!(error instanceof LatentError) || error.code !== "data.archive") throw error;
    const whole = `${items.length} whole samples stand before it`;
    const told = new LatentError("data.archive", { ...error.fields, found: `${error.fields.found}; ${whole}` });
    if (onCutShort === undefined) throw told;
    onCutShort(told);
  }
  return items;
}

/** The samples of a shard that have a picture, in their order; one is whole when the next begins, or the archive ends. */
export function* shardItems(shard: string): Generator<Item, void, undefined> {
  using file = new FileWindow(shard);
  let sample: { key: string; members: Map<string, TarMember> } | undefined;
  for (const member of tarMembers(shard, file)) {
    const [, key = "", ending = ""] = /^((?:.*\/)?[^/.]*)\.?([^/]*)$/s.exec(member.name) ?? [];
    if (sample?.key !== key) {
      if (sample !== undefined) yield* itemOf(shard, file, sample);
      sample = { key, members: new Map() };
    }
    sample.members.set(ending.toLowerCase(), member);
  }
  if (sample !== undefined) yield* itemOf(shard, file, sample);
}

function* itemOf(
  shard: string,
  file: FileWindow,
  { key, members }: { key: string; members: ReadonlyMap<string, TarMember> },
): Generator<Item> {
  const picture = members.entries().find(([ending]) => pictureExtensions.includes(`.${ending}`))?.[1];
  if (picture === undefined) return;
  const text = (ending: string) => {
    const member = members.get(ending);
    return member && textOf(shard, file, member);
  };
  const caption = text("txt") ?? captionIn(shard, key, text("json"));
  const label = labelIn(shard, key, text("cls"));
  yield {
    key: `${basename(shard)}/${key}`,
    path: shard,
    part: { offset: picture.offset, bytes: picture.bytes },
    ...(label === undefined ? {} : { label }),
    ...(caption === undefined ? {} : { caption }),
  };
}

function textOf(shard: string, file: FileWindow, { name, offset, bytes }: TarMember): string {
  if (bytes > maxTextBytes) throw bad(shard, name, `${bytes} bytes`, `a text of at most ${maxTextBytes} bytes`);
  return new TextDecoder().decode(file.at(offset, bytes)).trim();
}

function captionIn(shard: string, key: string, json: string | undefined): string | undefined {
  if (json === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(json);
    return [own(value, "caption"), own(value, "text")].find((found) => typeof found === "string");
  } catch {
    throw bad(shard, `${key}.json`, JSON.stringify(json.slice(0, 60)), "JSON");
  }
}

function labelIn(shard: string, key: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,7}$/.test(text) && Number(text) < maxLabel) return Number(text);
  throw bad(shard, `${key}.cls`, JSON.stringify(text.slice(0, 60)), `an integer of 0 … ${maxLabel - 1}`);
}

function bad(shard: string, member: string, found: string, wanted: string): LatentError {
  return new LatentError("data.metadata", { what: `${member} of ${shard} can't be used`, found, wanted });
}
