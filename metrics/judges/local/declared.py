"""The local judges as they declare themselves: what they answer, of which weights, on which frames. Loads no torch."""

from __future__ import annotations

from metrics.judges.local.base import Local

CLIP_PIXELS = "shorter side to the network's size by Pillow's bicubic, middle square; text cut to the network's places"


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
    """About 1 to 10 for beauty, the prompt unread: linear layers without activations on the picture's embedding of
    CLIP ViT-L/14 (Schuhmann, 2022, improved aesthetic predictor)."""

    name = "laion-aesthetic"
    engine = "metrics.judges.local.clip:LaionAesthetic"
    weights = ("laion-aesthetic", "clip-l14")
    natives = ("aesthetic",)
    aspects = {"beauty": {"aesthetic": 1.0}}
    needs_prompt = False
    preprocessing = CLIP_PIXELS
