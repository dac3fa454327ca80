"""A judge without weights: measures of a clip's own signal, each a native output; `metrics.video` says what they are.

Which measure speaks for which aspect is a guess, and as such one: how far each goes along with people is to be seen
beside every aspect.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from metrics import METRICS
from metrics.judges.interface import Declaration, Outcome, Shown

MEASURES = {
    "boiling": "flicker",
    "unevenness": "jitter",
    "motion": "amount of motion",
    "frozen": "freezes",
    "sharpness": "sharpness",
    "brightness": "exposure",
    "clipped": "burnt out and drowned pixels",
    "colourfulness": "colour",
    "blockiness": "blocks",
}
"""Measure → what it tells."""
ASPECTS = {
    "beauty": {"sharpness": 1.0},
    "softness": {"unevenness": -1.0},
    "movement": {"motion": 1.0},
    "consistency": {"frozen": -1.0},
    "defects": {"boiling": -1.0},
}


class SignalOptions(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Signal:
    """Flicker, jitter, motion, freezes, sharpness, exposure and colour of one clip; the prompt is not read."""

    Options = SignalOptions

    def __init__(self, options: SignalOptions, weights: Path) -> None:
        pass

    @property
    def declaration(self) -> Declaration:
        return Declaration(
            name="signal",
            version="1",
            mode="pointwise",
            natives=tuple(MEASURES),
            aspects=ASPECTS,
            media=("video", "image"),
            needs_prompt=False,
            preprocessing="lossless master, every frame, RGB; measures of metrics.video, version 1",
            licence="Apache-2.0",
        )

    def probe(self) -> list[str]:
        return []

    def load(self) -> None:
        pass

    def score(self, clips: Sequence[Shown]) -> list[Outcome]:
        return [self._score(clip) for clip in clips]

    def _score(self, clip: Shown) -> Outcome:
        from metrics.frames import Prepared

        frames, fps = clip.read()
        prepared = Prepared(frames)
        values, reasons = {}, []
        for name in MEASURES:
            try:
                values[name] = float(METRICS[name].load()(prepared, fps))
            except ValueError as error:
                reasons.append(f"{name}: {error}")
        if not values:
            return Outcome("skipped", reason="; ".join(reasons))
        return Outcome("ok", values, raw="; ".join(reasons))
