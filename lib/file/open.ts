import { disk } from "./disk.ts";
import type { FileLayer } from "./layer.ts";
import { SafetensorsFile } from "./safetensors.ts";
import type { TensorFile } from "./tensor_file.ts";
import { TorchCheckpoint } from "./torch_checkpoint.ts";

/**
 * Opens a file of tensors, safetensors or a PyTorch checkpoint, by what it begins with.
 *
 * @throws LatentError of the kind `file`, as {@linkcode SafetensorsFile.open} and {@linkcode TorchCheckpoint.open} do
 */
export function openTensorFile(path: string, layer: FileLayer = disk): TensorFile {
  const head = new Uint8Array(9);
  const file = layer.open(path);
  try {
    file.read(head.subarray(0, Math.min(file.size, head.length)), 0);
  } finally {
    file.close();
  }
  const isJson = head[8] === 0x7b; // after the length of the header
  return isJson ? SafetensorsFile.open(path, layer) : TorchCheckpoint.open(path, layer);
}
