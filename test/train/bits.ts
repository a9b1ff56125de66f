/** What of a run can be compared bit by bit. @module */
import { latestCheckpoint, listCheckpoints } from "../../lib/file/mod.ts";
import { sha256 } from "../../lib/base/mod.ts";

/** Settings under which a run looks at itself and writes whenever it can. */
export const lookOften = { every: { validate: 1, sample: 3, checkpoint: 1 } };

/** The lines of a run's log. */
export function logOf(run: string): Record<string, number>[] {
  const lines = Deno.readTextFileSync(`${run}/log.jsonl`).split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line));
}

/** The log's training lines without the times. */
export function losses(run: string): unknown[] {
  return logOf(run).filter((line) => "loss" in line).map(({ seconds: _, ...line }) => line);
}

/** Hashes of all tensors of a run's last checkpoint, and of its model file; what else is in the state but times and looks. */
export function stateOf(run: string): Record<string, unknown> {
  const folder = `${run}/checkpoints`;
  using latest = latestCheckpoint(folder)!;
  const { step, position, emaUpdates, data, extra } = latest.value as Record<string, unknown>;
  const tensors = [...latest.file.entries.keys()].map((name) => [name, sha256(latest.file.bytes(name))]);
  return {
    ...Object.fromEntries(tensors),
    state: { step, position, emaUpdates, data, extra },
    newest: listCheckpoints(folder).at(-1)!.step,
    model: sha256(Deno.readFileSync(`${run}/model.safetensors`)),
  };
}
