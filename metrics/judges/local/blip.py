"""Networks of BLIP and BLIP-2: ImageReward and image-text matching."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import (
    AutoTokenizer,
    BertTokenizer,
    Blip2ForImageTextRetrieval,
    BlipTextConfig,
    BlipTextModel,
    BlipVisionConfig,
    BlipVisionModel,
)

from metrics.judges.interface import JudgeUnavailable, Outcome
from metrics.judges.local.base import Files, LocalOptions, Pictures, averaged, folder_of
from metrics.judges.local.pixels import clip_pixels, squashed_pixels

MEAN, DEVIATION = 0.16717362830052426, 1.0333394966054072
"""Of rewards in ImageReward's training, as its code has them."""
PLACES = {"imagereward": 35, "blip2-itm": 32}
"""Words beyond these are cut, as in training."""


class ImageReward:
    """BLIP reads the prompt with the picture in view; linear layers without activations on its first word, then the
    training's mean and deviation."""

    def __init__(self, files: Files, device: str, dtype: torch.dtype, options: LocalOptions) -> None:
        given = files["imagereward"]
        state: dict[str, Tensor] = torch.load(given["ImageReward.pt"], map_location="cpu", weights_only=True)
        settings = json.loads(given["med_config.json"].read_text())
        self.device, self.dtype = device, dtype
        self.tokenizer = BertTokenizer.from_pretrained(folder_of(files["bert-words"]), local_files_only=True)
        self.vision: Any = _vision(state)
        self.text: Any = _text(state, settings)
        for network in (self.vision, self.text):
            network.eval().requires_grad_(False).to(device, dtype)  # type: ignore[no-untyped-call]
        numbers = sorted({int(name.split(".")[2]) for name in state if name.startswith("mlp.layers.")})
        self.layers = [
            tuple(state[f"mlp.layers.{number}.{kind}"].float().to(device) for kind in ("weight", "bias"))
            for number in numbers
        ]

    def values(self, pictures: list[Pictures], prompts: list[str], rates: list[float]) -> list[Outcome]:
        counts = [len(each) for each in pictures]
        pixels = torch.cat([clip_pixels(each, self.vision.config.image_size) for each in pictures])
        seen = self.vision(pixel_values=pixels.to(self.device, self.dtype)).last_hidden_state
        words = self.tokenizer(
            [text for text, count in zip(prompts, counts, strict=True) for _ in range(count)],
            padding=True, truncation=True, max_length=PLACES["imagereward"], return_tensors="pt",
        ).to(self.device)  # fmt: skip
        found = self.text(
            input_ids=words.input_ids, attention_mask=words.attention_mask, encoder_hidden_states=seen
        ).last_hidden_state[:, 0].float()  # fmt: skip
        for weight, bias in self.layers:
            found = F.linear(found, weight, bias)
        return averaged("reward", ((found[:, 0] - MEAN) / DEVIATION).tolist(), counts)


class Blip2Matching:
    """The chance that BLIP-2's matching head gives to "they match": the second of its two outputs."""

    def __init__(self, files: Files, device: str, dtype: torch.dtype, options: LocalOptions) -> None:
        folder = folder_of(files["blip2-itm"])
        network: Any = Blip2ForImageTextRetrieval.from_pretrained(folder, local_files_only=True, dtype=dtype)
        self.network, self.device, self.dtype = network.eval().to(device), device, dtype
        self.tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)

    def values(self, pictures: list[Pictures], prompts: list[str], rates: list[float]) -> list[Outcome]:
        counts = [len(each) for each in pictures]
        size = self.network.config.vision_config.image_size
        pixels = torch.cat([squashed_pixels(each, size) for each in pictures]).to(self.device, self.dtype)
        words = self.tokenizer(
            [text for text, count in zip(prompts, counts, strict=True) for _ in range(count)],
            padding=True, truncation=True, max_length=PLACES["blip2-itm"], return_tensors="pt",
        ).to(self.device)  # fmt: skip
        ids, mask = words.input_ids, words.attention_mask
        if self.network.config.image_token_index is not None:
            # The network then takes as many places for the picture off the front of the words, though not of the mask.
            front = torch.ones(len(ids), self.network.config.num_query_tokens, dtype=ids.dtype, device=self.device)
            ids, mask = torch.cat([front, ids], dim=1), torch.cat([front, mask], dim=1)
        found = self.network(
            pixel_values=pixels, input_ids=ids, attention_mask=mask, use_image_text_matching_head=True
        ).logits_per_image.float()  # fmt: skip
        return averaged("match", found.softmax(-1)[:, 1].tolist(), counts)


