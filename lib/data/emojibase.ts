import { join } from "@std/path";
import { LatentError } from "../base/mod.ts";

/** What emojibase knows of an emoji. */
export interface EmojiFact {
  /** Its name, "waving hand: dark skin tone". */
  caption: string;
  /** Further words for it. */
  tags: string[];
  /** "people-body". */
  group: string;
  /** "hand-fingers-open". */
  subgroup: string;
  /** Its code points as emojibase writes them: "1F44B-1F3FF". */
  hexcode: string;
  /** The emoji of which this is a skin tone or a gender, or itself: capitals, no leading zeros, none of the characters that only choose a presentation. */
  base: string;
  /** Whether it has a skin tone. */
  tone: boolean;
  /** Its place in the emoji charts. */
  order: number;
}

/** An entry of emojibase's `en/data.json`; its skin tones are entries within it, without tags. */
interface Entry {
  label: string;
  hexcode: string;
  tags?: string[];
  order?: number;
  group?: number;
  subgroup?: number;
  tone?: number | number[];
  skins?: Entry[];
}

/**
 * Reads emojibase's `en/data.json` and `meta/groups.json` of a folder.
 *
 * Throws a LatentError `data.missing` when they are not there.
 *
 * @returns the groups' names, and the facts by {@linkcode plainHexcode}
 */
export async function readEmojibase(folder: string): Promise<{ groups: string[]; facts: Map<string, EmojiFact> }> {
  const [data, meta] = await Promise.all(
    ["en/data.json", "meta/groups.json"].map((name) => Deno.readTextFile(join(folder, name))),
  ).catch((cause) => {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new LatentError("data.missing", {
      what: `the emoji are not in ${folder}`,
      wanted: "those that npm has, 16 MB",
      mend: "Fetch them first: `latent pull emoji`, in the library fetchEmoji().",
      cause,
    });
  });
  const entries = JSON.parse(data!) as Entry[];
  const names = JSON.parse(meta!) as { groups: Record<number, string>; subgroups: Record<number, string> };
  const facts = entries.flatMap((entry) =>
    [entry, ...entry.skins ?? []].map(({ label, hexcode, group = -1, subgroup = -1, tone, order = 0 }) => ({
      caption: label,
      tags: entry.tags ?? [],
      group: names.groups[group] ?? "",
      subgroup: names.subgroups[subgroup] ?? "",
      hexcode,
      base: baseOf(entry.hexcode),
      tone: tone !== undefined,
      order,
    }))
  );
  return { groups: Object.values(names.groups), facts: new Map(facts.map((f) => [plainHexcode(f.hexcode), f])) };
}

/**
 * One spelling for a sequence of code points, whoever wrote it: capitals, no leading zeros, none of the characters that
 * only choose a presentation or end a tag sequence.
 */
export function plainHexcode(hexcode: string): string {
  const points = hexcode.toUpperCase().split(/[-_]/).map((point) => point.replace(/^0+/, ""));
  return points.filter((point) => point !== "FE0F" && point !== "E007F").join("-");
}

/**
 * People with a gender → without one, as Unicode pairs them (UTS #51, 2.3.1). emojibase's data knows tones (`skins`)
 * and the gender signs, but not that a man pilot is a man and a plane.
 */
const neutral = new Map(Object.entries({
  "1F468": "1F9D1", // man, woman: person
  "1F469": "1F9D1",
  "1F466": "1F9D2", // boy, girl: child
  "1F467": "1F9D2",
  "1F474": "1F9D3", // old man, old woman: older person
  "1F475": "1F9D3",
  "1F934": "1FAC5", // prince, princess: person with crown
  "1F478": "1FAC5",
  "1F930": "1FAC4", // pregnant woman, pregnant man: pregnant person
  "1FAC3": "1FAC4",
  "1F57A": "1F483", // man dancing: woman dancing; there is no other
  "1F385": "1F9D1-200D-1F384", // Santa Claus, Mrs. Claus: Mx Claus
  "1F936": "1F9D1-200D-1F384",
  "1F46B": "1F9D1-200D-1F91D-200D-1F9D1", // woman and man, men, women holding hands: people holding hands
  "1F46C": "1F9D1-200D-1F91D-200D-1F9D1",
  "1F46D": "1F9D1-200D-1F91D-200D-1F9D1",
  "1F9D1-200D-2764-200D-1F48B-200D-1F9D1": "1F48F", // kiss
  "1F9D1-200D-2764-200D-1F9D1": "1F491", // couple with heart
}));

/** The emoji without gender: signs taken off, people made neutral one by one and then as a whole. */
function baseOf(hexcode: string): string {
  const unsigned = plainHexcode(hexcode).replace(/-200D-264[02]\b/, "");
  const people = unsigned.split("-").map((point) => neutral.get(point) ?? point).join("-");
  return neutral.get(people) ?? people;
}
