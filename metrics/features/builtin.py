"""`builtin`: features without weights, so that set distances can be tried and tested anywhere.

Not comparable with published FVD or FID, and labelled so wherever a number made from them is shown.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metrics.frames import Frames, checked

NAME = "builtin"
VERSION = "builtin-1"
LABEL = "built-in features, not comparable with published FVD/FID"
MOMENTS = 8
GRID = 4


def features(frames: Frames) -> NDArray[np.float64]:
    """One row (32,) of frames (T, H, W, 3): statistics of colour, edges and change, at 8 moments spread evenly.

    6 colour means and deviations; 8 shares of edge directions; 16 of where edges lie on a 4 × 4 grid; the mean change
    between moments and its deviation. An image has no change: 0. Equal frames give equal rows.
    """
    chosen = np.linspace(0, len(checked(frames)) - 1, min(MOMENTS, len(frames))).round().astype(int)
    clip = frames[chosen].astype(np.float64) / 255
    if min(clip.shape[1:3]) < 2 * GRID:
        raise ValueError(f"frames of {clip.shape[2]}×{clip.shape[1]} are too small for features")
    grey = clip @ np.array([0.2126, 0.7152, 0.0722])
    down, across = np.gradient(grey, axis=(1, 2))
    strength = np.hypot(down, across)
    turn = np.floor(np.arctan2(down, across) % np.pi / np.pi * 8).astype(int).clip(0, 7)
    total = strength.sum()
    directions = np.bincount(turn.ravel(), weights=strength.ravel(), minlength=8) / (total or 1.0)
    cells = [
        cell.mean() for band in np.array_split(strength, GRID, axis=1) for cell in np.array_split(band, GRID, axis=2)
    ]
    steps = np.abs(np.diff(grey, axis=0)).mean((1, 2))
    change = [steps.mean(), steps.std()] if len(steps) else [0.0, 0.0]
    row = np.concatenate([clip.mean((0, 1, 2)), clip.std((0, 1, 2)), directions, cells, change])
    return np.asarray(row, dtype=np.float64)