def _vision(state: Mapping[str, Tensor]) -> BlipVisionModel:
    """From the names of timm; sizes are read from the weights, heads are 64 wide."""
    theirs = "blip.visual_encoder."
    patch = state[f"{theirs}patch_embed.proj.weight"]
    width, depth = len(patch), _depth(state, f"{theirs}blocks.")
    side = round((state[f"{theirs}pos_embed"].shape[1] - 1) ** 0.5)
    config = BlipVisionConfig(
        hidden_size=width, num_hidden_layers=depth, num_attention_heads=width // 64, patch_size=patch.shape[-1],
        intermediate_size=len(state[f"{theirs}blocks.0.mlp.fc1.weight"]), image_size=side * patch.shape[-1],
        layer_norm_eps=1e-6, hidden_act="gelu",
    )  # fmt: skip
    found = {
        "embeddings.class_embedding": state[f"{theirs}cls_token"],
        "embeddings.position_embedding": state[f"{theirs}pos_embed"],
    }
    same = {"norm1": "layer_norm1", "norm2": "layer_norm2", "attn.qkv": "self_attn.qkv",
            "attn.proj": "self_attn.projection", "mlp.fc1": "mlp.fc1", "mlp.fc2": "mlp.fc2"}  # fmt: skip
    for kind in ("weight", "bias"):
        found[f"embeddings.patch_embedding.{kind}"] = state[f"{theirs}patch_embed.proj.{kind}"]
        found[f"post_layernorm.{kind}"] = state[f"{theirs}norm.{kind}"]
        for number in range(depth):
            for name, ours in same.items():
                found[f"encoder.layers.{number}.{ours}.{kind}"] = state[f"{theirs}blocks.{number}.{name}.{kind}"]
    network = BlipVisionModel(config)
    network.load_state_dict({name: each.float() for name, each in found.items()})
    return network


def _text(state: Mapping[str, Tensor], settings: Mapping[str, Any]) -> BlipTextModel:
    """From its own names, which transformers kept. Raises JudgeUnavailable for a checkpoint with other places."""
    theirs = "blip.text_encoder."
    config = BlipTextConfig(
        vocab_size=len(state[f"{theirs}embeddings.word_embeddings.weight"]),
        hidden_size=settings["hidden_size"],
        intermediate_size=settings["intermediate_size"],
        num_hidden_layers=settings["num_hidden_layers"],
        num_attention_heads=settings["num_attention_heads"],
        max_position_embeddings=settings["max_position_embeddings"],
        layer_norm_eps=settings["layer_norm_eps"],
        encoder_hidden_size=state[f"{theirs}encoder.layer.0.crossattention.self.key.weight"].shape[1],
        is_decoder=True,  # here: with the picture in view; no word is hidden from another
        bos_token_id=None, sep_token_id=None,
    )  # fmt: skip
    network = BlipTextModel(config, add_pooling_layer=False)
    given = {
        name.removeprefix(theirs): each.float()
        for name, each in state.items()
        if name.startswith(theirs) and not name.endswith("position_ids")
    }
    missing, unexpected = network.load_state_dict(given, strict=False)
    if lacking := [*missing, *unexpected]:
        raise JudgeUnavailable(f"imagereward: its checkpoint and med_config.json do not fit: {', '.join(lacking[:3])}")
    return network


def _depth(state: Mapping[str, Tensor], before: str) -> int:
    return len({name.removeprefix(before).split(".")[0] for name in state if name.startswith(before)})
