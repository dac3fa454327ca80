"""LLaVA's answers to yes-or-no questions, and VideoScore's regression on Idefics2."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F
from transformers import AutoConfig, AutoTokenizer, Idefics2Model, LlavaForConditionalGeneration

from metrics.features.resizing import scaled, tensor_of
from metrics.judges.interface import JudgeUnavailable, Outcome
from metrics.judges.local import prompts
from metrics.judges.local.base import Files, LocalOptions, Pictures, averaged, folder_of
from metrics.judges.local.pixels import idefics_pictures, resized

MEAN_COLOUR = (122, 116, 104)
"""CLIP's mean, in whole levels, around pictures that are not square, as LLaVA-1.5 was trained."""


class LlavaVqaScore:
    """The chance of "Yes" as the first word of LLaVA-1.5's answer to whether the picture shows the prompt."""

    def __init__(self, files: Files, device: str, dtype: torch.dtype, options: LocalOptions) -> None:
        (folder,) = {folder_of(each) for each in files.values()}
        network: Any = LlavaForConditionalGeneration.from_pretrained(folder, local_files_only=True, dtype=dtype)
        self.network, self.device, self.dtype = network.eval().to(device), device, dtype
        self.tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        vision = network.config.vision_config
        self.size, self.places = vision.image_size, (vision.image_size // vision.patch_size) ** 2

    def pixels(self, pictures: Pictures) -> Tensor:
        count, height, width = pictures.shape[:3]
        side = max(height, width)
        square = np.empty((count, side, side, 3), dtype=np.uint8)
        square[:] = MEAN_COLOUR
        top, left = (side - height) // 2, (side - width) // 2
        square[:, top : top + height, left : left + width] = pictures
        return scaled(tensor_of(resized(square, self.size, self.size)), "clip")

    def values(self, pictures: list[Pictures], prompts_: list[str], rates: list[float]) -> list[Outcome]:
        yes = self.tokenizer("Yes", add_special_tokens=False).input_ids[0]
        found: list[float] = []
        for each, prompt in zip(pictures, prompts_, strict=True):
            question = f"USER: {'<image>' * self.places}\n{prompts.VQASCORE.format(prompt=prompt)} ASSISTANT:"
            ids = torch.tensor([self.tokenizer(question).input_ids] * len(each), device=self.device)
            pixels = self.pixels(each).to(self.device, self.dtype)
            logits = self.network(input_ids=ids, attention_mask=torch.ones_like(ids), pixel_values=pixels).logits
            found += logits[:, -1].float().softmax(-1)[:, yes].tolist()
        return averaged("vqascore", found, [len(each) for each in pictures])


class VideoScore:
    """Five numbers read at the last word, after the question and all frames."""

    NATIVES = ("visual", "temporal", "dynamic", "t2v", "factual")

    def __init__(self, files: Files, device: str, dtype: torch.dtype, options: LocalOptions) -> None:
        (folder,) = {folder_of(each) for each in files.values()}
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        state: dict[str, Tensor] = {}
        for path in sorted(folder.glob("model*.safetensors")):
            state |= load_file(path)
        index = folder / "model.safetensors.index.json"
        if index.is_file() and (lacking := set(json.loads(index.read_text())["weight_map"]) - set(state)):
            raise JudgeUnavailable(f"videoscore: a piece of its weights is not here: {min(lacking)} is in none")
        network: Any = Idefics2Model(config)
        given = {name.removeprefix("model."): each for name, each in state.items() if name.startswith("model.")}
        missing, unexpected = network.load_state_dict(given, strict=False)
        if missing or unexpected or "score.weight" not in state:
            raise JudgeUnavailable(f"videoscore is no such checkpoint: {', '.join([*missing, *unexpected][:3])}")
        self.network, self.device, self.dtype = network.eval().requires_grad_(False).to(device, dtype), device, dtype
        self.weight = state["score.weight"].to(device, dtype)
        self.bias = state["score.bias"].to(device, dtype) if "score.bias" in state else None
        self.tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self.latents = config.perceiver_config.resampler_n_latents

    def values(self, pictures: list[Pictures], prompts_: list[str], rates: list[float]) -> list[Outcome]:
        around = "<fake_token_around_image>"
        found = []
        for each, prompt in zip(pictures, prompts_, strict=True):
            image = f"{around}{'<image>' * self.latents}{around} "
            ids = self.tokenizer(
                prompts.VIDEO_SCORE.format(prompt=prompt) + image * len(each), return_tensors="pt"
            ).input_ids
            pixels = scaled(tensor_of(idefics_pictures(each)), "2x/255-1")[None].to(self.device, self.dtype)
            ids = ids.to(self.device)
            hidden = self.network(input_ids=ids, attention_mask=torch.ones_like(ids), pixel_values=pixels)
            told = F.linear(hidden.last_hidden_state[0, -1], self.weight, self.bias).float().tolist()
            found.append(Outcome("ok", dict(zip(self.NATIVES, told, strict=True))))
        return found
