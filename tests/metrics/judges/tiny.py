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


SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>",
           "<|video_pad|>")  # fmt: skip


def save_spoken_words(folder, special=SPECIAL, words=("Yes",)):
    """A tokenizer of single bytes, with a few words of its own; returns how many tokens it has."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: number for number, letter in enumerate(letters)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(each, special=True) for each in special])
    tokenizer.add_tokens([AddedToken(each, normalized=False) for each in words])
    whole = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=special[2], pad_token=special[0], model_max_length=100_000
    )
    whole.save_pretrained(folder)
    return len(whole)


def qwen_config(kind, vocabulary, number):
    """number: token → its number."""
    from transformers import Qwen2_5_VLConfig, Qwen2VLConfig, Qwen3VLConfig

    text = {
        "vocab_size": vocabulary, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
        "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 20_000,
        "bos_token_id": number("<|endoftext|>"), "eos_token_id": number("<|im_end|>"),
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3]},
    }  # fmt: skip
    tokens = {
        "image_token_id": number("<|image_pad|>"), "video_token_id": number("<|video_pad|>"),
        "vision_start_token_id": number("<|vision_start|>"), "vision_end_token_id": number("<|vision_end|>"),
    }  # fmt: skip
    if kind == "qwen2":
        vision = {"depth": 2, "embed_dim": 32, "hidden_size": 32, "num_heads": 2, "mlp_ratio": 2}
        return Qwen2VLConfig(text_config=text, vision_config=vision, **tokens)
    if kind == "qwen2.5":
        vision = {"depth": 2, "hidden_size": 32, "out_hidden_size": 32, "num_heads": 2, "intermediate_size": 48,
                  "fullatt_block_indexes": [1]}  # fmt: skip
        return Qwen2_5_VLConfig(text_config=text, vision_config=vision, **tokens)
    vision = {"depth": 2, "hidden_size": 32, "out_hidden_size": 32, "num_heads": 2, "intermediate_size": 48,
              "deepstack_visual_indexes": [0], "num_position_embeddings": 16}  # fmt: skip
    return Qwen3VLConfig(text_config=text | {"head_dim": 16}, vision_config=vision, **tokens)
