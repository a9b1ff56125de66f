/** Files of weights as others publish them, but of random numbers. @module */
import { join } from "@std/path";
import { publishedFiles, type PublishedNetwork } from "../../lib/base/mod.ts";
import { tensorSources, writeSafetensors } from "../../lib/file/mod.ts";
import { EfficientNetLite0, FidInception, Lpips, type LpipsNet } from "../../lib/model/mod.ts";
import { Generator, noGrad, scope, type Tensor } from "../../lib/tensor/mod.ts";

/** The file of a network in a folder. @param part of LPIPS 0 is the classifier, 1 the heads */
export function publishedPath(folder: string, name: PublishedNetwork, part = 0): string {
  return join(folder, publishedFiles[name][part]!.name);
}

/** Writes random weights of a network under the published names. What reads them looks at the contents, not the ending. */
export function publish(folder: string, name: PublishedNetwork): void {
  using generator = Generator.seeded(0);
  Deno.mkdirSync(folder, { recursive: true });
  const write = (part: number, tensors: Iterable<[string, Tensor]>) =>
    writeSafetensors(publishedPath(folder, name, part), tensorSources(new Map(tensors)));
  if (!name.startsWith("lpips-")) {
    using network = name === "inception" ? new FidInception() : new EfficientNetLite0();
    return write(0, network.initialise(generator).stateDict());
  }
  using lpips = new Lpips(name.slice("lpips-".length) as LpipsNet);
  const state = [...lpips.initialise(generator).stateDict()];
  const heads = state.filter(([name]) => name.startsWith("lin"));
  noGrad(() => scope(() => heads.forEach(([, head]) => head.copy_(head.abs())))); // positive as the published are
  const trunk = state.filter(([name]) => name.startsWith("net."));
  write(0, trunk.map(([name, tensor]) => [name.replace(/^net\.slice\d+/, "features"), tensor]));
  write(1, heads);
}
