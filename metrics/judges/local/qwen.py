"""Judges on Qwen's vision-language models: VQAScore, the reward heads of HPSv3 and VideoReward, and spoken scores.

Words and patches are put together here, not by a processor, so that the same clip gives the same tensors whatever is
installed beside transformers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F
from transformers import AutoConfig, AutoModelForImageTextToText, AutoTokenizer, Qwen2VLModel

from metrics.judges.interface import JudgeUnavailable, Outcome
from metrics.judges.local import answers, prompts
from metrics.judges.local.base import Files, LocalOptions, Pictures, averaged, folder_of
from metrics.judges.local.pixels import qwen_patches, qwen_size, resized

IMAGE_PIXELS = (56 * 56, 28 * 28 * 1280)
VIDEO_PIXELS = (128 * 28 * 28, 768 * 28 * 28)
REWARD_PIXELS = (256 * 28 * 28, 256 * 28 * 28)
VIDEO_REWARD_PIXELS = (128 * 28 * 28, 448 * 448)
"""Least and most pixels of a picture: of images, of a video's frames (as Qwen's own loader has them), of HPSv3, of
VideoReward."""


@dataclass(frozen=True)
class Seen:
    """Pictures as one medium: an image for itself, or frames of a video of so many a second."""

    kind: str
    pictures: Pictures
    rate: float = 0.0


class Words:
    """A tokenizer with a network's vision settings: questions about pictures → tensors, padded on the right."""

    def __init__(self, folder: Path, config: Any, extra: Sequence[str] = ()) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        if extra:
            self.tokenizer.add_special_tokens({"additional_special_tokens": list(extra)})
        self.newer = config.model_type.startswith("qwen3")
        vision = config.vision_config
        self.patch, self.merge, self.together = (
            vision.patch_size, vision.spatial_merge_size, vision.temporal_patch_size,
        )  # fmt: skip
        self.pace = float(getattr(vision, "tokens_per_second", 0) or 0)
        self.extra = [self.number(token) for token in extra]
        pad = self.tokenizer.pad_token_id
        self.pad = int(pad if pad is not None else self.tokenizer.eos_token_id)

    def number(self, token: str) -> int:
        found = self.tokenizer.convert_tokens_to_ids(token)
        if not isinstance(found, int) or found == self.tokenizer.unk_token_id:
            raise JudgeUnavailable(f"its tokenizer has no {token}: this is no Qwen model for pictures")
        return found

    def batch(
        self, asked: Sequence[tuple[Sequence[Seen], str]], pixels: tuple[int, int], device: str
    ) -> dict[str, Any]:
        """input_ids, attention_mask, mm_token_type_ids (n, L), and patches and grids of images and videos."""
        rows, kinds = [], []
        found: dict[str, list[Any]] = {"image": [], "video": [], "image_grid": [], "video_grid": [], "seconds": []}
        for media, question in asked:
            text = "" if self.newer else "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
            text += "<|im_start|>user\n"
            for each in media:
                text += self._medium(each, pixels, found)
            row = self.tokenizer(
                f"{text}{question}<|im_end|>\n<|im_start|>assistant\n", add_special_tokens=False
            ).input_ids
            rows.append(torch.tensor(row))
        kinds = [self.number("<|image_pad|>"), self.number("<|video_pad|>")]
        ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=self.pad)
        length = torch.tensor([len(row) for row in rows])
        mask = (torch.arange(ids.shape[1])[None] < length[:, None]).long()
        batch: dict[str, Any] = {
            "input_ids": ids,
            "attention_mask": mask,
            "mm_token_type_ids": (ids == kinds[0]).int() + 2 * (ids == kinds[1]).int(),
        }
        if found["image"]:
            batch |= {"pixel_values": torch.cat(found["image"]), "image_grid_thw": torch.tensor(found["image_grid"])}
        if found["video"]:
            batch["pixel_values_videos"] = torch.cat(found["video"])
            batch["video_grid_thw"] = torch.tensor(found["video_grid"])
            if not self.newer:
                batch["second_per_grid_ts"] = torch.tensor(found["seconds"])
        return {name: each.to(device) for name, each in batch.items()}

    def _medium(self, seen: Seen, pixels: tuple[int, int], found: dict[str, list[Any]]) -> str:
        factor = self.patch * self.merge
        height, width = seen.pictures.shape[1:3]
        tall, wide = qwen_size(height, width, factor, *pixels)
        apart = self.together / seen.rate if seen.rate else 1.0
        scaled_time = seen.kind == "video" and not self.newer and self.pace
        last = int((-(-len(seen.pictures) // self.together) - 1) * self.pace * apart)
        # transformers 5 puts what follows a video behind its picture's places, 4.45 behind those of time as well.
        if scaled_time and last >= max(tall, wide) // factor:
            raise ValueError(
                f"{len(seen.pictures)} frames of {width}×{height} last too long: this release of transformers "
                "would place the words after them otherwise than the model was trained"
            )
        pictures = resized(seen.pictures, tall, wide)
        patches, grid = qwen_patches(
            pictures, self.patch, self.merge, self.together, "2x/255-1" if self.newer else "clip"
        )
        found[seen.kind].append(patches)
        found[f"{seen.kind}_grid"].append(grid)
        found["seconds"] += [apart] if seen.kind == "video" else []
        steps, tokens = grid[0], grid[1] * grid[2] // self.merge**2
        if seen.kind == "video" and self.newer:
            at = [(step * self.together + (self.together - 1) / 2) / (seen.rate or 1.0) for step in range(steps)]
            return "".join(
                f"<{each:.1f} seconds><|vision_start|>{'<|video_pad|>' * tokens}<|vision_end|>" for each in at
            )
        return f"<|vision_start|>{f'<|{seen.kind}_pad|>' * (steps * tokens)}<|vision_end|>"


class Speaking:
    """A whole Qwen-VL model: next-token chances and generated answers."""

    def __init__(self, files: Files, device: str, dtype: torch.dtype, options: LocalOptions) -> None:
        (folder,) = {folder_of(each) for each in files.values()}
        self.device, self.options = device, options
        network: Any = AutoModelForImageTextToText.from_pretrained(folder, local_files_only=True, dtype=dtype)
        self.network = network.eval().to(device)
        self.words = Words(folder, self.network.config)

    def answer(self, media: Sequence[Seen], question: str, pixels: tuple[int, int], most: int) -> str:
        """At most `most` tokens, greedily, or drawn with the options' temperature and seed."""
        batch = self._given(self.words.batch([(media, question)], pixels, self.device))
        temperature = getattr(self.options, "temperature", 0.0)
        how = (
            {"do_sample": True, "temperature": temperature, "top_p": 1.0, "top_k": 0}
            if temperature
            else {"do_sample": False}
        )
        with torch.random.fork_rng(devices=[self.device] if self.device == "cuda" else []):
            torch.manual_seed(getattr(self.options, "seed", 0))
            found = self.network.generate(
                **batch, max_new_tokens=most, eos_token_id=self.words.number("<|im_end|>"),
                pad_token_id=self.words.pad, **how,
            )  # fmt: skip
        told = self.words.tokenizer.decode(found[0, batch["input_ids"].shape[1] :], skip_special_tokens=True)
        return str(told)

    def _given(self, batch: dict[str, Any]) -> dict[str, Any]:
        kind = self.network.config.model_type
        return {name: each for name, each in batch.items() if name != "second_per_grid_ts" or kind == "qwen2_5_vl"}


class VqaScore(Speaking):
    """The chance of "Yes" as the first word of the answer to whether the picture shows the prompt."""

    def values(self, pictures: list[Pictures], prompts_: list[str], rates: list[float]) -> list[Outcome]:
        found = [self.chances(each, prompt) for each, prompt in zip(pictures, prompts_, strict=True)]
        return averaged("vqascore", [one for each in found for one in each], [len(each) for each in pictures])

    def chances(self, pictures: Pictures, prompt: str) -> list[float]:
        """Of each picture for itself."""
        yes = self.words.tokenizer("Yes", add_special_tokens=False).input_ids[0]
        asked = [([Seen("image", one[None])], prompts.VQASCORE.format(prompt=prompt)) for one in pictures]
        batch = self._given(self.words.batch(asked, IMAGE_PIXELS, self.device))
        last = batch["attention_mask"].sum(-1) - 1
        logits = self.network(**batch).logits[torch.arange(len(last)), last].float()
        found: list[float] = logits.softmax(-1)[:, yes].tolist()
        return found


class VideoScore2(Speaking):
    """Three scores spoken after a reasoning."""

    def values(self, pictures: list[Pictures], prompts_: list[str], rates: list[float]) -> list[Outcome]:
        most: int = getattr(self.options, "tokens", 1024)
        return [
            answers.video_score2(
                self.answer([Seen("video", each, rate)], prompts.VIDEO_SCORE2.format(prompt=prompt), VIDEO_PIXELS, most)
            )
            for each, prompt, rate in zip(pictures, prompts_, rates, strict=True)
        ]


class Unified(Speaking):
    """UnifiedReward 2.0: frames as so many images, then the question."""

    TOKENS = 256

    def values(self, pictures: list[Pictures], prompts_: list[str], rates: list[float]) -> list[Outcome]:
        return [
            answers.unified_point(self._told([each], prompts.unified_point(kind, prompt)), kind)
            for each, prompt in zip(pictures, prompts_, strict=True)
            for kind in ("video" if len(each) > 1 else "image",)
        ]

    def prefer(self, pairs: list[tuple[Pictures, Pictures]], prompts_: list[str]) -> list[Outcome]:
        return [
            answers.unified_pair(self._told(pair, prompts.unified_pair(kind, prompt)), kind)
            for pair, prompt in zip(pairs, prompts_, strict=True)
            for kind in ("video" if len(pair[0]) > 1 else "image",)
        ]

    def _told(self, clips: Sequence[Pictures], question: str) -> str:
        media = [Seen("image", one[None]) for each in clips for one in each]
        return self.answer(media, question, IMAGE_PIXELS, self.TOKENS)


class Reward:
    """A Qwen2-VL without its last layer, and a head read at special words.

    Positions are plain, 0, 1, 2 …, for words and patches alike, and not Qwen's own in three dimensions: with these the
    heads were trained (both projects' `forward` gives none, which meant plain ones in transformers 4.45)."""

    EXTRA: tuple[str, ...]
    BASE: str
    CHECKPOINT: str

    def __init__(self, files: Files, device: str, dtype: torch.dtype, options: LocalOptions) -> None:
        folder = folder_of(files[self.BASE])
        state = current_names(self.state(files[self.CHECKPOINT]))
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        config.text_config.vocab_size = len(state["language_model.embed_tokens.weight"])
        self.words = Words(folder, config, self.EXTRA)
        if max(self.words.extra) >= config.text_config.vocab_size:
            raise JudgeUnavailable(
                f"{self.CHECKPOINT} has {config.text_config.vocab_size} words, its tokenizer more: another revision?"
            )
        network: Any = Qwen2VLModel(config)
        heads = {name: each for name, each in state.items() if name.startswith("rm_head.")}
        rest = {name: each for name, each in state.items() if not name.startswith(("rm_head.", "lm_head."))}
        missing, unexpected = network.load_state_dict(rest, strict=False)
        if missing or unexpected or not heads:
            raise JudgeUnavailable(f"{self.CHECKPOINT} is no such checkpoint: {', '.join([*missing, *unexpected][:3])}")
        self.network, self.device = network.eval().requires_grad_(False).to(device, dtype), device
        numbers = sorted({name.rsplit(".", 1)[0] for name in heads})
        self.head = [
            (
                heads[f"{name}.weight"].float().to(device),
                heads[f"{name}.bias"].float().to(device) if f"{name}.bias" in heads else None,
            )
            for name in numbers
        ]

    def state(self, files: Mapping[str, Path]) -> dict[str, Tensor]:
        raise NotImplementedError

    def rewards(self, asked: Sequence[tuple[Sequence[Seen], str]], pixels: tuple[int, int]) -> Tensor:
        """The head's output at each special word: (clips, words, outputs)."""
        batch = self.words.batch(asked, pixels, self.device)
        batch.pop("mm_token_type_ids")
        batch.pop("second_per_grid_ts", None)
        ids = batch["input_ids"]
        plain = torch.arange(ids.shape[1], device=self.device).expand(3, *ids.shape)
        hidden = self.network(**batch, position_ids=plain).last_hidden_state.float()
        for number, (weight, bias) in enumerate(self.head):
            hidden = F.linear(F.relu(hidden) if number else hidden, weight, bias)
        places = torch.isin(ids, torch.tensor(self.words.extra, device=self.device))
        found: Tensor = hidden[places].reshape(len(ids), len(self.EXTRA), -1)
        return found


class Hpsv3(Reward):
    """μ and σ of one head read at <|Reward|>; each frame for itself."""

    EXTRA = ("<|Reward|>",)
    BASE, CHECKPOINT = "qwen2-vl-7b-words", "hpsv3"

    def state(self, files: Mapping[str, Path]) -> dict[str, Tensor]:
        (path,) = files.values()
        return load_file(path)

    def values(self, pictures: list[Pictures], prompts_: list[str], rates: list[float]) -> list[Outcome]:
        asked = [
            ([Seen("image", one[None])], prompts.HPSV3.format(prompt=prompt))
            for each, prompt in zip(pictures, prompts_, strict=True)
            for one in each
        ]
        found = torch.cat([self.rewards([each], REWARD_PIXELS)[:, 0] for each in asked])
        counts = [len(each) for each in pictures]
        sides = [averaged(name, found[:, n].tolist(), counts) for n, name in enumerate(("mu", "sigma"))]
        return [Outcome("ok", {**mu.values, **sigma.values}, raw=mu.raw) for mu, sigma in zip(*sides, strict=True)]


class VideoReward(Reward):
    """Visual quality, motion quality and alignment, each read at its own word, with the means and deviations of its
    training."""

    EXTRA = ("<|VQ_reward|>", "<|MQ_reward|>", "<|TA_reward|>")
    BASE, CHECKPOINT = "qwen2-vl-2b-words", "videoreward"

    def state(self, files: Mapping[str, Path]) -> dict[str, Tensor]:
        settings = json.loads(files["model_config.json"].read_text())
        try:
            given = settings["inference_config"]
            self.scale = [(given[f"{name}_mean"], given[f"{name}_std"]) for name in ("VQ", "MQ", "TA")]
        except KeyError as error:
            raise JudgeUnavailable(f"videoreward: its model_config.json has no {error}") from error
        (path,) = (each for name, each in files.items() if name.endswith(".pth"))
        lora = settings.get("peft_lora_config", {})
        state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
        return merged(state, lora.get("lora_alpha", 0) / lora["lora_r"] if lora.get("lora_r") else 0.0)

    def values(self, pictures: list[Pictures], prompts_: list[str], rates: list[float]) -> list[Outcome]:
        asked = [
            ([Seen("video", each, rate)], prompts.VIDEO_REWARD.format(prompt=prompt))
            for each, prompt, rate in zip(pictures, prompts_, rates, strict=True)
        ]
        found = self.rewards(asked, VIDEO_REWARD_PIXELS)
        own = found.diagonal(dim1=1, dim2=2) if found.shape[2] == 3 else found[:, :, 0]
        return [
            Outcome(
                "ok",
                {
                    name: (value - mean) / deviation
                    for name, value, (mean, deviation) in zip(("VQ", "MQ", "TA"), row, self.scale, strict=True)
                },
            )
            for row in own.tolist()
        ]


def merged(state: Mapping[str, Tensor], scale: float) -> dict[str, Tensor]:
    """A checkpoint of PEFT with its low-rank changes added in: W + scale · B A. Raises JudgeUnavailable without a scale
    for them."""
    plain = {}
    for name, value in state.items():
        if ".lora_" in name or ".original_module." in name:
            continue
        plain[name.replace(".base_layer.", ".").replace(".modules_to_save.default.", ".")] = value
    for name, down in state.items():
        if ".lora_A." not in name:
            continue
        if not scale:
            raise JudgeUnavailable(
                "the checkpoint has low-rank changes, and its model_config.json no lora_r and lora_alpha"
            )
        up = state[name.replace(".lora_A.", ".lora_B.")]
        target = name.split(".lora_A.")[0] + ".weight"
        plain[target] = (plain[target].float() + scale * up.float() @ down.float()).to(plain[target].dtype)
    return plain


def current_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights under the names that Qwen2VLModel has now: `visual.…` and `language_model.…`, whatever the release that
    saved them called them; head and last layer as they were."""
    found = {}
    for name, value in state.items():
        name = name.removeprefix("base_model.model.")
        name = name.removeprefix("model.")
        if not name.startswith(("visual.", "language_model.", "rm_head.", "lm_head.")):
            name = f"language_model.{name}"
        found[name] = value
    return found
