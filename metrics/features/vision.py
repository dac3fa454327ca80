"""Transformers as feature extractors: CLIP, SigLIP, DINOv2, VideoMAE, V-JEPA 2, by `transformers`; no downloads.

Pictures come as (N, 3, H, W) and clips as (N, 3, T, H, W), scaled as each network's definition says.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import (
    CLIPVisionModelWithProjection,
    Dinov2Model,
    SiglipVisionModel,
    VideoMAEConfig,
    VideoMAEModel,
    VJEPA2ForVideoClassification,
)

from metrics.features import EXTRACTORS

Files = Mapping[str, Path]


class ClipImage(nn.Module):
    """CLIP's image embedding brought to length 1 (Radford et al., 2021), as CMMD takes it (Jayasumana et al., 2024)."""

    def __init__(self, network: CLIPVisionModelWithProjection) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> Tensor:
        return F.normalize(self.network(pixel_values=pictures).image_embeds, dim=-1)


class ClassToken(nn.Module):
    """DINOv2's class token after the last normalisation (Oquab et al., 2023), as dgm-eval takes it."""

    def __init__(self, network: Dinov2Model) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> Tensor:
        token: Tensor = self.network(pixel_values=pictures).last_hidden_state[:, 0]
        return token


class PooledPicture(nn.Module):
    """SigLIP's embedding of a picture, pooled by attention (Zhai et al., 2023)."""

    def __init__(self, network: SiglipVisionModel) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> Tensor:
        found: Tensor = self.network(pixel_values=pictures).pooler_output
        return found


class MeanToken(nn.Module):
    """The mean of VideoMAE's tokens, normalised (ε 1e-6): what its classifier sees (Wang et al., 2023)."""

    def __init__(self, network: VideoMAEModel) -> None:
        super().__init__()
        self.network = network
        self.fc_norm = nn.LayerNorm(network.config.hidden_size, eps=1e-6)

    def forward(self, clips: Tensor) -> Tensor:
        tokens = self.network(pixel_values=clips.transpose(1, 2)).last_hidden_state
        found: Tensor = self.fc_norm(tokens.mean(1))
        return found


class Pooled(nn.Module):
    """The attentive pooler of V-JEPA 2's classifier (Assran et al., 2025)."""

    def __init__(self, network: VJEPA2ForVideoClassification) -> None:
        super().__init__()
        self.network = network

    def forward(self, clips: Tensor) -> Tensor:
        tokens = self.network.vjepa2(pixel_values_videos=clips.transpose(1, 2), skip_predictor=True).last_hidden_state
        found: Tensor = self.network.pooler(tokens)
        return found


def load_clip(files: Files) -> nn.Module:
    return ClipImage(_local(CLIPVisionModelWithProjection, files))


def load_dinov2(files: Files) -> nn.Module:
    network = _local(Dinov2Model, files)
    table = network.embeddings.position_embeddings
    wanted = EXTRACTORS["dinov2"].size // network.config.patch_size
    network.embeddings.position_embeddings = nn.Parameter(dinov2_places(table.detach(), wanted), requires_grad=False)
    return ClassToken(network)


def dinov2_places(table: Tensor, wanted: int) -> Tensor:
    """The class token's place and those of wanted² patches, stretched as its authors' hub does it: bicubic, by
    (wanted + 0.1) / side, where transformers stretches by wanted / side, which gives other features.
    """
    side = round((table.shape[1] - 1) ** 0.5)
    if side == wanted:
        return table
    square = table[:, 1:].transpose(1, 2).reshape(1, -1, side, side)
    fitting = F.interpolate(square, scale_factor=((wanted + 0.1) / side,) * 2, mode="bicubic")
    return torch.cat([table[:, :1], fitting.flatten(2).transpose(1, 2)], 1)


def load_siglip(files: Files) -> nn.Module:
    return PooledPicture(_local(SiglipVisionModel, files))


def load_vjepa2(files: Files) -> nn.Module:
    return Pooled(_local(VJEPA2ForVideoClassification, files))


def load_videomae(files: Files) -> nn.Module:
    """The published ViT-g of 16 frames, fine-tuned on Something-Something v2: what cd-fvd takes (Ge et al., 2024)."""
    (path,) = files.values()
    state = torch.load(path, map_location="cpu", weights_only=True)
    config = VideoMAEConfig(
        image_size=224,
        patch_size=14,
        num_frames=16,
        tubelet_size=2,
        hidden_size=1408,
        num_hidden_layers=40,
        num_attention_heads=16,
        intermediate_size=6144,
        layer_norm_eps=1e-6,
    )
    return videomae_of(state.get("module", state), config)


def videomae_of(state: Mapping[str, Tensor], config: VideoMAEConfig) -> MeanToken:
    """The network, its weights under the names that their authors gave them."""
    network = MeanToken(VideoMAEModel(config))
    given = {
        "embeddings.patch_embeddings.projection.weight": state["patch_embed.proj.weight"],
        "embeddings.patch_embeddings.projection.bias": state["patch_embed.proj.bias"],
    }
    same = {
        "norm1": "layernorm_before",
        "norm2": "layernorm_after",
        "attn.proj": "attention.output.dense",
        "mlp.fc1": "intermediate.dense",
        "mlp.fc2": "output.dense",
    }
    for number in range(config.num_hidden_layers):
        theirs, ours = f"blocks.{number}.", f"encoder.layer.{number}."
        for name, called in same.items():
            for kind in ("weight", "bias"):
                given[f"{ours}{called}.{kind}"] = state[f"{theirs}{name}.{kind}"]
        for name, part in zip(("query", "key", "value"), state[f"{theirs}attn.qkv.weight"].chunk(3), strict=True):
            given[f"{ours}attention.attention.{name}.weight"] = part
        given[f"{ours}attention.attention.query.bias"] = state[f"{theirs}attn.q_bias"]
        given[f"{ours}attention.attention.value.bias"] = state[f"{theirs}attn.v_bias"]
    network.network.load_state_dict(given)
    network.fc_norm.load_state_dict({kind: state[f"fc_norm.{kind}"] for kind in ("weight", "bias")})
    return network


def _local(network: Any, files: Files) -> Any:
    """From the folder in which the files lie; float32, and never from elsewhere."""
    (folder,) = {path.parent for path in files.values()}
    return network.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
