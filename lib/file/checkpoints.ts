import { join } from "@std/path";
import { LatentError } from "../base/mod.ts";
import { removePartials } from "./atomic.ts";
import { disk } from "./disk.ts";
import type { FileLayer } from "./layer.ts";
import { readState, type RunState, type SavedState, writeState } from "./state.ts";

/** Options of {@linkcode writeCheckpoint}: which older checkpoints stay. */
export interface CheckpointOptions {
  /** How many of the newest are kept, at least 1. @default {2} */
  keep?: number;
  /** Steps of which every multiple is kept. */
  every?: number;
  /** The step with the best validation loss so far, which is kept. */
  best?: number;
  /** Where to write. @default {disk} */
  layer?: FileLayer;
}

/** A checkpoint by its file's name. */
export interface CheckpointFile {
  /** Optimiser steps done when it was written. */
  step: number;
  /** The file. */
  path: string;
}

/** A checkpoint that was passed over. */
export interface DamagedCheckpoint extends CheckpointFile {
  /** What is wrong with it. */
  error: LatentError;
}

/** What makes a checkpoint one to pass over; what the user can mend (permissions) is told instead. */
const DAMAGE = new Set(["file.header", "file.truncated", "file.failed", "checkpoint.damaged", "checkpoint.foreign"]);

/** The newest whole checkpoint of a folder, open. */
export interface LatestCheckpoint extends CheckpointFile, SavedState {
  /** Newer ones that are not whole: what the user should be warned of. */
  damaged: DamagedCheckpoint[];
}

/**
 * Writes the checkpoint of a step, then removes the older ones that need not be kept: nothing is removed before the new
 * one is on the disk under its name.
 *
 * @returns its path
 * @throws LatentError as {@linkcode writeState}; the checkpoints that exist are untouched then
 */
export function writeCheckpoint(
  folder: string,
  step: number,
  state: RunState,
  options: CheckpointOptions = {},
): string {
  const { keep = 2, every, best, layer = disk } = options;
  const path = join(folder, `step-${String(step).padStart(9, "0")}.safetensors`);
  writeState(path, state, { layer, replace: true });
  const older = listCheckpoints(folder, layer).filter((checkpoint) => checkpoint.step <= step);
  for (const checkpoint of older.slice(0, -keep)) {
    const kept = checkpoint.step === best || (every !== undefined && checkpoint.step % every === 0);
    if (!kept) layer.remove(checkpoint.path);
  }
  return path;
}

/** The checkpoints of a folder, whole or not, oldest first. */
export function listCheckpoints(folder: string, layer: FileLayer = disk): CheckpointFile[] {
  const files = layer.list(folder).flatMap((name) => {
    const digits = /^step-(\d{9,15})\.safetensors$/.exec(name)?.[1];
    return digits === undefined ? [] : [{ step: Number(digits), path: join(folder, name) }];
  });
  return files.sort((a, b) => a.step - b.step);
}

/**
 * Opens the newest checkpoint that is whole and has the hash that it was written with, passing over newer ones that are
 * not. It changes nothing, so that a run in progress may be looked at.
 *
 * @returns nothing for a folder without checkpoints
 * @throws LatentError `checkpoint.damaged` where there are some and none is whole
 */
export function latestCheckpoint(folder: string, layer: FileLayer = disk): LatestCheckpoint | undefined {
  const damaged: DamagedCheckpoint[] = [];
  for (const { step, path } of listCheckpoints(folder, layer).reverse()) {
    try {
      return { step, path, damaged, ...readState(path, layer) };
    } catch (error) {
      if (!(error instanceof LatentError) || !DAMAGE.has(error.code)) throw error;
      damaged.push({ step, path, error });
    }
  }
  if (damaged.length === 0) return undefined;
  throw new LatentError("checkpoint.damaged", {
    what: `none of the checkpoints in ${folder} is whole`,
    differences: damaged.map(({ path, error }) => ({ name: path, found: error.fields.what, wanted: "a whole file" })),
    mend: "start again in another folder, with --init for weights that were saved elsewhere",
  });
}

/**
 * What a run does first in its folder, under its lock: removes partial files that a killed process has left, opens the
 * newest whole checkpoint, and sets newer ones that are damaged aside (as `….damaged`), so that they don't count among
 * those that are kept.
 *
 * @returns nothing for a folder without checkpoints
 * @throws LatentError `checkpoint.damaged` where there are some and none is whole
 */
export function recoverCheckpoints(folder: string, layer: FileLayer = disk): LatestCheckpoint | undefined {
  removePartials(folder, layer);
  const latest = latestCheckpoint(folder, layer);
  for (const { path } of latest?.damaged ?? []) layer.rename(path, `${path}.damaged`);
  return latest;
}
