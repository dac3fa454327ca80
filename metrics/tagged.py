"""Measures of what a prompt's tags name: its style by CLIP, and by questions whether what they name is shown.

Each takes the clip, its rate, the network and what the tags say, a line each. Only `appearance_style` is VBench's
(Huang et al., 2024): where VBench looks for objects, colours, places and actions by GRiT, Tag2Text and UMT, here
Qwen2.5-VL is asked VQAScore's question (Lin et al., 2024). Its chances are not VBench's shares nor bear their names.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from metrics.frames import prepared
from metrics.weighted import Clip, ClipPair, picture_rows

FRAMES = 8


def appearance_style(clip: Clip, fps: float, network: ClipPair, told: str) -> float:
    """VBench's: cosine of frame and style's words by CLIP ViT-B/32, mean over all frames, by Pillow's bicubic."""
    (style,) = _named(told, most=1)
    return float((picture_rows(prepared(clip).frames, network) @ network.text(style)).mean())


def shown(clip: Clip, fps: float, network: Any, told: str) -> float:
    """The chance that the network answers "Yes" to whether a frame shows it, 8 frames spread evenly, their mean.

    Where tags name several things a frame counts by the one that it shows least.
    """
    things = _named(told)
    frames = prepared(clip).frames
    chosen = frames[np.linspace(0, len(frames) - 1, min(FRAMES, len(frames))).round().astype(int)]
    with torch.inference_mode():
        return float(np.min([network.chances(chosen, thing) for thing in things], axis=0).mean())


def _named(told: str, most: int = 0) -> list[str]:
    """Raises ValueError where tags name nothing, or more than the measure can take."""
    things = told.splitlines()
    if not things:
        raise ValueError("the prompt has no tag that names what this measure looks for")
    if most and len(things) > most:
        raise ValueError(f"the prompt's tags name {len(things)} things, and this measure looks for one")
    return things


def load_asked(files: Mapping[str, Path]) -> Any:
    """In bfloat16, as its weights are published, on the GPU where there is one."""
    from metrics.judges.local.base import LocalOptions
    from metrics.judges.local.qwen import VqaScore

    device = "cuda" if torch.cuda.is_available() else "cpu"
    return VqaScore({"asked": dict(files)}, device, torch.bfloat16, LocalOptions())
