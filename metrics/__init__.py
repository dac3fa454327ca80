"""What turns clips and votes into numbers: plain Python and NumPy, usable from a notebook.

Everything that plugs in stands here by name and dotted path; the code behind a name loads when it is used.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Metric:
    """One automatic measure: where its code lives ("package.module:name"), its unit, and which direction is good.

    `higher_is_better` is None where neither direction is. With `weights` (a name in `metrics.weights`) the code takes,
    after clip and rate, the network that `network` loads and the clip's prompt, or with `asks_tags` what the prompt's
    tags of these names say, a line each; `protocol` is what another value must share, weights among it.
    """

    path: str
    unit: str
    higher_is_better: bool | None
    weights: str = ""
    network: str = ""
    protocol: str = ""
    asks_text: bool = False
    asks_tags: tuple[str, ...] = ()

    def told(self, prompt: str, tags: Iterable[str]) -> str:
        """What of a prompt the measure is given; empty where it asks for nothing of it.

        >>> Metric("m:f", "", True, asks_tags=("object",)).told("a bird and a cat", ["object:a bird", "object: a cat"])
        'a bird\\na cat'
        """
        if not self.asks_tags:
            return prompt if self.asks_text else ""
        parts = [tag.partition(":") for tag in tags]
        said = (" ".join(text.split()) for name, _, text in parts if name.strip().lower() in self.asks_tags)
        return "\n".join(dict.fromkeys(filter(None, said)))

    def load(self) -> Any:
        """The function or class itself; its libraries load now."""
        return resolve(self.path)

    @property
    def bounds(self) -> tuple[float | None, float | None]:
        """Between what a value can lie, as far as the unit tells; None where it has no end."""
        if self.unit.startswith("share") or self.unit == "0..1":
            return 0.0, 1.0
        return (None, None) if "cosine" in self.unit else (0.0, None)


METRICS: dict[str, Metric] = {
    "boiling": Metric("metrics.video:boiling", "grey levels of 255", False),
    "frame_difference": Metric("metrics.video:frame_difference", "grey levels of 255", None),
    "temporal_flickering": Metric("metrics.video:temporal_flickering", "0..1", True),
    "motion": Metric("metrics.video:motion", "diagonals per second", None),
    "motion_spread": Metric("metrics.video:motion_spread", "share", None),
    "unevenness": Metric("metrics.video:unevenness", "ratio", False),
    "frozen": Metric("metrics.video:frozen", "share", False),
    "sharpness": Metric("metrics.video:sharpness", "0..1", True),
    "brightness": Metric("metrics.video:brightness", "0..1", None),
    "clipped": Metric("metrics.video:clipped", "share", False),
    "colourfulness": Metric("metrics.video:colourfulness", "Hasler-Süsstrunk", None),
    "blockiness": Metric("metrics.video:blockiness", "ratio", False),
}
_RAFT = ("raft", "metrics.raft:load")
_CLIP = ("clip-b32", "metrics.weighted:load_clip")
_TEXT_AND_CLIP = Metric(
    "metrics.weighted:overall_consistency", "cosine", True, "viclip", "metrics.viclip:load", "8 frames", asks_text=True
)
WITH_WEIGHTS: dict[str, Metric] = {
    "flow_motion": Metric(
        "metrics.weighted:flow_motion",
        "diagonals per second",
        None,
        *_RAFT,
        "RAFT C+T V2, 20 updates, 1/8 s, widened",
    ),
    "dynamic_degree": Metric(
        "metrics.weighted:dynamic_degree",
        "share of clips",
        None,
        *_RAFT,
        "RAFT C+T V2, 20 updates, 1/8 s, widened",
    ),
    "warping_error": Metric(
        "metrics.weighted:warping_error",
        "squared difference, 0..1",
        False,
        *_RAFT,
        "RAFT C+T V2, 20 updates, 16 pairs",
    ),
    "motion_smoothness": Metric(
        "metrics.weighted:motion_smoothness", "0..1", True, "amt-s", "metrics.amt:load", "AMT-S, every other frame"
    ),
    "subject_consistency": Metric(
        "metrics.weighted:subject_consistency",
        "cosine",
        True,
        "dino",
        "metrics.dino:load",
        "DINO ViT-B/16, every frame as floats",
    ),
    "background_consistency": Metric(
        "metrics.weighted:background_consistency",
        "cosine",
        True,
        *_CLIP,
        "CLIP ViT-B/32, every frame as floats",
    ),
    "aesthetic_quality": Metric(
        "metrics.weighted:aesthetic_quality",
        "0..1",
        True,
        "vbench-aesthetic",
        "metrics.weighted:load_aesthetic",
        "CLIP ViT-L/14 and LAION's line, floats",
    ),
    "imaging_quality": Metric(
        "metrics.weighted:imaging_quality",
        "0..1",
        True,
        "musiq-spaq",
        "metrics.musiq:load",
        "longer side 512 at most, floats",
    ),
    "clip_score": Metric(
        "metrics.weighted:clip_score",
        "2.5 × cosine",
        True,
        *_CLIP,
        "CLIP B/32, 8 frames, Pillow",
        asks_text=True,
    ),
    "overall_consistency": _TEXT_AND_CLIP,
    "temporal_style": _TEXT_AND_CLIP,
    "appearance_style": Metric(
        "metrics.tagged:appearance_style",
        "cosine",
        True,
        *_CLIP,
        "CLIP B/32, all frames, Pillow",
        asks_tags=("style", "appearance_style"),
    ),
    **{
        f"{name}_shown": Metric(
            "metrics.tagged:shown",
            "0..1",
            True,
            "qwen2.5-vl-7b",
            "metrics.tagged:load_asked",
            "VQAScore, bfloat16, 8 frames",
            asks_tags=tags,
        )
        for name, tags in {
            "object": ("object",),
            "colour": ("colour", "color"),
            "relation": ("relation",),
            "scene": ("scene",),
            "action": ("action",),
        }.items()
    },
}
"""Measures of one clip whose weights must be here; see `manage.py weights`."""
JUDGES: dict[str, str] = {
    "signal": "metrics.judges.signal:Signal",
    "replay": "metrics.judges.replay:Replay",
    "vlm": "metrics.judges.vlm:Vlm",
    "own": "metrics.judges.own.saved:Own",
    "clipscore": "metrics.judges.local.declared:ClipScore",
    "pickscore": "metrics.judges.local.declared:PickScore",
    "hpsv2.1": "metrics.judges.local.declared:Hpsv2",
    "laion-aesthetic": "metrics.judges.local.declared:LaionAesthetic",
    "imagereward": "metrics.judges.local.declared:ImageReward",
    "blip2-itm": "metrics.judges.local.declared:Blip2Matching",
    "llava-vqascore": "metrics.judges.local.declared:LlavaVqaScore",
    "videoscore": "metrics.judges.local.declared:VideoScore",
    "vqascore": "metrics.judges.local.declared:VqaScore",
    "hpsv3": "metrics.judges.local.declared:Hpsv3",
    "videoreward": "metrics.judges.local.declared:VideoReward",
    "videoscore2": "metrics.judges.local.declared:VideoScore2",
    "unifiedreward": "metrics.judges.local.declared:UnifiedPoint",
    "unifiedreward-pair": "metrics.judges.local.declared:UnifiedPair",
}
"""Name → class with `Options` and the verbs of `metrics.judges.interface`; made by `metrics.judges.judge_named`."""


def resolve(path: str) -> Any:
    """The object at "package.module:name".

    >>> resolve("math:sqrt")(9.0)
    3.0

    Raises ValueError for a path of another form, ImportError where the module or the name is missing.
    """
    module, colon, name = path.partition(":")
    if not (module and colon and name):
        raise ValueError(f"{path!r} is not of the form 'package.module:name'")
    try:
        return getattr(import_module(module), name)
    except AttributeError as error:
        raise ImportError(f"{module} has no {name!r}: correct the path {path!r} in the registry") from error


def load(name: str) -> Any:
    """The metric or judge registered under a name; raises KeyError naming the nearest ones."""
    if found := METRICS.get(name) or WITH_WEIGHTS.get(name):
        return found.load()
    if name in JUDGES:
        return resolve(JUDGES[name])
    known = [*METRICS, *WITH_WEIGHTS, *JUDGES]
    near = get_close_matches(name, known) or sorted(known)
    raise KeyError(f"no metric or judge is called {name!r}; known: {', '.join(near) or 'none'}")
