import { join } from "@std/path";
import { namesIn } from "../base/mod.ts";
import { chooseClasses, type Dataset, type Item, splitByHash } from "./dataset.ts";
import { type EmojiFact, plainHexcode, readEmojibase } from "./emojibase.ts";
import { emojiFolder } from "./fetch_emoji.ts";

/** A picture of an emoji: WebP, 256×256, with transparency. Some emoji have two. */
export interface Emoji extends Item, Omit<EmojiFact, "order"> {
  /** Index of its group in the classes. */
  label: number;
  /** Its name, "waving hand: dark skin tone". */
  caption: string;
}

/** Options of {@linkcode emoji}. */
export interface EmojiOptions {
  /** Where `fetchEmoji` put them. @default {emojiFolder()} */
  folder?: string;
  /** Whether pictures with skin tones are in it (3,391 pictures) or not (1,871). @default {false} */
  tones?: boolean;
  /** Only these groups, such as "animals-nature" and "food-drink". @default all */
  classes?: readonly string[];
}

/**
 * The emoji as a data set, in the order of the emoji charts; the classes are the groups. About a tenth of them is
 * validation. Which ones is decided by the hash of their base: the tones and genders of an emoji are never on both
 * sides, and neither `tones` nor `classes` moves one.
 *
 * Throws LatentErrors: `data.missing` when they were not fetched, `data.class` for a group that there isn't.
 */
export async function emoji(options: EmojiOptions = {}): Promise<Dataset<Emoji>> {
  const { folder = emojiFolder(), tones = false } = options;
  const { groups, facts } = await readEmojibase(folder);
  const wanted = chooseClasses(groups, options.classes);
  const files = namesIn(join(folder, "assets"));
  const found = files.flatMap((name) => {
    const fact = facts.get(plainHexcode(name.replace(".webp", "")));
    return fact && wanted.includes(fact.group) && (tones || !fact.tone) ? [{ key: `assets/${name}`, fact }] : [];
  });
  const classes = wanted.filter((group) => found.some(({ fact }) => fact.group === group));
  const items = found.sort((a, b) => a.fact.order - b.fact.order).map((
    { key, fact: { order: _, ...fact } },
  ): Emoji => ({
    key,
    path: join(folder, key),
    label: classes.indexOf(fact.group),
    ...fact,
  }));
  return { name: "emoji", classes, ...splitByHash(items, 0.1, ({ base }) => base) };
}
