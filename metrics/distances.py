"""Distances between two sets of features: Fréchet, kernel (KID), precision and recall, density and coverage.

Features are arrays (n, d), one row per clip or image. Everything is reckoned in float64. Published definitions that
differ are arguments here (ddof, radii), never guessed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
BLOCK = 2048


@dataclass(frozen=True)
class Gaussian:
    """mean (d,), covariance (d, d), and how many rows they were reckoned from (0: known exactly)."""

    mean: Array
    covariance: Array
    count: int = 0


class Moments:
    """Mean and covariance of rows that come in parts, in any order, from several workers.

    State: count, mean (d,), scatter (d, d) = Σ(x − mean)(x − mean)ᵀ (Chan, Golub & LeVeque, 1983).
    """

    def __init__(self, dimensions: int) -> None:
        self.count = 0
        self.mean: Array = np.zeros(dimensions)
        self.scatter: Array = np.zeros((dimensions, dimensions))

    def add(self, rows: NDArray[np.floating]) -> None:
        """Take in rows (n, d). Raises ValueError for another width and for values that are not finite."""
        features = _features(rows)
        if features.shape[1] != len(self.mean):
            raise ValueError(f"rows have {features.shape[1]} features, this one holds {len(self.mean)}")
        mean = features.mean(0)
        centred = features - mean
        self._take(len(features), mean, centred.T @ centred)

    def merge(self, other: Moments) -> None:
        """Take in all that another has seen."""
        if len(other.mean) != len(self.mean):
            raise ValueError(f"{len(other.mean)} features cannot join {len(self.mean)}")
        if other.count:
            self._take(other.count, other.mean, other.scatter)

    def _take(self, count: int, mean: Array, scatter: Array) -> None:
        total = self.count + count
        step = mean - self.mean
        self.scatter += scatter
        self.scatter += np.outer(step, step) * (self.count * count / total)
        self.mean = self.mean + step * (count / total)
        self.count = total

    def gaussian(self, ddof: int = 1) -> Gaussian:
        """ddof 1 as np.cov, and so FID and most FVD code; 0 as TensorFlow-GAN's original FVD."""
        if self.count <= ddof:
            raise ValueError(f"{self.count} rows have no covariance with ddof {ddof}")
        return Gaussian(self.mean.copy(), self.scatter / (self.count - ddof), self.count)


def gaussian_of(rows: NDArray[np.floating], ddof: int = 1) -> Gaussian:
    """Mean and covariance of rows (n, d)."""
    moments = Moments(rows.shape[1])
    moments.add(rows)
    return moments.gaussian(ddof)


def frechet_distance(a: Gaussian, b: Gaussian) -> float:
    """‖μa − μb‖² + Tr(Σa + Σb − 2(ΣaΣb)^½), the distance behind FID (Heusel et al., 2017) and FVD (Unterthiner et al.,
    2018), squared as these use it.

    With Σa = LLᵀ the last trace is that of (LᵀΣbL)^½, which is symmetric: no general matrix root is taken.

    >>> frechet_distance(Gaussian(np.zeros(2), np.eye(2)), Gaussian(np.ones(2), np.eye(2)))
    2.0
    """
    if a.covariance.shape != b.covariance.shape:
        raise ValueError(f"{len(a.mean)} features cannot be compared with {len(b.mean)}")
    root = _factor(a.covariance)
    roots = np.sqrt(np.clip(np.linalg.eigvalsh(root.T @ b.covariance @ root), 0, None))
    return _distance(a.mean - b.mean, float(np.trace(a.covariance) + np.trace(b.covariance)), float(roots.sum()))


def frechet_of(x: NDArray[np.floating], y: NDArray[np.floating], ddof: int = 1) -> float:
    """The Fréchet distance of two sets of rows. With fewer rows than features the trace of the root is the nuclear norm
    of ABᵀ, A and B being the centred rows, which is exact where covariances are singular.
    """
    x, y = _two(x, y)
    if min(len(x), len(y)) > x.shape[1]:
        return frechet_distance(gaussian_of(x, ddof), gaussian_of(y, ddof))
    if min(len(x), len(y)) <= ddof:
        raise ValueError(f"{min(len(x), len(y))} rows have no covariance with ddof {ddof}")
    a = (x - x.mean(0)) / np.sqrt(len(x) - ddof)
    b = (y - y.mean(0)) / np.sqrt(len(y) - ddof)
    nuclear = float(np.linalg.svd(a @ b.T, compute_uv=False).sum())
    return _distance(x.mean(0) - y.mean(0), float((a**2).sum() + (b**2).sum()), nuclear)


