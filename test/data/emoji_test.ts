import assert from "node:assert/strict";
import { join } from "@std/path";
import { LatentError } from "../../lib/base/mod.ts";
import { type Emoji, emoji } from "../../lib/data/emoji.ts";
import { plainHexcode, readEmojibase } from "../../lib/data/emojibase.ts";
import { emojiFolder, fetchEmoji } from "../../lib/data/fetch_emoji.ts";

const coded = (code: string) => (error: unknown) => error instanceof LatentError && error.code === code;

/** The real ones, from the cache folder; fetched from npm where they are not there yet. */
async function allEmoji(): Promise<Emoji[]> {
  await Array.fromAsync(fetchEmoji());
  const { train, validation } = await emoji({ tones: true });
  return [...train, ...validation];
}

Deno.test("of 3,391 pictures 1,520 are skin tones, 1,871 are not", async () => {
  const all = await allEmoji();
  const { train, validation } = await emoji();
  assert.equal(all.length, 3391);
  assert.equal(all.filter((item) => item.tone).length, 1520);
  assert.equal(train.length + validation.length, 1871);
  assert.equal(new Set(all.map((item) => item.key)).size, 3391);
});

Deno.test("every picture has its caption, tags, group, subgroup and a file that begins as WebP does", async () => {
  const all = await allEmoji();
  for (const item of all) assert.ok(item.caption && item.group && item.subgroup && item.hexcode && item.base, item.key);
  const { path, ...wave } = all.find((item) => item.caption === "waving hand: dark skin tone")!;
  assert.deepEqual({ ...wave, tags: wave.tags.slice(0, 3) }, {
    key: "assets/1f44b-1f3ff.webp",
    label: 1,
    caption: "waving hand: dark skin tone",
    tags: ["bye", "cya", "g2g"],
    group: "people-body",
    subgroup: "hand-fingers-open",
    hexcode: "1F44B-1F3FF",
    base: "1F44B",
    tone: true,
  });
  assert.equal(new TextDecoder().decode((await Deno.readFile(path)).subarray(8, 12)), "WEBP");
});

Deno.test("tones and genders of an emoji stay on one side, and neither options nor classes move one", async () => {
  await allEmoji();
  const all = await emoji({ tones: true });
  const share = all.validation.length / 3391;
  assert.ok(share > 0.085 && share < 0.115, `${share}`);
  const bases = (items: Emoji[]) => new Set(items.map((item) => item.base));
  assert.ok(bases(all.train).isDisjointFrom(bases(all.validation)));
  const some = await emoji({ classes: ["food-drink", "people-body"] });
  assert.deepEqual(some.classes, ["people-body", "food-drink"]);
  const keys = (items: Emoji[]) => new Set(items.map((item) => item.key));
  assert.ok(keys(some.train).isSubsetOf(keys(all.train)));
  assert.ok(keys(some.validation).isSubsetOf(keys(all.validation)));
  assert.ok([...some.train, ...some.validation].every((item) => some.classes[item.label] === item.group));
});

const families: string[][] = [
  ["pilot", "man pilot", "woman pilot", "woman pilot: dark skin tone"],
  ["person running", "man running", "woman running: light skin tone"],
  ["men holding hands", "women holding hands", "woman and man holding hands", "people holding hands"],
  ["kiss", "kiss: man, man", "kiss: man, man, dark skin tone"],
  ["couple with heart", "couple with heart: woman, woman"],
  ["man dancing", "woman dancing"],
  ["prince", "princess", "person with crown"],
  ["Santa Claus", "Mrs. Claus", "Mx Claus"],
  ["boy", "girl", "child"],
  ["detective", "man detective", "woman detective: medium skin tone"],
];

for (const family of families) {
  Deno.test(`${family.join(", ")} have one base`, async () => {
    const all = await allEmoji();
    const bases = family.map((caption) => all.find((item) => item.caption === caption)?.base);
    assert.notEqual(bases[0], undefined);
    assert.deepEqual(bases, family.map(() => bases[0]));
  });
}

Deno.test("a base is an emoji of its own, and its own base", async () => {
  await allEmoji();
  const { facts } = await readEmojibase(emojiFolder());
  for (const fact of facts.values()) {
    const base = facts.get(fact.base);
    assert.ok(base && base.base === fact.base && !base.tone, `${fact.caption}: ${fact.base}`);
  }
});

Deno.test("hexcodes are compared whatever their spelling", () => {
  for (const name of ["0023-fe0f-20e3", "23-20E3", "0023_20e3"]) assert.equal(plainHexcode(name), "23-20E3");
});

Deno.test("an unknown group is refused with the nearest", async () => {
  await allEmoji();
  await assert.rejects(emoji({ classes: ["flags", "food-drinks"] }), (error) => {
    assert.ok(error instanceof LatentError && error.code === "data.class");
    assert.match(error.message, /named food-drinks\n.*smileys-emotion.*\nDid you mean food-drink\?/);
    return true;
  });
});

Deno.test("emoji that were not fetched are told, packages of another content refused and nothing left behind", async () => {
  const folder = await Deno.makeTempDir();
  const fetched = join(folder, "cache", "emoji");
  try {
    await assert.rejects(emoji({ folder: fetched }), coded("data.missing"));
    await assert.rejects(Array.fromAsync(fetchEmoji({ folder: fetched, from: folder })), coded("data.missing"));
    await Deno.writeTextFile(join(folder, "lobehub-fluent-emoji-3d-1.1.0.tgz"), "something else");
    await assert.rejects(Array.fromAsync(fetchEmoji({ folder: fetched, from: folder })), coded("data.integrity"));
    assert.deepEqual([...Deno.readDirSync(join(folder, "cache"))], []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
