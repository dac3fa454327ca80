"""A trained head without torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Layers:
    """What turns features into scores, by NumPy alone: layer after layer, what lies between them cut at 0."""

    weights: tuple[NDArray[np.float32], ...]
    biases: tuple[NDArray[np.float32], ...]

    def __call__(self, features: NDArray[np.float32]) -> Floats:
        """(clips, F) → (clips, aspects)."""
        x: Floats = features.astype(np.float64)
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = np.asarray((np.maximum(x, 0) if number else x) @ weight + bias, dtype=np.float64)
        return x
