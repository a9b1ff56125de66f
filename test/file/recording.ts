import { basename } from "@std/path";
import type { FileLayer } from "../../lib/file/mod.ts";

/** A layer that does what another does and writes each change into `log`. */
export function recording(layer: FileLayer, log: string[]): FileLayer {
  return {
    ...layer,
    create(path) {
      log.push("create");
      const file = layer.create(path);
      return {
        write: (bytes) => (log.push("write"), file.write(bytes)),
        writeAt: (bytes, offset) => (log.push("writeAt"), file.writeAt(bytes, offset)),
        sync: () => (log.push("fsync"), file.sync()),
        close: () => (log.push("close"), file.close()),
      };
    },
    rename: (from, to) => (log.push(`rename to ${basename(to)}`), layer.rename(from, to)),
    link: (from, to) => (log.push(`link to ${basename(to)}`), layer.link(from, to)),
    remove: (path) => (log.push(`remove ${basename(path)}`), layer.remove(path)),
    syncFolder: (folder) => (log.push("fsync of the folder"), layer.syncFolder(folder)),
  };
}
