import { basename, join, resolve } from "@std/path";
import { parquetSchema, type SchemaTree } from "hyparquet";
import { LatentError } from "../base/mod.ts";
import { type Dataset, type Item, splitByHash } from "./dataset.ts";
import { missing, namesOf } from "./objects.ts";
import { groupAt, openParquet, type ParquetFile } from "./parquet_cell.ts";
import { own } from "./problems.ts";

/** Options of {@linkcode parquet}. */
export interface ParquetOptions {
  /** Columns of the picture, its caption and its label, where they are not to be found. */
  columns?: { image?: string; caption?: string; label?: string };
  /** About which share of the rows is kept out of training, by a hash of file and row. @default {0.05} */
  validation?: number;
}

/** Names that columns have in data sets as img2dataset and Hugging Face write them. */
const usual = {
  image: ["image", "jpg", "jpeg", "png", "webp", "img"],
  caption: ["caption", "text", "TEXT", "prompt"],
  label: ["label"],
};

/**
 * Parquet files of pictures: a column of bytes (img2dataset) or of `{bytes, path}` (Hugging Face), and one of captions,
 * of labels or neither. Names of the classes are those that Hugging Face's metadata gives, else their numbers.
 *
 * Captions and labels are read at once, a picture when it is needed. For that its whole row group is decoded, which is
 * what Parquet allows: groups of 100 rows, as both tools write them, cost some ten milliseconds a picture.
 *
 * Throws LatentErrors: `data.missing` where there is no file or column, `data.archive` for one that can't be read,
 * `data.large` for row groups beyond 512 MB, `data.empty`.
 *
 * @param path a folder of files, taken in the order of their names, or one file
 */
export async function parquet(path: string, options: ParquetOptions = {}): Promise<Dataset> {
  const root = resolve(path);
  const files = root.endsWith(".parquet") ? [root] : namesOf(root).filter((name) => name.endsWith(".parquet"))
    .map((name) => join(root, name));
  if (files.length === 0) throw missing(`there are no Parquet files in ${root}`, "files that end in .parquet");
  const items: Item[] = [];
  let classes: string[] = [];
  for (const name of files) {
    using file = await openParquet(name);
    for await (const item of itemsOf(file, options)) items.push(item);
    classes = classes.length > 0 ? classes : classNames(file, options.columns?.label ?? usual.label[0]!);
  }
  if (items.length === 0) throw new LatentError("data.empty", { what: `no rows are in ${root}` });
  const labels = items.reduce((most, { label = -1 }) => Math.max(most, label), -1) + 1;
  return {
    name: basename(root),
    classes: Array.from({ length: Math.max(labels, labels && classes.length) }, (_, i) => classes[i] ?? `${i}`),
    ...splitByHash(items, options.validation ?? 0.05, (item) => item.key),
  };
}

async function* itemsOf(file: ParquetFile, { columns = {} }: ParquetOptions): AsyncGenerator<Item, void, undefined> {
  const tree = parquetSchema(file.metadata).children;
  const image = pick(file, tree, "image", columns.image, isPicture);
  if (image === undefined) throw noColumn(file.path, "image", tree);
  const caption = pick(file, tree, "caption", columns.caption, ({ element }) => element.type === "BYTE_ARRAY");
  const label = pick(file, tree, "label", columns.label, ({ element }) => /^INT/.test(element.type ?? ""));
  const rows = Number(file.metadata.num_rows);
  for (let row = 0; row < rows;) {
    const { start, end } = groupAt(file, image, row);
    const read = async (column: string | undefined) => column ? await file.read(column, start, end) : [];
    const [captions, labels] = [await read(caption), await read(label)];
    for (; row < end; row++) yield itemAt(file.path, image, row, captions[row - start], labels[row - start]);
  }
}

function itemAt(path: string, column: string, row: number, caption: unknown, label: unknown): Item {
  const text = caption instanceof Uint8Array ? new TextDecoder().decode(caption) : caption;
  const number = Number(label ?? NaN);
  return {
    key: `${basename(path)}/${row}`,
    path,
    part: { column, row },
    ...(Number.isInteger(number) && number >= 0 && number < 2 ** 20 ? { label: number } : {}),
    ...(typeof text === "string" ? { caption: text } : {}),
  };
}

/** A column by its usual names, or the one asked for. */
function pick(
  { path }: ParquetFile,
  tree: SchemaTree[],
  kind: keyof typeof usual,
  asked: string | undefined,
  fits: (column: SchemaTree) => boolean,
): string | undefined {
  const names = asked === undefined ? usual[kind] : [asked];
  const found = names.find((name) => tree.some((column) => column.element.name === name && fits(column)));
  if (found === undefined && asked !== undefined) throw noColumn(path, kind, tree);
  return found;
}

function isPicture({ element, children }: SchemaTree): boolean {
  return element.type === "BYTE_ARRAY" || children.some(({ element }) => element.name === "bytes");
}

function noColumn(path: string, kind: keyof typeof usual, tree: SchemaTree[]): LatentError {
  return new LatentError("data.missing", {
    what: `${path} has no column for the ${kind}`,
    found: tree.map(({ element }) => `${element.name} (${element.type ?? "group"})`).join(", ").slice(0, 400),
    wanted: usual[kind].join(", "),
    mend: "Say which column it is.",
  });
}

/** The names in Hugging Face's metadata: `info.features.LABEL.names`. */
function classNames({ metadata }: ParquetFile, label: string): string[] {
  const json = metadata.key_value_metadata?.find(({ key }) => key === "huggingface")?.value;
  try {
    const names = ["info", "features", label, "names"].reduce<unknown>(own, JSON.parse(json ?? "{}"));
    return Array.isArray(names) && names.every((name) => typeof name === "string") ? names : [];
  } catch {
    return [];
  }
}
