"""The local judges as they declare themselves: what they answer, of which weights, on which frames. Loads no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from metrics.judges.interface import Outcome, Sampling, Shown, ShownPair
from metrics.judges.local.base import FrameOptions, Local, LocalOptions, Pictures

CLIP_PIXELS = "shorter side to the network's size by Pillow's bicubic, middle square; text cut to the network's places"
QWEN_PIXELS = "sides to multiples of the network's step by Pillow's bicubic, "


class ClipScore(Local):
    """2.5 · max(cos, 0) of CLIP ViT-B/32 with "A photo depicts " before the prompt (Hessel et al., 2021)."""

    name = "clipscore"
    engine = "metrics.judges.local.clip:ClipScore"
    weights = ("clip-b32",)
    natives = ("clipscore",)
    aspects = {"relevance": {"clipscore": 1.0}}
    preprocessing = CLIP_PIXELS


class PickScore(Local):
    """exp(logit scale) · cos of CLIP-H trained on people's choices (Kirstain et al., 2023, Pick-a-Pic)."""

    name = "pickscore"
    engine = "metrics.judges.local.clip:PickScore"
    weights = ("pickscore", "clip-h-words")
    natives = ("pickscore",)
    aspects = {"preference": {"pickscore": 1.0}}
    preprocessing = CLIP_PIXELS


class Hpsv2(Local):
    """100 · cos of CLIP-H trained on people's rankings (Wu et al., 2023, HPS v2.1), from its open_clip checkpoint."""

    name = "hpsv2.1"
    engine = "metrics.judges.local.clip:Hpsv2"
    weights = ("hpsv2.1", "clip-h-words")
    natives = ("hps",)
    aspects = {"preference": {"hps": 1.0}}
    preprocessing = (
        "longer side to the network's size by torch's antialiased bicubic on tensors, black around; text cut"
    )


class LaionAesthetic(Local):
    """About 1 to 10 for beauty, the prompt unread, by a head on CLIP ViT-L/14 (Schuhmann, 2022)."""

    name = "laion-aesthetic"
    engine = "metrics.judges.local.clip:LaionAesthetic"
    weights = ("laion-aesthetic", "clip-l14")
    natives = ("aesthetic",)
    aspects = {"beauty": {"aesthetic": 1.0}}
    needs_prompt = False
    preprocessing = CLIP_PIXELS


class VqaOptions(FrameOptions):
    model: Literal["qwen2.5-vl-3b", "qwen2.5-vl-7b", "qwen3-vl-8b"] = "qwen2.5-vl-7b"


class VqaScore(Local):
    """The chance of "Yes" to whether the picture shows the prompt (Lin et al., 2024, VQAScore), by a Qwen-VL."""

    Options = VqaOptions
    name = "vqascore"
    engine = "metrics.judges.local.qwen:VqaScore"
    weights = ("qwen2.5-vl-7b",)
    natives = ("vqascore",)
    aspects = {"relevance": {"vqascore": 1.0}}
    preprocessing = QWEN_PIXELS + "3136 to 1003520 pixels"

    @property
    def names(self) -> tuple[str, ...]:
        return (getattr(self.options, "model", self.weights[0]),)


class Hpsv3(Local):
    """μ and σ of people's preference, by a head on Qwen2-VL-7B (Ma et al., 2025)."""

    name = "hpsv3"
    engine = "metrics.judges.local.qwen:Hpsv3"
    weights = ("hpsv3", "qwen2-vl-7b-words")
    natives = ("mu", "sigma")
    aspects = {"preference": {"mu": 1.0}}
    preprocessing = QWEN_PIXELS + "200704 pixels; plain positions"


