"""Kernel distances between two sets of features: KID, CMMD and JEDi's. Blockwise: no n × n matrix is kept."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from metrics.distances import Array, Estimate, codes_of, two_of, variance_of_mean

BLOCK = 2048
Kernel = Callable[[Array, Array], Array]
Rows = TypeVar("Rows", bound=NDArray[np.floating])


def polynomial(x: Rows, y: Rows, degree: int = 3, coef0: float = 1.0) -> Rows:
    """(x·y/d + coef0)^degree: KID's kernel with 3 and 1 (Bińkowski et al., 2018), JEDi's with 2 and 0."""
    kernel = base = x @ y.T / x.shape[1] + coef0
    for _ in range(degree - 1):
        kernel = kernel * base
    return cast("Rows", kernel)


def gaussian(x: Array, y: Array, sigma: float = 10.0) -> Array:
    """exp(−‖x − y‖²/2σ²): CMMD's kernel with σ = 10 (Jayasumana et al., 2024)."""
    squared = (x**2).sum(1)[:, None] + (y**2).sum(1)[None] - 2 * (x @ y.T)
    kernel: Array = np.exp(-np.maximum(squared, 0) / (2 * sigma**2))
    return kernel


def mmd_estimate(
    x: NDArray[np.floating],
    y: NDArray[np.floating],
    kernel: Kernel,
    scale: float = 1.0,
    x_clusters: NDArray[np.integer] | None = None,
    y_clusters: NDArray[np.integer] | None = None,
) -> Estimate:
    """Squared MMD × scale over all rows: `value` the unbiased U-statistic, which may be below zero, `plain` the biased
    V-statistic (Gretton et al., 2012), `floor` what the latter is about for two sets of one distribution.

    The interval is value ± t standard errors from the rows' influences, by cluster. With both sets from one
    distribution these vanish to first order: the interval is then too narrow.
    """
    x, y = two_of(x, y)
    m, n = len(x), len(y)
    if min(m, n) < 2:
        return Estimate(None, None, None, float("nan"), None, (m, n), f"N too small: {min(m, n)} rows, 2 are needed")
    in_x, own_x = _within(x, kernel)
    in_y, own_y = _within(y, kernel)
    to_y, to_x = _across(x, y, kernel)
    cross = 2 * float(to_y.sum()) / (m * n)
    value = float(in_x.sum() / (m * (m - 1)) + in_y.sum() / (n * (n - 1))) - cross
    plain = float((in_x.sum() + own_x) / m**2 + (in_y.sum() + own_y) / n**2) - cross
    x_codes, y_codes = codes_of(x, x_clusters), codes_of(y, y_clusters)
    clusters = int(min(x_codes.max(), y_codes.max())) + 1
    if clusters < 2:
        return Estimate(scale * value, None, None, scale * plain, scale * (plain - value), (m, n), "one prompt or clip")
    from scipy.special import stdtrit

    variance = variance_of_mean(2 * (in_x / (m - 1) - to_y / n), x_codes)
    variance += variance_of_mean(2 * (in_y / (n - 1) - to_x / m), y_codes)
    reach = scale * float(stdtrit(clusters - 1, 0.975)) * float(np.sqrt(variance))
    return Estimate(
        scale * value, scale * value - reach, scale * value + reach, scale * plain, scale * (plain - value), (m, n)
    )


def _within(x: Array, kernel: Kernel) -> tuple[Array, float]:
    """Sum of each row's kernels with the others, and of all with themselves. Each block is reckoned once."""
    sums, own = np.zeros(len(x)), 0.0
    for start in range(0, len(x), BLOCK):
        here = slice(start, start + BLOCK)
        square = kernel(x[here], x[here])
        own += float(np.trace(square))
        sums[here] += square.sum(1) - np.diagonal(square)
        for other in range(start + BLOCK, len(x), BLOCK):
            there = slice(other, other + BLOCK)
            block = kernel(x[here], x[there])
            sums[here] += block.sum(1)
            sums[there] += block.sum(0)
    return sums, own


def _across(x: Array, y: Array, kernel: Kernel) -> tuple[Array, Array]:
    to_y, to_x = np.zeros(len(x)), np.zeros(len(y))
    for start in range(0, len(x), BLOCK):
        for other in range(0, len(y), BLOCK):
            block = kernel(x[start : start + BLOCK], y[other : other + BLOCK])
            to_y[start : start + BLOCK] += block.sum(1)
            to_x[other : other + BLOCK] += block.sum(0)
    return to_y, to_x


kid_estimate = partial(mmd_estimate, kernel=polynomial)
"""KID over all rows; see `mmd_estimate`."""
cmmd_estimate = partial(mmd_estimate, kernel=gaussian, scale=1000.0)
"""CMMD × 1000. `plain` is the published value, which is biased; `value` is not."""
jedi_estimate = partial(mmd_estimate, kernel=partial(polynomial, degree=2, coef0=0.0), scale=100.0)
"""The distance of JEDi × 100 (Luo et al., 2024). `plain` is the published value, which is biased; `value` is not."""


def kid(x: NDArray[np.floating], y: NDArray[np.floating]) -> float:
    """Unbiased squared MMD with the kernel (x·y/d + 1)³ over all rows (Bińkowski et al., 2018). May be below zero."""
    found = kid_estimate(x, y).value
    if found is None:
        raise ValueError("KID needs 2 rows on each side")
    return found


def kid_of_subsets(
    x: NDArray[np.floating],
    y: NDArray[np.floating],
    rng: np.random.Generator | np.random.RandomState,
    subsets: int = 100,
    size: int = 1000,
) -> tuple[float, float]:
    """Mean and standard deviation (ddof 0) of KID over random subsets, as published code reports it.

    float32 rows are multiplied in float32, as published; sums are float64.
    """
    two_of(x[:1], y[:1])
    if size > min(len(x), len(y)):
        raise ValueError(f"subsets of {size} cannot be drawn from {min(len(x), len(y))} rows: choose a smaller size")
    values = []
    for _ in range(subsets):
        first, second = (rows[rng.choice(len(rows), size, replace=False)] for rows in (x, y))
        within = 0.0
        for rows in (first, second):
            square = polynomial(rows, rows)
            within += float(square.sum(dtype=np.float64) - np.trace(square, dtype=np.float64)) / (size * (size - 1))
        values.append(within - 2 * float(polynomial(first, second).sum(dtype=np.float64)) / size**2)
    return float(np.mean(values)), float(np.std(values))