def _distance(step: Array, traces: float, root: float) -> float:
    """The sum, with rounding below zero taken as zero."""
    value = float(step @ step) + traces - 2 * root
    return 0.0 if -1e-8 * max(traces, 1e-300) <= value < 0 else value


def _factor(covariance: Array) -> Array:
    """L with LLᵀ = Σ; of a singular Σ by eigenvalues, those below zero being rounding."""
    try:
        lower: Array = np.linalg.cholesky(covariance).astype(np.float64, copy=False)
        return lower
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(covariance)
        factor: Array = vectors * np.sqrt(np.clip(values, 0, None))
        return factor


@dataclass(frozen=True)
class Estimate:
    """A distance freed of the bias of few rows, or the reason why there is none.

    plain: the distance as published, which shrinks as rows are added; floor: what `plain` would be about if both sets
    came from one distribution; low, high: 95 % interval of `value`.
    """

    value: float | None
    low: float | None
    high: float | None
    plain: float
    floor: float | None
    counts: tuple[int, int]
    reason: str = ""


def frechet_estimate(
    x: NDArray[np.floating],
    y: NDArray[np.floating],
    rng: np.random.Generator,
    x_clusters: NDArray[np.integer] | None = None,
    y_clusters: NDArray[np.integer] | None = None,
    splits: int = 4,
) -> Estimate:
    """2·FD_N − mean FD_N/2 over random halves of both sets, ± 1.96 standard errors by the delta method.

    The bias of a Fréchet distance is about c/N, so halves tell c. The influence of a row is 2(μx − μy)·(x − μx) +
    (x − μx)ᵀ(I − T)(x − μx), T the optimal map; rows of one cluster (prompt) are summed first. Not given with fewer
    than 2d + 2 rows a side: "N too small". Where both sets come from one distribution the interval degenerates: use
    `kid` there.
    """
    x, y = _two(x, y)
    counts = (len(x), len(y))
    plain = frechet_of(x, y)
    needed = 2 * x.shape[1] + 2
    if min(counts) < needed:
        reason = f"N too small: {min(counts)} rows, {needed} are needed for {x.shape[1]} features"
        return Estimate(None, None, None, plain, None, counts, reason)
    halves, floors = [], []
    for _ in range(splits):
        (x1, x2), (y1, y2) = _halves(x, rng), _halves(y, rng)
        halves += [frechet_of(x1, y1), frechet_of(x2, y2)]
        floors += [frechet_of(x1, x2), frechet_of(y1, y2)]
    value = 2 * plain - float(np.mean(halves))
    error = float(np.sqrt(_variance(x, y, x_clusters) + _variance(y, x, y_clusters)))
    return Estimate(value, value - 1.96 * error, value + 1.96 * error, plain, float(np.mean(floors)) / 2, counts)


