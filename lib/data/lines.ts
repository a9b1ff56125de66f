import { LatentError } from "../base/mod.ts";

/** A longer line is refused. */
const maxLine = 2 ** 20;

/**
 * The lines of a text file of any size, some thousands at a time, without their ends.
 *
 * @throws LatentErrors: `data.missing` where there is none, `data.metadata` for a line of more than 2²⁰ characters
 */
export async function* linesOf(path: string): AsyncGenerator<string[], void, undefined> {
  using file = await Deno.open(path).catch((cause) => {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new LatentError("data.missing", { what: `there is no ${path}`, wanted: "a text file", cause });
  });
  const decoder = new TextDecoder();
  const chunk = new Uint8Array(2 ** 20);
  let rest = "";
  for (let count = await file.read(chunk); count !== null; count = await file.read(chunk)) {
    const lines = (rest + decoder.decode(chunk.subarray(0, count), { stream: true })).split("\n");
    rest = lines.pop()!;
    if (rest.length > maxLine) throw longLine(path);
    yield lines.map((line) => line.endsWith("\r") ? line.slice(0, -1) : line);
  }
  if (rest !== "") yield [rest];
}

/** The fields of a line of CSV; one in double quotes may hold commas, and quotes written twice. */
export function fieldsOf(line: string): string[] {
  if (!line.includes('"')) return line.split(",");
  return Array.from(line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g), ([, quoted, plain]) => {
    return quoted === undefined ? plain! : quoted.replaceAll('""', '"');
  });
}

function longLine(path: string): LatentError {
  return new LatentError("data.metadata", {
    what: `${path} is no text of lines`,
    found: `a line of more than ${maxLine} characters`,
  });
}
