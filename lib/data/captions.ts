import { join } from "@std/path";
import { type Difference, LatentError } from "../base/mod.ts";
import { badEntries, leavesFolder, own } from "./problems.ts";

/** A larger `metadata.jsonl` is refused: it is read whole. */
const maxBytes = 256 * 2 ** 20;

/**
 * The captions in a folder's `metadata.jsonl`: lines such as `{"file_name": "cats/1.png", "text": "a cat"}`, other keys
 * ignored, as the Hugging Face tools write it. No file, no captions. Names must be pictures of the folder, which leaves
 * no path that could lead out of it.
 *
 * Throws a LatentError `data.metadata` that lists the lines which are no such thing.
 *
 * @param keys the pictures that are there, as paths relative to the folder
 * @returns relative path → caption
 */
export async function readCaptions(folder: string, keys: ReadonlySet<string>): Promise<Map<string, string>> {
  const path = join(folder, "metadata.jsonl");
  const captions = new Map<string, string>();
  const problems: Difference[] = [];
  for (const [index, line] of (await readLines(path)).entries()) {
    if (line.trim() === "") continue;
    const entry = parseLine(line, keys);
    const problem = typeof entry === "string" ? entry : captions.has(entry.key) ? "a second line for it" : undefined;
    if (problem !== undefined) problems.push({ name: `line ${index + 1}`, found: problem, wanted: wantedLine });
    else if (typeof entry !== "string") captions.set(entry.key, entry.text);
  }
  if (problems.length > 0) throw badEntries(path, problems, { entries: "lines", mend });
  return captions;
}

const mend = "Correct the lines, or move metadata.jsonl away to train without captions.";
const wantedLine = '{"file_name": an image of the folder, "text": its caption}';

async function readLines(path: string): Promise<string[]> {
  const info = await Deno.stat(path).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  });
  if (info === undefined) return [];
  if (info.size > maxBytes) {
    throw new LatentError("data.metadata", {
      what: `${path} is too large to be read whole`,
      found: `${info.size} bytes`,
      wanted: `at most ${maxBytes} bytes`,
      mend: "Split the folder, or leave out keys other than file_name and text.",
    });
  }
  return (await Deno.readTextFile(path)).split("\n");
}

/** One line → its entry, or what was found instead. Only own properties count, whatever `__proto__` says. */
function parseLine(line: string, keys: ReadonlySet<string>): { key: string; text: string } | string {
  let entry: unknown;
  try {
    entry = JSON.parse(line);
  } catch {
    return `no JSON: ${JSON.stringify(line.slice(0, 60))}`;
  }
  const name = ownString(entry, "file_name");
  const text = ownString(entry, "text");
  if (name === undefined) return "no file_name";
  if (text === undefined) return `no text for ${JSON.stringify(name)}`;
  const key = name.replace(/^(\.\/)+/, "");
  if (keys.has(key)) return { key, text };
  return `${JSON.stringify(name)}, ${leavesFolder(key) ? "a path that leaves the folder" : "which is not there"}`;
}

function ownString(value: unknown, key: string): string | undefined {
  const found = own(value, key);
  return typeof found === "string" ? found : undefined;
}
