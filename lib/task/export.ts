import { join } from "@std/path";
import { LatentError, type WorkEvent } from "../base/mod.ts";
import { loadTensors, SafetensorsFile, tensorSources, writeAtomic, writeSafetensors } from "../file/mod.ts";
import { type DType, scope } from "../tensor/mod.ts";
import { modelPath } from "./model.ts";

/** What {@linkcode exportModel} writes. */
export interface ExportOptions {
  /** The folder, new or empty of such files: nothing is replaced. */
  out: string;
  /** Type of the weights. @default {"float16"} */
  dtype?: "float16" | "bfloat16" | "float32";
  /** Steps between the lines of the log that are kept, beside those of validation. @default {50} */
  logEvery?: number;
}

/**
 * What others need of a trained model, small: its weights in fewer bits, and, where it is a run's folder, the config, a
 * thinned log and the curve of the loss. What it writes is loaded like any model.
 *
 * @param path a run's folder, or a model file
 * @throws LatentError `usage.model`, `file.*`, `file.exists` where the folder has a model already
 */
export function* exportModel(
  path: string,
  { out, dtype = "float16", logEvery = 50 }: ExportOptions,
): Generator<WorkEvent> {
  const file = modelPath(path);
  Deno.mkdirSync(out, { recursive: true });
  const target = join(out, "model.safetensors");
  writeConverted(file, target, dtype);
  yield { type: "file", path: target, kind: "model" };
  if (file === path) return;
  for (const [name, convert] of Object.entries(parts(logEvery))) {
    const bytes = readIfThere(join(path, name));
    if (bytes === undefined) continue;
    writeAtomic(join(out, name), (to) => to.write(convert(bytes)));
    yield { type: "file", path: join(out, name), kind: "model" };
  }
}

function writeConverted(from: string, to: string, dtype: DType): void {
  using source = SafetensorsFile.open(from);
  if (!source.metadata.has("config")) {
    throw new LatentError("file.model", {
      what: `${from} is not a model of this program`,
      wanted: "a model.safetensors of a run",
    });
  }
  scope(() => {
    const tensors = [...loadTensors(source)].map(([name, tensor]) =>
      [name, tensor.dtype.includes("float") ? tensor.to({ dtype }) : tensor] as const
    );
    writeSafetensors(to, tensorSources(new Map(tensors)), { metadata: source.metadata });
  });
}

/** The files of a run that go with its model, and what becomes of their bytes. */
function parts(logEvery: number): Record<string, (bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>> {
  return {
    "config.yaml": (bytes) => bytes,
    "loss.png": (bytes) => bytes,
    "log.jsonl": (bytes) => {
      const lines = new TextDecoder().decode(bytes).split("\n").slice(0, -1);
      const kept = lines.filter((line) => {
        const { step, validationLoss } = JSON.parse(line);
        return validationLoss !== undefined || step % logEvery === 0;
      });
      return new TextEncoder().encode(kept.map((line) => line + "\n").join(""));
    },
  };
}

function readIfThere(path: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Deno.readFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
