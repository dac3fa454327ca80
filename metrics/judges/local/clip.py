"""Networks of CLIP and its kin: CLIPScore, PickScore, HPSv2.1, LAION's aesthetic predictor."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

from metrics.judges.interface import JudgeUnavailable, Outcome
from metrics.judges.local.base import Files, LocalOptions, Pictures, averaged, folder_of
from metrics.judges.local.pixels import clip_pixels, padded_pixels


class ClipScore:
    """2.5 · max(cos, 0) with "A photo depicts " before the prompt."""

    native: ClassVar[str] = "clipscore"
    network_of: ClassVar[str] = "clip-b32"
    words_of: ClassVar[str] = "clip-b32"
    prefix: ClassVar[str] = "A photo depicts "

    def __init__(self, files: Files, device: str, dtype: torch.dtype, options: LocalOptions) -> None:
        self.device, self.dtype = device, dtype
        self.network = self.network_from(files).eval().to(device)
        if self.words_of:
            self.tokenizer = CLIPTokenizer.from_pretrained(folder_of(files[self.words_of]), local_files_only=True)

    def network_from(self, files: Files) -> Any:
        return CLIPModel.from_pretrained(folder_of(files[self.network_of]), local_files_only=True, dtype=self.dtype)

    def pixels(self, pictures: Pictures) -> Tensor:
        return clip_pixels(pictures, self.network.config.vision_config.image_size)

    def pictured(self, pictures: list[Pictures]) -> Tensor:
        """Image embeddings of length 1, one clip's after the other's: (pictures, D)."""
        pixels = torch.cat([self.pixels(each) for each in pictures]).to(self.device, self.dtype)
        return F.normalize(self.network.get_image_features(pixel_values=pixels).pooler_output.float(), dim=-1)

    def worded(self, prompts: list[str]) -> Tensor:
        """Text embeddings of length 1, (prompts, D)."""
        places = self.network.config.text_config.max_position_embeddings
        tokens = self.tokenizer(
            [self.prefix + each for each in prompts], padding=True, truncation=True, max_length=places,
            return_tensors="pt",
        ).to(self.device)  # fmt: skip
        found = self.network.get_text_features(input_ids=tokens.input_ids, attention_mask=tokens.attention_mask)
        return F.normalize(found.pooler_output.float(), dim=-1)

    def values(self, pictures: list[Pictures], prompts: list[str], rates: list[float]) -> list[Outcome]:
        counts = [len(each) for each in pictures]
        words = self.worded(prompts).repeat_interleave(torch.tensor(counts, device=self.device), dim=0)
        cosines = (self.pictured(pictures) * words).sum(-1)
        return averaged(self.native, self.of_cosines(cosines).tolist(), counts)

    def of_cosines(self, cosines: Tensor) -> Tensor:
        return 2.5 * cosines.clamp_min(0)


class PickScore(ClipScore):
    """exp(logit scale) · cos."""

    native, network_of, words_of, prefix = "pickscore", "pickscore", "clip-h-words", ""

    def of_cosines(self, cosines: Tensor) -> Tensor:
        scale: Tensor = self.network.logit_scale.float().exp()
        return scale * cosines


class Hpsv2(ClipScore):
    """100 · cos, of an open_clip checkpoint."""

    native, network_of, words_of, prefix = "hps", "hpsv2.1", "clip-h-words", ""

    def network_from(self, files: Files) -> Any:
        (path,) = files[self.network_of].values()
        state = torch.load(path, map_location="cpu", weights_only=True)
        network: Any = from_open_clip(state.get("state_dict", state))
        return network.to(self.dtype)

    def pixels(self, pictures: Pictures) -> Tensor:
        return padded_pixels(pictures, self.network.config.vision_config.image_size)

    def of_cosines(self, cosines: Tensor) -> Tensor:
        return 100 * cosines


class LaionAesthetic(ClipScore):
    """Linear layers, one after the other, on the picture's embedding of length 1."""

    native, network_of, words_of = "aesthetic", "clip-l14", ""

    def __init__(self, files: Files, device: str, dtype: torch.dtype, options: LocalOptions) -> None:
        super().__init__(files, device, dtype, options)
        (path,) = files["laion-aesthetic"].values()
        state = torch.load(path, map_location="cpu", weights_only=True)
        self.layers = [
            tuple(state[f"layers.{number}.{kind}"].float().to(device) for kind in ("weight", "bias"))
            for number in sorted({int(name.split(".")[1]) for name in state})
        ]
        wanted, given = self.layers[0][0].shape[1], self.network.config.projection_dim
        if wanted != given:
            raise JudgeUnavailable(f"laion-aesthetic: its head takes {wanted} numbers and clip-l14 gives {given}")

    def values(self, pictures: list[Pictures], prompts: list[str], rates: list[float]) -> list[Outcome]:
        found = self.pictured(pictures)
        for weight, bias in self.layers:
            found = F.linear(found, weight, bias)
        return averaged(self.native, found[:, 0].tolist(), [len(each) for each in pictures])


