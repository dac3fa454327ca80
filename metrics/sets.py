"""Measures of a set of clips against a reference set: every published definition under a name of its own.

The value carries how it was estimated; with the extractor's identity that makes the protocol. Values of two protocols
do not compare.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metrics import distances, kernels, manifolds

Rows = NDArray[np.floating]
Codes = NDArray[np.integer]


@dataclass(frozen=True)
class Sample:
    """Rows (n, d) of a set of clips, and the prompt or file of each."""

    rows: Rows
    clusters: Codes


@dataclass(frozen=True)
class SetValue:
    """What a set measures; None where it cannot be said, with the reason.

    value: freed of bias where the definition allows that; low, high: 95 % interval; plain: as published; floor: what
    `plain` would be about if both sets came from one distribution; spread: the published standard deviation, where
    there is one; rows, reference_rows: how many are behind it.
    """

    value: float | None
    low: float | None
    high: float | None
    plain: float | None
    floor: float | None
    spread: float | None
    rows: int
    reference_rows: int
    reason: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class SetMetric:
    """extractor: a name in EXTRACTORS, or "builtin"; columns: which of its features count; estimator: in words, part of
    the protocol; `measure` takes the set's sample, the reference's, and a random generator."""

    extractor: str
    columns: tuple[int, int]
    estimator: str
    measure: Callable[[Sample, Sample, np.random.Generator], SetValue]
    unit: str
    higher_is_better: bool
    of: str
    asks_reference: bool = True


def measure(name: str, sample: Sample, reference: Sample | None, seed: int = 0) -> SetValue:
    """The measure of that name. Too few rows are no error: the value is None and the reason says so.

    Raises KeyError for another name, ValueError where a reference is asked for and not given.
    """
    metric = SETS[name]
    if metric.asks_reference and reference is None:
        raise ValueError(f"{name} compares with a reference set: give one")
    first, last = metric.columns
    cut = [each and replace(each, rows=each.rows[:, first:last]) for each in (sample, reference or sample)]
    if not len(cut[0].rows) or not len(cut[1].rows):
        return _nothing(cut[0], cut[1], "nothing was measured")
    try:
        return metric.measure(cut[0], cut[1], np.random.default_rng(seed))
    except ValueError as error:
        return _nothing(cut[0], cut[1], str(error))


def _nothing(sample: Sample, reference: Sample, reason: str) -> SetValue:
    return SetValue(None, None, None, None, None, None, len(sample.rows), len(reference.rows), reason)


def _of_estimate(found: distances.Estimate) -> SetValue:
    plain = found.plain if math.isfinite(found.plain) else None
    return SetValue(found.value, found.low, found.high, plain, found.floor, None, *found.counts, found.reason)


def _frechet(ddof: int) -> Callable[[Sample, Sample, np.random.Generator], SetValue]:
    def measure(sample: Sample, reference: Sample, rng: np.random.Generator) -> SetValue:
        clusters = (sample.clusters, reference.clusters)
        found = distances.frechet_estimate(sample.rows, reference.rows, rng, *clusters, ddof=ddof)
        return _of_estimate(found)

    return measure


def _mmd(estimate: Callable[..., distances.Estimate]) -> Callable[[Sample, Sample, np.random.Generator], SetValue]:
    def measure(sample: Sample, reference: Sample, rng: np.random.Generator) -> SetValue:
        clusters = {"x_clusters": sample.clusters, "y_clusters": reference.clusters}
        return _of_estimate(estimate(sample.rows, reference.rows, **clusters))

    return measure


def _kid_of_subsets(sample: Sample, reference: Sample, rng: np.random.Generator) -> SetValue:
    mean, spread = kernels.kid_of_subsets(sample.rows, reference.rows, np.random.RandomState(2020))
    return SetValue(mean, None, None, mean, None, spread, len(sample.rows), len(reference.rows))


def _inception_score(sample: Sample, reference: Sample, rng: np.random.Generator) -> SetValue:
    mean, spread = manifolds.inception_score(sample.rows, np.random.RandomState(2020))
    return SetValue(mean, None, None, mean, None, spread, len(sample.rows), 0)


def _manifold(name: str, k: int, closed: bool) -> Callable[[Sample, Sample, np.random.Generator], SetValue]:
    """The interval is of the mean over the rows that are asked, the other set taken as it is; the floor is what one
    half of the reference says of the other."""

    def measure(sample: Sample, reference: Sample, rng: np.random.Generator) -> SetValue:
        found = manifolds.manifold(reference.rows, sample.rows, k, closed)
        asked, each = {
            "precision": (sample, found.inside > 0),
            "recall": (reference, found.recalled),
            "density": (sample, found.inside / found.k),
            "coverage": (reference, found.covered),
        }[name]
        codes = distances.codes_of(asked.rows, asked.clusters)
        value = float(getattr(found, name))
        low = high = None
        if codes.max() > 0:
            from scipy.special import stdtrit

            error = math.sqrt(distances.variance_of_mean(np.asarray(each, dtype=np.float64), codes))
            reach = float(stdtrit(int(codes.max()), 0.975)) * error
            low, high = max(0.0, value - reach), value + reach
            high = high if name == "density" else min(1.0, high)
        one, other = distances.halves_of(reference.rows, distances.codes_of(reference.rows, reference.clusters), rng)
        floor = (
            float(getattr(manifolds.manifold(one, other, k, closed), name)) if min(len(one), len(other)) > k else None
        )
        return SetValue(value, low, high, value, floor, None, len(sample.rows), len(reference.rows))

    return measure


_HALVES = "freed of bias by 4 splits into halves by prompt, 95 % delta interval"
_ALL_ROWS = "all rows, float64, 95 % interval by prompt"


def _family(prefix: str, extractor: str, columns: tuple[int, int], of: str) -> dict[str, SetMetric]:
    """KID, precision, recall, density, coverage on these features."""
    balls = {"precision": (3, True), "recall": (3, True), "density": (5, False), "coverage": (5, False)}
    family = {
        f"{prefix}kid": SetMetric(
            extractor,
            columns,
            f"unbiased MMD², (x·y/d + 1)³, {_ALL_ROWS}",
            _mmd(kernels.kid_estimate),
            "MMD²",
            False,
            of,
        )
    }
    for name, (k, closed) in balls.items():
        family[prefix + name] = SetMetric(
            extractor,
            columns,
            f"{name}, k = {k}, borders {'inside' if closed else 'outside'}, 95 % interval by prompt",
            _manifold(name, k, closed),
            "share" if name != "density" else "ratio",
            True,
            of,
        )
    return family


_POOL3, _LOGITS = (0, 2048), (2048, 3056)


def _fd(extractor: str, dimensions: int, of: str, ddof: int = 1) -> SetMetric:
    estimator = f"Fréchet, covariance ddof {ddof}, {_HALVES}"
    return SetMetric(extractor, (0, dimensions), estimator, _frechet(ddof), "distance", False, of)


SETS: dict[str, SetMetric] = {
    "fid": _fd("inception-tf", 2048, "FID as torch-fidelity and TTUR"),
    "fid_pytorch": _fd("inception-pytorch", 2048, "FID as pytorch-fid"),
    "fid_clean": _fd("inception-clean", 2048, "FID as clean-fid"),
    **_family("", "inception-tf", _POOL3, "Inception pool3, torch-fidelity's preprocessing"),
    "kid_subsets": SetMetric(
        "inception-tf",
        _POOL3,
        "mean of unbiased MMD², (x·y/d + 1)³, 100 subsets of 1000, seed 2020",
        _kid_of_subsets,
        "MMD²",
        False,
        "KID as torch-fidelity",
    ),
    "inception_score": SetMetric(
        "inception-tf",
        _LOGITS,
        "10 parts, shuffled with seed 2020",
        _inception_score,
        "classes",
        True,
        "Inception Score as torch-fidelity",
        asks_reference=False,
    ),
    "cmmd": SetMetric(
        "clip",
        (0, 768),
        f"unbiased MMD² × 1000, Gaussian σ = 10, {_ALL_ROWS}; as published: biased",
        _mmd(kernels.cmmd_estimate),
        "MMD² × 1000",
        False,
        "CMMD",
    ),
    "fd_dinov2": _fd("dinov2", 1024, "FD-DINOv2 as dgm-eval"),
    "fvd": _fd("i3d-16", 400, "FVD as StyleGAN-V, 16 frames", ddof=0),
    "fvd_crop": _fd("i3d-16-crop", 400, "FVD as common_metrics, cropped"),
    "fvd_full": _fd("i3d-all", 400, "FVD of whole clips", ddof=0),
    "fvd_videomae": _fd("videomae", 1408, "content-debiased FVD as cd-fvd", ddof=0),
    "jedi_vjepa2": SetMetric(
        "vjepa2",
        (0, 1024),
        f"unbiased MMD² × 100, (x·y/d)², {_ALL_ROWS}; as published: biased",
        _mmd(kernels.jedi_estimate),
        "MMD² × 100",
        False,
        "the distance of JEDi on V-JEPA 2, not comparable with published JEDi",
    ),
    "builtin_frechet": _fd("builtin", 32, "built-in features, not comparable with published FVD or FID"),
    **_family("builtin_", "builtin", (0, 32), "built-in features, not comparable with published values"),
}
