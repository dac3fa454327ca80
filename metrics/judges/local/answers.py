"""Scores read from the words of a judge; what is not in the form that was asked for is no score."""

from __future__ import annotations

import re

from metrics.judges.interface import Outcome

NUMBER = r"(\d+(?:\.\d+)?)"
VIDEO_SCORE2 = (
    ("visual", r"visual quality[^:\n]*:\s*(\d+)"),
    ("alignment", r"text-to-video alignment[^:\n]*:\s*(\d+)"),
    ("physical", r"physical/common-sense consistency[^:\n]*:\s*(\d+)"),
)


def video_score2(text: str) -> Outcome:
    """Three whole numbers from 1 to 5, each the last one that is given for its name.

    The trained model repeats the descriptions of its prompt before the colon, which the pattern allows.
    """
    values = {}
    for name, pattern in VIDEO_SCORE2:
        found = re.findall(pattern, text, re.IGNORECASE)
        if not found or not 1 <= int(found[-1]) <= 5:
            return Outcome("unparsed", raw=text, reason=f"no {name} score from 1 to 5")
        values[name] = float(found[-1])
    return Outcome("ok", values, raw=text)


def unified_point(text: str, kind: str) -> Outcome:
    """Alignment, Physics (of videos) or Coherence (of images), and Style from 1 to 5, and their mean."""
    values = {}
    for axis in ("alignment", "physics" if kind == "video" else "coherence", "style"):
        found = re.findall(rf"{axis} score \(1-5\):\s*{NUMBER}", text, re.IGNORECASE)
        if not found or not 1 <= float(found[-1]) <= 5:
            return Outcome("unparsed", raw=text, reason=f"no {axis} score from 1 to 5")
        values[axis] = float(found[-1])
    return Outcome("ok", values | {"mean": sum(values.values()) / 3}, raw=text)


def unified_pair(text: str, kind: str) -> Outcome:
    """Per axis the first's share minus the second's, −1..1; two shares that do not sum to 1 (± .02) are no answer."""
    values = {}
    for axis in ("alignment", "coherence", "style"):
        shares = rf"{axis} score:\s*{kind} 1:\s*{NUMBER}\s*{kind} 2:\s*{NUMBER}"
        found = re.findall(shares, text, re.IGNORECASE)
        if not found or abs(sum(map(float, found[-1])) - 1) > 0.02:
            return Outcome("unparsed", raw=text, reason=f"no two shares of {axis} that sum to 1")
        first, second = map(float, found[-1])
        values[axis] = first - second
    return Outcome("ok", values | {"mean": sum(values.values()) / 3}, raw=text)