HEAD_WIDTH = {"vision": 80, "text": 64}
"""Of ViT-H/14 as open_clip has it: its checkpoint does not say."""


def from_open_clip(state: dict[str, Tensor]) -> CLIPModel:
    """A transformers network from open_clip's names; sizes are read from the weights. Raises ValueError for weights
    that leave a place empty."""
    patches = state["visual.conv1.weight"].shape[-1]
    side = round((len(state["visual.positional_embedding"]) - 1) ** 0.5)
    config = CLIPConfig(
        projection_dim=state["visual.proj"].shape[1],
        vision_config=_tower(state, "visual.transformer", "vision")
        | {"image_size": side * patches, "patch_size": patches},
        text_config=_tower(state, "transformer", "text")
        | {
            "vocab_size": len(state["token_embedding.weight"]),
            "max_position_embeddings": len(state["positional_embedding"]),
            "eos_token_id": 2,  # the old rule of transformers: the text ends at its highest token, as open_clip has it
        },
    )
    found = {
        "logit_scale": state["logit_scale"],
        "visual_projection.weight": state["visual.proj"].T,
        "text_projection.weight": state["text_projection"].T,
        "vision_model.embeddings.class_embedding": state["visual.class_embedding"],
        "vision_model.embeddings.patch_embedding.weight": state["visual.conv1.weight"],
        "vision_model.embeddings.position_embedding.weight": state["visual.positional_embedding"],
        "text_model.embeddings.token_embedding.weight": state["token_embedding.weight"],
        "text_model.embeddings.position_embedding.weight": state["positional_embedding"],
    }
    for theirs, ours in (
        ("visual.ln_pre", "vision_model.pre_layrnorm"),
        ("visual.ln_post", "vision_model.post_layernorm"),
        ("ln_final", "text_model.final_layer_norm"),
    ):
        found |= {f"{ours}.{kind}": state[f"{theirs}.{kind}"] for kind in ("weight", "bias")}
    same = {
        "ln_1": "layer_norm1",
        "ln_2": "layer_norm2",
        "mlp.c_fc": "mlp.fc1",
        "mlp.c_proj": "mlp.fc2",
        "attn.out_proj": "self_attn.out_proj",
    }
    for tower, place in (("visual.transformer", "vision_model"), ("transformer", "text_model")):
        for number in range(_layers(state, tower)):
            theirs, ours = f"{tower}.resblocks.{number}.", f"{place}.encoder.layers.{number}."
            for kind in ("weight", "bias"):
                for name, called in same.items():
                    found[f"{ours}{called}.{kind}"] = state[f"{theirs}{name}.{kind}"]
                for part, value in zip("qkv", state[f"{theirs}attn.in_proj_{kind}"].chunk(3), strict=True):
                    found[f"{ours}self_attn.{part}_proj.{kind}"] = value
    network = CLIPModel(config)
    missing, unexpected = network.load_state_dict({name: each.float() for name, each in found.items()}, strict=False)
    if lacking := [name for name in [*missing, *unexpected] if not name.endswith("position_ids")]:
        raise ValueError(f"this is no open_clip checkpoint of CLIP: {', '.join(lacking[:3])}")
    return network


def _layers(state: dict[str, Tensor], tower: str) -> int:
    return len({name.split("resblocks.")[1].split(".")[0] for name in state if name.startswith(f"{tower}.resblocks.")})


def _tower(state: dict[str, Tensor], tower: str, kind: str) -> dict[str, Any]:
    width = state[f"{tower}.resblocks.0.ln_1.weight"].shape[0]
    return {
        "hidden_size": width,
        "num_hidden_layers": _layers(state, tower),
        "num_attention_heads": width // HEAD_WIDTH[kind],
        "intermediate_size": state[f"{tower}.resblocks.0.mlp.c_fc.weight"].shape[0],
        "hidden_act": "gelu",
    }
