import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import { type AsyncBuffer, type Compressors, type FileMetaData, parquetMetadataAsync, parquetRead } from "hyparquet";
import { LatentError } from "../base/mod.ts";
import { own } from "./problems.ts";
import { readAt } from "./tar_file.ts";

/** A row group is decoded as a whole; one with more bytes in a column is refused. */
const maxGroupBytes = 512 * 2 ** 20;
const maxRows = 2 ** 27;

/** A Parquet file and what stands in its footer. */
export interface ParquetFile extends Disposable {
  path: string;
  metadata: FileMetaData;
  /** The cells of a top-level column in these rows. */
  read(column: string, rowStart: number, rowEnd: number): Promise<unknown[]>;
}

/** Opens a Parquet file. @throws LatentError `data.archive` where its footer can't be read */
export async function openParquet(path: string): Promise<ParquetFile> {
  const handle = await Deno.open(path);
  try {
    const { size } = await handle.stat();
    const file: AsyncBuffer = {
      byteLength: size,
      slice: (start, end = size) => sliced(path, handle, start, Math.min(end, size)),
    };
    const metadata = await parquetMetadataAsync(file, { initialFetchSize: 2 ** 16, geoparquet: false });
    if (metadata.num_rows > maxRows) throw new Error(`${metadata.num_rows} rows`);
    const read = (column: string, rowStart: number, rowEnd: number) =>
      columnOf({ file, metadata, compressors, utf8: false, geoparquet: false, rowStart, rowEnd }, column);
    return {
      path,
      metadata,
      read: (...of) => read(...of).catch((cause) => Promise.reject(damaged(path, cause))),
      [Symbol.dispose]: () => handle.close(),
    };
  } catch (cause) {
    handle.close();
    throw damaged(path, cause);
  }
}

function sliced(path: string, file: Deno.FsFile, start: number, end: number): ArrayBuffer {
  const bytes = readAt(file, start, Math.max(0, end - start));
  if (bytes.length === end - start) return bytes.buffer;
  throw new Error(`no bytes ${start} to ${end} in ${path}`);
}

async function columnOf(
  options: Omit<Parameters<typeof parquetRead>[0], "rowFormat" | "onComplete">,
  column: string,
): Promise<unknown[]> {
  const cells: unknown[] = [];
  await parquetRead({
    ...options,
    columns: [column],
    rowFormat: "array",
    onComplete: (rows: unknown[][]) => rows.forEach(([cell]) => cells.push(cell)),
  });
  return cells;
}

/** What snappy, which is in the package, leaves; never more bytes than the page says. */
const compressors: Compressors = {
  GZIP: (input, length) => gunzipSync(input, { maxOutputLength: length }),
  BROTLI: (input, length) => brotliDecompressSync(input, { maxOutputLength: length }),
  ZSTD: (input, length) => zstdDecompressSync(input, { maxOutputLength: length }),
};

/** The rows of the group that a row is in. @throws LatentError `data.large` for a group that is too large to decode */
export function groupAt(
  { path, metadata }: Pick<ParquetFile, "path" | "metadata">,
  column: string,
  row: number,
): { start: number; end: number } {
  let start = 0;
  for (const group of metadata.row_groups) {
    const end = start + Number(group.num_rows);
    if (row < end) {
      const bytes = group.columns.filter(({ meta_data }) => meta_data?.path_in_schema[0] === column)
        .reduce((sum, { meta_data }) => sum + Number(meta_data!.total_uncompressed_size), 0);
      if (bytes > maxGroupBytes) throw largeGroup(path, end - start, bytes);
      return { start, end };
    }
    start = end;
  }
  throw damaged(path, new Error(`no row ${row} of ${start}`));
}

/** The row group that this Worker decoded last: in file order the next picture is in it too. */
let last: { path: string; column: string; start: number; end: number; cells: Promise<unknown[]> } | undefined;

/**
 * A picture in a Parquet file: a cell of bytes, or of `{bytes, path}` as Hugging Face writes them.
 *
 * @throws LatentError `data.archive` where there is none, `data.large`
 */
export async function readCell(
  path: string,
  { column, row }: { column: string; row: number },
  maxBytes: number,
): Promise<Uint8Array> {
  if (last?.path !== path || last.column !== column || row < last.start || row >= last.end) {
    using file = await openParquet(path);
    const { start, end } = groupAt(file, column, row);
    last = { path, column, start, end, cells: file.read(column, start, end) };
    await last.cells;
  }
  const cell = (await last.cells)[row - last.start];
  const bytes = cell instanceof Uint8Array ? cell : own(cell, "bytes");
  if (bytes instanceof Uint8Array && bytes.length <= maxBytes) return bytes;
  throw new LatentError("data.archive", {
    what: `row ${row} of ${path} holds no picture`,
    found: bytes instanceof Uint8Array ? `${bytes.length} bytes` : `${bytes === undefined ? cell : bytes}`.slice(0, 80),
    wanted: `bytes, at most ${maxBytes}`,
  });
}

function damaged(path: string, cause: unknown): LatentError {
  if (cause instanceof LatentError) return cause;
  return new LatentError("data.archive", {
    what: `${path} can't be read`,
    found: cause instanceof Error ? cause.message.slice(0, 200) : `${cause}`,
    wanted: "a whole Parquet file, uncompressed or with snappy, gzip, brotli or zstd",
    mend: "Fetch the file again.",
    cause,
  });
}

function largeGroup(path: string, rows: number, bytes: number): LatentError {
  return new LatentError("data.large", {
    what: `${path} has row groups that are too large to take pictures out of`,
    found: `${rows} rows with ${bytes} bytes`,
    wanted: `at most ${maxGroupBytes} bytes; the smaller, the faster`,
    mend: "Write it anew with 100 rows a group: pyarrow.parquet.write_table(table, file, row_group_size=100).",
  });
}
