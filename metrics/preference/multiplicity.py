"""Many questions at once: adjusted p-values for the headline family (Holm) and for slices (Benjamini-Hochberg)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def holm(p_values: ArrayLike) -> Floats:
    """Adjusted p-values (m,): those at or below α may be claimed together, any false claim at most α (Holm, 1979).

    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]

    Raises ValueError for values outside [0, 1]; leave out what has no p-value.
    """
    p = _checked(p_values)
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return _put_back(np.minimum(steps, 1.0), order)


def benjamini_hochberg(p_values: ArrayLike) -> Floats:
    """Adjusted p-values (m,): among those at or below α, an expected share of at most α is false (Benjamini & Hochberg,
    1995; for independent or positively dependent questions).

    >>> benjamini_hochberg([0.01, 0.04, 0.03]).round(12).tolist()
    [0.03, 0.04, 0.04]

    Raises ValueError for values outside [0, 1]; leave out what has no p-value.
    """
    p = _checked(p_values)
    order = np.argsort(-p, kind="stable")
    steps = np.minimum.accumulate(p[order] * len(p) / np.arange(len(p), 0, -1))
    return _put_back(np.minimum(steps, 1.0), order)


def _checked(p_values: ArrayLike) -> Floats:
    p = np.atleast_1d(np.asarray(p_values, dtype=np.float64))
    if p.ndim != 1 or not np.all((p >= 0) & (p <= 1)):
        raise ValueError("p-values must be a list of numbers between 0 and 1; leave out what has none")
    return p


def _put_back(steps: Floats, order: NDArray[np.intp]) -> Floats:
    adjusted = np.empty(len(steps))
    adjusted[order] = steps
    return adjusted