class _Video(Local):
    """Frames at 2 a second, an even number of them and 4 at least, as Qwen's own loader takes them."""

    Options = LocalOptions
    media = ("video",)
    per_frame = False
    RATE = 2.0

    @property
    def sampling(self) -> Sampling:
        return Sampling(kind="rate", value=self.RATE)

    def seen(self, clip: Shown) -> tuple[Pictures, float]:
        frames, fps = clip.read()
        count = len(frames)
        if count < 2:
            raise ValueError(f"{clip.called or 'the clip'} has one frame: {self.name} judges videos")
        wanted = min(max(4.0, count / fps * self.RATE), count)
        number = max(2, int(wanted // 2) * 2)
        chosen = np.linspace(0, count - 1, number).round().astype(int)
        return frames[chosen], number / count * fps


class VideoReward(_Video):
    """Visual quality, motion quality and alignment, z-scored, by heads on Qwen2-VL-2B (Liu et al., 2025)."""

    name = "videoreward"
    engine = "metrics.judges.local.qwen:VideoReward"
    weights = ("videoreward", "qwen2-vl-2b-words")
    natives = ("VQ", "MQ", "TA")
    aspects = {
        "beauty": {"VQ": 1.0},
        "softness": {"MQ": 1.0},
        "movement": {"MQ": 1.0},
        "consistency": {"MQ": 1.0},
        "defects": {"VQ": 1.0},
        "relevance": {"TA": 1.0},
        "preference": {"VQ": 1.0, "MQ": 1.0, "TA": 1.0},
    }
    preprocessing = QWEN_PIXELS + "100352 to 200704 pixels, 2 frames together; plain positions"
    max_batch = 1


class SpokenOptions(LocalOptions):
    temperature: float = Field(default=0.7, ge=0, le=2, description="0: the likeliest words")
    seed: int = 0
    tokens: int = Field(default=1024, ge=16, le=4096)


class VideoScore2(_Video):
    """Visual quality, alignment and physics from 1 to 5, spoken by a Qwen2.5-VL-7B (He et al., 2025)."""

    Options = SpokenOptions
    name = "videoscore2"
    engine = "metrics.judges.local.qwen:VideoScore2"
    weights = ("videoscore2",)
    natives = ("visual", "alignment", "physical")
    aspects = {
        "beauty": {"visual": 1.0},
        "consistency": {"physical": 1.0},
        "defects": {"visual": 0.5, "physical": 0.5},
        "relevance": {"alignment": 1.0},
        "preference": {"visual": 1 / 3, "alignment": 1 / 3, "physical": 1 / 3},
    }
    preprocessing = QWEN_PIXELS + "100352 to 602112 pixels, 2 frames together"
    max_batch = 1
    deterministic = False


class UnifiedOptions(FrameOptions):
    model: Literal["2b", "4b", "8b", "32b"] = "8b"


class UnifiedPoint(Local):
    """Alignment, coherence or physics, and style from 1 to 5, spoken by UnifiedReward 2.0 on Qwen3-VL."""

    Options = UnifiedOptions
    name = "unifiedreward"
    engine = "metrics.judges.local.qwen:Unified"
    weights = ("unifiedreward-8b",)
    natives: ClassVar[tuple[str, ...]] = ("alignment", "coherence", "physics", "style", "mean")
    aspects: ClassVar[dict[str, dict[str, float]]] = {
        "beauty": {"style": 1.0},
        "movement": {"physics": 1.0},
        "consistency": {"coherence": 1.0},
        "relevance": {"alignment": 1.0},
        "preference": {"mean": 1.0},
    }
    preprocessing = QWEN_PIXELS + "3136 to 1003520 pixels, a video's frames as so many images"
    per_frame = False
    max_batch = 1

    @property
    def names(self) -> tuple[str, ...]:
        return (f"unifiedreward-{getattr(self.options, 'model', '8b')}",)


class UnifiedPair(UnifiedPoint):
    """Two clips against each other, each axis shared out between them; asked in both orders."""

    name = "unifiedreward-pair"
    mode = "pairwise"
    natives = ("alignment", "coherence", "style", "mean")
    aspects = {
        "beauty": {"style": 1.0},
        "consistency": {"coherence": 1.0},
        "defects": {"coherence": 1.0},
        "relevance": {"alignment": 1.0},
        "preference": {"mean": 1.0},
    }

    def prefer(self, pairs: Sequence[ShownPair]) -> list[Outcome]:
        import torch

        seen = [(self.seen(pair.first)[0], self.seen(pair.second)[0]) for pair in pairs]
        running: Any = self.ready()
        with torch.inference_mode():
            found: list[Outcome] = running.prefer(seen, [pair.first.prompt for pair in pairs])
        return found


class ImageReward(Local):
    """A reward of the picture for the prompt, by BLIP and a head (Xu et al., 2023)."""

    name = "imagereward"
    engine = "metrics.judges.local.blip:ImageReward"
    weights = ("imagereward", "bert-words")
    natives = ("reward",)
    aspects = {"preference": {"reward": 1.0}}
    preprocessing = CLIP_PIXELS + ", 35 words"


class Blip2Matching(Local):
    """The chance that picture and prompt match, by BLIP-2's matching head (Li et al., 2023)."""

    name = "blip2-itm"
    engine = "metrics.judges.local.blip:Blip2Matching"
    weights = ("blip2-itm",)
    natives = ("match",)
    aspects = {"relevance": {"match": 1.0}}
    preprocessing = "squashed to the network's size by Pillow's bicubic; 32 words"


class LlavaVqaScore(Local):
    """The chance of "Yes" to whether the picture shows the prompt (Lin et al., 2024), by LLaVA-1.5."""

    name = "llava-vqascore"
    engine = "metrics.judges.local.others:LlavaVqaScore"
    weights = ("llava-1.5-7b",)
    natives = ("vqascore",)
    aspects = {"relevance": {"vqascore": 1.0}}
    preprocessing = "CLIP's mean colour around to a square, to the network's size by Pillow's bicubic"


class VideoScoreOptions(LocalOptions):
    frames: int = Field(default=16, ge=2, le=48, description="of a video, evenly spread")
    model: Literal["videoscore", "videoscore-v1.1"] = "videoscore"


class VideoScore(Local):
    """Looks, time, dynamics, alignment and facts from 1 to 4, by a regression on Idefics2 (He et al., 2024)."""

    Options = VideoScoreOptions
    name = "videoscore"
    engine = "metrics.judges.local.others:VideoScore"
    weights = ("videoscore",)
    media = ("video",)
    per_frame = False
    max_batch = 1
    natives = ("visual", "temporal", "dynamic", "t2v", "factual")
    aspects = {
        "beauty": {"visual": 1.0},
        "softness": {"temporal": 1.0},
        "movement": {"dynamic": 1.0},
        "consistency": {"temporal": 0.5, "factual": 0.5},
        "defects": {"visual": 0.5, "factual": 0.5},
        "relevance": {"t2v": 1.0},
        "preference": {"visual": 0.2, "temporal": 0.2, "dynamic": 0.2, "t2v": 0.2, "factual": 0.2},
    }
    preprocessing = "longer side 980 at most, either one 378 at least, by Pillow's bilinear"

    @property
    def names(self) -> tuple[str, ...]:
        return (getattr(self.options, "model", "videoscore"),)
