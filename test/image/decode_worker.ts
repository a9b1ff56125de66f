/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/** Decodes the files that it is sent and answers with their pictures. */
import { decodeImage } from "../../lib/image/mod.ts";

self.onmessage = async ({ data }: MessageEvent<Uint8Array[]>) => {
  self.postMessage(await Promise.all(data.map((bytes) => decodeImage(bytes))));
};
