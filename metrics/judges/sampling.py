"""The frames of a clip that a judge sees."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from metrics.frames import Frames, checked
from metrics.judges.interface import Sampling


def places(count: int, fps: float, sampling: Sampling) -> NDArray[np.int64]:
    """Which of `count` frames, first and last among them: round(linspace(0, count − 1, n)), as Qwen's loaders have it.

    n is the count asked for, or the clip's seconds times the rate, rounded; at least 1 and at most all of them.

    >>> places(9, 8.0, Sampling(kind="count", value=3)).tolist()
    [0, 4, 8]
    """
    if sampling.value is None:
        return np.arange(count)
    wanted = sampling.value if sampling.kind == "count" else count / fps * sampling.value
    number = min(count, max(1, round(wanted)))
    found: NDArray[np.int64] = np.linspace(0, count - 1, number).round().astype(np.int64)
    return found


def sampled(frames: Frames, fps: float, sampling: Sampling) -> tuple[Frames, list[float]]:
    """The frames a judge sees (n, H, W, 3) and when each is shown, in seconds; shrunk (Lanczos) to `max_pixels`."""
    chosen = places(len(checked(frames)), fps, sampling)
    seen = frames[chosen]
    height, width = seen.shape[1:3]
    if sampling.max_pixels and height * width > sampling.max_pixels:
        shrink = (sampling.max_pixels / (height * width)) ** 0.5
        size = max(1, int(width * shrink)), max(1, int(height * shrink))
        seen = np.stack([np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.LANCZOS)) for frame in seen])
    return seen, [float(place / fps) for place in chosen]