def _halves(rows: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    order = rng.permutation(len(rows))
    return rows[order[: len(rows) // 2]], rows[order[len(rows) // 2 :]]


def _variance(x: Array, y: Array, clusters: NDArray[np.integer] | None) -> float:
    """Of the Fréchet distance through the sampling of x: mean square of the influences, by cluster."""
    a, b = gaussian_of(x), gaussian_of(y)
    values, vectors = np.linalg.eigh(a.covariance)
    values = np.clip(values, values.max() * 1e-12, None)
    root, inverse = (vectors * np.sqrt(values)) @ vectors.T, (vectors / np.sqrt(values)) @ vectors.T
    inner, turned = np.linalg.eigh(root @ b.covariance @ root)
    between = inverse @ ((turned * np.sqrt(np.clip(inner, 0, None))) @ turned.T) @ inverse
    centred = x - a.mean
    influence: Array = 2 * centred @ (a.mean - b.mean)
    influence += np.einsum("nd,nd->n", centred, centred - centred @ between)
    influence -= influence.mean()
    if clusters is not None:
        if len(clusters) != len(x):
            raise ValueError(f"{len(clusters)} cluster labels for {len(x)} rows: give one a row")
        influence = np.bincount(np.unique(clusters, return_inverse=True)[1], weights=influence).astype(np.float64)
    groups = len(influence)
    return float((influence**2).sum() / len(x) ** 2 * groups / max(1, groups - 1))


def kid(x: NDArray[np.floating], y: NDArray[np.floating]) -> float:
    """Unbiased squared MMD with the kernel (x·y/d + 1)³ over all rows (Bińkowski et al., 2018). May be below zero."""
    x, y = _two(x, y)
    if min(len(x), len(y)) < 2:
        raise ValueError("KID needs 2 rows on each side")
    within = [(_kernel_sum(z, z) - _kernel_diagonal(z)) / (len(z) * (len(z) - 1)) for z in (x, y)]
    return float(sum(within) - 2 * _kernel_sum(x, y) / (len(x) * len(y)))


def kid_of_subsets(
    x: NDArray[np.floating],
    y: NDArray[np.floating],
    rng: np.random.Generator,
    subsets: int = 100,
    size: int = 1000,
) -> tuple[float, float]:
    """Mean and standard deviation (ddof 0) of KID over random subsets, as published code reports it."""
    x, y = _two(x, y)
    if size > min(len(x), len(y)):
        raise ValueError(f"subsets of {size} cannot be drawn from {min(len(x), len(y))} rows: choose a smaller size")
    draws = [(rng.choice(len(x), size, replace=False), rng.choice(len(y), size, replace=False)) for _ in range(subsets)]
    values = [kid(x[a], y[b]) for a, b in draws]
    return float(np.mean(values)), float(np.std(values))


def _kernel_sum(x: Array, y: Array) -> float:
    total = 0.0
    for start in range(0, len(x), BLOCK):
        for other in range(0, len(y), BLOCK):
            inner = x[start : start + BLOCK] @ y[other : other + BLOCK].T / x.shape[1] + 1
            total += float((inner * inner * inner).sum())
    return total


def _kernel_diagonal(x: Array) -> float:
    return float(((np.einsum("nd,nd->n", x, x) / x.shape[1] + 1) ** 3).sum())


@dataclass(frozen=True)
class Manifold:
    """precision, recall: Kynkäänniemi et al. (2019); density, coverage: Naeem et al. (2020)."""

    precision: float
    recall: float
    density: float
    coverage: float


def manifold(real: NDArray[np.floating], generated: NDArray[np.floating], k: int = 5) -> Manifold:
    """Balls around each row out to its k-th nearest neighbour of its own set, itself not counted; a row on the border
    lies outside, as in the published `prdc`.
    """
    real, generated = _two(real, generated)
    if k < 1 or min(len(real), len(generated)) <= k:
        raise ValueError(f"k = {k} needs more than {max(k, 0)} rows on each side")
    real_radius, generated_radius = _radii(real, k), _radii(generated, k)
    inside = np.zeros(len(generated))
    recalled = np.zeros(len(real), dtype=bool)
    nearest = np.full(len(real), np.inf)
    for start in range(0, len(generated), BLOCK):
        rows = slice(start, start + BLOCK)
        squared = _squared(real, generated[rows])
        inside[rows] = (squared < real_radius[:, None]).sum(0)
        recalled |= (squared < generated_radius[None, rows]).any(1)
        nearest = np.minimum(nearest, squared.min(1))
    return Manifold(
        precision=float((inside > 0).mean()),
        recall=float(recalled.mean()),
        density=float(inside.mean() / k),
        coverage=float((nearest < real_radius).mean()),
    )


def _radii(rows: Array, k: int) -> Array:
    """Squared distance of each row to its k-th nearest other one."""
    parts = []
    for start in range(0, len(rows), BLOCK):
        squared = _squared(rows[start : start + BLOCK], rows)
        here = np.arange(len(squared))
        squared[here, start + here] = -1.0
        parts.append(np.partition(squared, k, axis=1)[:, k])
    return np.concatenate(parts)


def _squared(x: Array, y: Array) -> Array:
    squared: Array = (x**2).sum(1)[:, None] + (y**2).sum(1)[None] - 2 * x @ y.T
    return np.maximum(squared, 0)


def _features(rows: NDArray[np.floating]) -> Array:
    if rows.ndim != 2 or not len(rows):
        raise ValueError(f"features must be (n, d) with n ≥ 1, not {rows.shape}")
    features = np.asarray(rows, dtype=np.float64)
    if not np.isfinite(features).all():
        raise ValueError("features hold values that are not finite: look for the clip they came from")
    return features


def _two(x: NDArray[np.floating], y: NDArray[np.floating]) -> tuple[Array, Array]:
    first, second = _features(x), _features(y)
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"{first.shape[1]} features cannot be compared with {second.shape[1]}")
    return first, second
