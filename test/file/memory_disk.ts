import { dirname } from "@std/path";
import { LatentError } from "../../lib/base/mod.ts";
import type { FileLayer, ReadableFile, WritableFile } from "../../lib/file/mod.ts";

/** What a process meets when the machine stops: not an error of the library, and nothing works after it. */
export class Crash extends Error {}

/** A file's bytes as programs see them, and as they would be found after a crash. */
interface Inode {
  bytes: Uint8Array<ArrayBuffer>;
  durable: Uint8Array<ArrayBuffer>;
}

/** A change of names that happens whole or not at all. */
type NameChange = (names: Map<string, Inode>) => void;

/** What a crash makes of bytes that were written and never synced. */
export type Unsynced = "lost" | "torn" | "kept";

/**
 * A disk in memory that forgets as a real one may: contents that were not synced, and any subset of the changes of names
 * since the folder was last synced. It logs its operations, runs full and crashes on demand.
 */
export class MemoryDisk implements FileLayer {
  /** Operations so far. */
  readonly log: string[] = [];
  /** Operations after which it crashes. */
  crashAfter = Infinity;
  /** Bytes that still fit. */
  capacity = Infinity;

  private names = new Map<string, Inode>();
  private durableNames = new Map<string, Inode>();
  private pending: NameChange[] = [];

  create(path: string): WritableFile {
    this.did(`create ${path}`);
    if (this.names.has(path)) throw new LatentError("file.exists", { what: `${path} exists` });
    const inode: Inode = { bytes: new Uint8Array(), durable: new Uint8Array() };
    this.change((names) => names.set(path, inode));
    return {
      write: (bytes) => {
        this.did("write");
        const fitting = bytes.subarray(0, this.capacity);
        inode.bytes = concat(inode.bytes, fitting);
        this.capacity -= fitting.length;
        if (fitting.length < bytes.length) throw new LatentError("file.full", { what: `no space left for ${path}` });
      },
      writeAt: (bytes, offset) => {
        this.did("writeAt");
        inode.bytes.set(bytes, offset);
      },
      sync: () => {
        this.did("sync");
        inode.durable = inode.bytes.slice();
      },
      close: () => this.did("close"),
    };
  }

  open(path: string): ReadableFile {
    const { bytes } = this.inode(path);
    return {
      size: bytes.length,
      read: (into, offset) => into.set(bytes.subarray(offset, offset + into.length)),
      close: () => {},
    };
  }

  exists(path: string): boolean {
    return this.names.has(path);
  }

  rename(from: string, to: string): void {
    this.did(`rename ${from} ${to}`);
    const inode = this.inode(from);
    this.change((names) => {
      names.delete(from);
      names.set(to, inode);
    });
  }

  link(from: string, to: string): void {
    this.did(`link ${from} ${to}`);
    const inode = this.inode(from);
    if (this.names.has(to)) throw new LatentError("file.exists", { what: `${to} exists` });
    this.change((names) => names.set(to, inode));
  }

  remove(path: string): void {
    this.did(`remove ${path}`);
    this.inode(path);
    this.change((names) => names.delete(path));
  }

  list(folder: string): string[] {
    return [...this.names.keys()].filter((path) => dirname(path) === folder).map((path) =>
      path.slice(folder.length + 1)
    );
  }

  syncFolder(folder: string): void {
    this.did(`syncFolder ${folder}`);
    this.durableNames = new Map(this.names);
    this.pending = [];
  }

  freeBytes(): number {
    return Infinity; // a disk that says that there is room and then has none
  }

  /** The bytes of a file. */
  bytes(path: string): Uint8Array {
    return this.inode(path).bytes.slice();
  }

  /** Puts a file there, as if it had always been. */
  put(path: string, bytes: Uint8Array): void {
    const inode = { bytes: bytes.slice(), durable: bytes.slice() };
    this.names.set(path, inode);
    this.durableNames.set(path, inode);
  }

  /** Every disk that may be found after a crash now. */
  *afterCrash(unsynced: Unsynced): Generator<MemoryDisk> {
    for (let subset = 0; subset < 2 ** this.pending.length; subset++) {
      const names = new Map(this.durableNames);
      this.pending.forEach((change, i) => (subset >> i) & 1 && change(names));
      const found = new MemoryDisk();
      for (const [path, inode] of names) found.put(path, surviving(inode, unsynced));
      yield found;
    }
  }

  private did(operation: string): void {
    if (this.log.length >= this.crashAfter) throw new Crash();
    this.log.push(operation);
  }

  private change(change: NameChange): void {
    change(this.names);
    this.pending.push(change);
  }

  private inode(path: string): Inode {
    const inode = this.names.get(path);
    if (inode === undefined) throw new LatentError("file.missing", { what: `${path} is missing` });
    return inode;
  }
}

function surviving({ bytes, durable }: Inode, unsynced: Unsynced): Uint8Array {
  if (unsynced === "lost") return durable;
  return unsynced === "kept"
    ? bytes
    : concat(durable, bytes.subarray(durable.length, (durable.length + bytes.length) / 2));
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
