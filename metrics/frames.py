"""What measures of clips share: brightness, and where each block of a frame came from.

Frames are uint8 arrays (T, H, W, 3), RGB, T ≥ 1; brightness is float32 (T, H, W), 0 black to 1 white.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.uint8]
Grey = NDArray[np.float32]

BLOCK = 8
REACH = 6
"""Block matching: blocks of 8 × 8 pixels looked for up to 6 pixels away, in frames halved until they fit a screen."""
WIDEST = 256
MOVED = 0.5


def checked(frames: Frames, at_least: int = 1) -> Frames:
    """The frames themselves. Raises ValueError for another kind or shape, and for fewer than `at_least` frames."""
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3:
        raise ValueError(f"frames must be uint8 (T, H, W, 3), not {frames.dtype} {frames.shape}")
    if len(frames) < at_least:
        raise ValueError(f"{len(frames)} frames are too few: this measure needs {at_least}")
    return frames


def luma(frames: Frames) -> Grey:
    """Brightness as coded, 0..1: 0.2126 R′ + 0.7152 G′ + 0.0722 B′ (ITU-R BT.709)."""
    weights = np.array([0.2126, 0.7152, 0.0722], dtype=np.float32) / 255
    return np.stack([frame.astype(np.float32) @ weights for frame in checked(frames)])


def halved(grey: Grey, widest: int = WIDEST) -> tuple[Grey, int]:
    """Means over 2 × 2 pixels until no frame is wider than `widest`, and by how much they shrank."""
    factor = 1
    while max(grey.shape[1:]) > widest and min(grey.shape[1:]) >= 4 * BLOCK:
        even = grey[:, : grey.shape[1] // 2 * 2, : grey.shape[2] // 2 * 2]
        grey = (even[:, ::2, ::2] + even[:, 1::2, ::2] + even[:, ::2, 1::2] + even[:, 1::2, 1::2]) / np.float32(4)
        factor *= 2
    return grey, factor


@dataclass(frozen=True)
class Matches:
    """Where blocks of each frame lay in the frame before.

    shift: pixels of the clip (T − 1, rows, columns, 2), y then x; residual: mean absolute difference in brightness
    that even the best match leaves (T − 1, rows, columns); diagonal: of a frame, in pixels. A block has a shift only
    where that explains half of its change: new texture is no movement.
    """

    shift: NDArray[np.float64]
    residual: NDArray[np.float64]
    diagonal: float


def match_blocks(grey: Grey) -> Matches:
    """Full search for each block in the frame before; of equal matches the shortest shift wins.

    Raises ValueError for one frame alone and for frames smaller than a block.
    """
    if len(grey) < 2:
        raise ValueError("one frame does not move: this measure needs 2")
    diagonal = float(np.hypot(*grey.shape[1:]))
    small, factor = halved(grey)
    rows, columns = small.shape[1] // BLOCK, small.shape[2] // BLOCK
    if not rows or not columns:
        raise ValueError(f"frames of {grey.shape[2]}×{grey.shape[1]} are smaller than a block of {BLOCK} pixels")
    small = small[:, : rows * BLOCK, : columns * BLOCK]
    reach = range(-REACH, REACH + 1)
    shifts = sorted(((y, x) for y in reach for x in reach), key=lambda yx: (yx[0] ** 2 + yx[1] ** 2, yx))
    found = np.empty((len(small) - 1, rows, columns, 2))
    left = np.empty((len(small) - 1, rows, columns))
    difference = np.empty(small.shape[1:], dtype=np.float32)
    costs = np.empty((len(shifts), rows, columns), dtype=np.float32)
    across = np.empty((rows, columns * BLOCK), dtype=np.float32)
    for number in range(len(small) - 1):
        before = np.pad(small[number], REACH, mode="edge")
        now = small[number + 1]
        for place, (y, x) in enumerate(shifts):
            moved = before[REACH - y : REACH - y + now.shape[0], REACH - x : REACH - x + now.shape[1]]
            np.abs(np.subtract(now, moved, out=difference), out=difference)
            # Rows of a block first, whole lines at a time: sums along the last axis alone are slow.
            np.add.reduce(difference.reshape(rows, BLOCK, -1), axis=1, out=across)
            np.einsum("rcb->rc", across.reshape(rows, columns, BLOCK), out=costs[place])
        costs /= BLOCK * BLOCK
        best = costs.argmin(0)
        left[number] = costs.min(0)
        # Flat blocks, rounding and noise do not move: a shift must explain half of the change, and enough of it.
        moved_on = (left[number] < MOVED * costs[0]) & (costs[0] - left[number] > 1e-3)
        found[number] = np.array(shifts)[np.where(moved_on, best, 0)] * factor
    return Matches(found, left, diagonal)


class Prepared:
    """A clip whose brightness and block matches are reckoned once, for all measures that ask for them."""

    def __init__(self, frames: Frames) -> None:
        self.frames = checked(frames)
        self.kept: dict[str, Any] = {}  # what measures share that this module knows nothing of

    @cached_property
    def grey(self) -> Grey:
        return luma(self.frames)

    @cached_property
    def matches(self) -> Matches:
        return match_blocks(self.grey)

    @cached_property
    def steps(self) -> NDArray[np.float64]:
        """Mean absolute difference of brightness between neighbouring frames (T − 1,)."""
        small, _ = halved(self.grey)
        return np.array([np.abs(b - a).mean(dtype=np.float64) for a, b in pairwise(small)])


def prepared(clip: Frames | Prepared, at_least: int = 1) -> Prepared:
    """The clip prepared, or as it is if it was. Raises ValueError as `checked` does."""
    found = clip if isinstance(clip, Prepared) else Prepared(clip)
    checked(found.frames, at_least)
    return found
