"""Tiny networks with random weights, saved in the formats that the real ones come in. No trained weights anywhere."""

import json
from dataclasses import replace

import numpy as np
import torch
from transformers import CLIPConfig, CLIPModel

from metrics import weights
from metrics.judges.interface import Shown
from tests.metrics.networks import seeded

RNG = np.random.default_rng(7)
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,:;?!'\"-()<>|_/*#[]{}"


def pictures(count=3, height=40, width=56, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def shown(prompt="a cat", count=3, height=40, width=56, fps=8.0, seed=0, kind="video"):
    frames = pictures(count, height, width, seed)
    return Shown(f"{seed:064d}", prompt, lambda: (frames, fps), kind)


def here(monkeypatch, folder, *names, files=None):
    """These weights' registered files are those that lie in the folder; recorded as checked."""
    for name in names:
        given = tuple(weights.File(file) for file in files) if files else weights.WEIGHTS[name].files
        monkeypatch.setitem(weights.WEIGHTS, name, replace(weights.WEIGHTS[name], files=given))
        weights.check(name, folder)


def save_clip_words(folder):
    """A tokenizer of CLIP with single letters; the two last ones are the start and the end."""
    folder.mkdir(parents=True, exist_ok=True)
    tokens = [*LETTERS, *(f"{letter}</w>" for letter in LETTERS), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return len(tokens)


def clip_network(vocabulary, width=160, words=128):
    return seeded(
        CLIPModel(
            CLIPConfig(
                projection_dim=24,
                vision_config={
                    "hidden_size": width,
                    "num_hidden_layers": 2,
                    "num_attention_heads": width // 80,
                    "intermediate_size": 48,
                    "image_size": 28,
                    "patch_size": 14,
                    "hidden_act": "gelu",
                },
                text_config={
                    "hidden_size": words,
                    "num_hidden_layers": 2,
                    "num_attention_heads": words // 64,
                    "intermediate_size": 48,
                    "vocab_size": vocabulary,
                    "max_position_embeddings": 20,
                    "hidden_act": "gelu",
                    "bos_token_id": vocabulary - 2,
                    "eos_token_id": vocabulary - 1,
                },
            )
        )
    )


def to_open_clip(network):
    """A state dict of open_clip from a network of transformers."""
    state, found = network.state_dict(), {}
    found["visual.conv1.weight"] = state["vision_model.embeddings.patch_embedding.weight"]
    found["visual.class_embedding"] = state["vision_model.embeddings.class_embedding"]
    found["visual.positional_embedding"] = state["vision_model.embeddings.position_embedding.weight"]
    found["visual.proj"] = state["visual_projection.weight"].T.contiguous()
    found["token_embedding.weight"] = state["text_model.embeddings.token_embedding.weight"]
    found["positional_embedding"] = state["text_model.embeddings.position_embedding.weight"]
    found["text_projection"] = state["text_projection.weight"].T.contiguous()
    found["logit_scale"] = state["logit_scale"]
    names = {
        "ln_1": "layer_norm1",
        "ln_2": "layer_norm2",
        "mlp.c_fc": "mlp.fc1",
        "mlp.c_proj": "mlp.fc2",
        "attn.out_proj": "self_attn.out_proj",
    }
    for kind in ("weight", "bias"):
        found[f"visual.ln_pre.{kind}"] = state[f"vision_model.pre_layrnorm.{kind}"]
        found[f"visual.ln_post.{kind}"] = state[f"vision_model.post_layernorm.{kind}"]
        found[f"ln_final.{kind}"] = state[f"text_model.final_layer_norm.{kind}"]
        for place, tower in (("vision_model", "visual.transformer"), ("text_model", "transformer")):
            for number in range(2):
                block = f"{tower}.resblocks.{number}"
                layer = f"{place}.encoder.layers.{number}"
                for theirs, ours in names.items():
                    found[f"{block}.{theirs}.{kind}"] = state[f"{layer}.{ours}.{kind}"]
                found[f"{block}.attn.in_proj_{kind}"] = torch.cat(
                    [state[f"{layer}.self_attn.{part}_proj.{kind}"] for part in "qkv"]
                )
    return found
