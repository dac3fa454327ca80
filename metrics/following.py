"""Does a measure go along with people? Its sign against votes, and its order of contenders against theirs.

A measure is compared within a prompt only: of two clips of one prompt, is the one that it favours the one chosen?
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Mean:
    """A mean over prompts with its 95 % t interval by prompt; what cannot be given is None, with the reason.

    count: rows behind it; prompts: clusters behind it.
    """

    value: float | None
    low: float | None
    high: float | None
    count: int
    prompts: int
    reason: str = ""


def mean_by_prompt(values: NDArray[np.floating], prompts: NDArray[np.integer]) -> Mean:
    """The mean of the prompts' means, so that a prompt with more clips weighs no more; the t interval has
    prompts − 1 degrees of freedom.

    >>> mean_by_prompt(np.array([1.0, 1.0, 4.0]), np.array([0, 0, 1])).value
    2.5
    """
    values = np.asarray(values, dtype=np.float64)
    if values.shape != np.shape(prompts) or values.ndim != 1:
        raise ValueError(f"values and prompts must be of one length, not {values.shape} and {np.shape(prompts)}")
    if not np.isfinite(values).all():
        raise ValueError("a value is not finite: it cannot enter a mean")
    if not len(values):
        return Mean(None, None, None, 0, 0, "nothing was measured")
    _, code = np.unique(prompts, return_inverse=True)
    means = np.bincount(code, weights=values) / np.bincount(code)
    mean, groups = float(means.mean()), len(means)
    if groups < 2:
        return Mean(mean, None, None, len(values), groups, "one prompt tells nothing of others")
    if np.ptp(means) == 0:
        return Mean(mean, None, None, len(values), groups, "every prompt gives the same value")
    from scipy.special import stdtrit

    reach = float(stdtrit(groups - 1, 0.975) * means.std(ddof=1) / np.sqrt(groups))
    return Mean(mean, mean - reach, mean + reach, len(values), groups)


def agreement(
    first: NDArray[np.floating],
    second: NDArray[np.floating],
    outcome: NDArray[np.floating],
    prompts: NDArray[np.integer],
    higher_is_better: bool = True,
) -> Mean:
    """Share of the votes on a pair that chose the clip which the measure favours, a tie on either side half.

    One row per pair: the measure of both clips, the mean outcome of its votes (1 first, ½ tie, 0 second) and its
    prompt. ½ is chance. The interval is cut to [0, 1].
    """
    if not len(first) == len(second) == len(outcome):
        raise ValueError("give both clips' measures and an outcome for each pair")
    outcomes = np.asarray(outcome, dtype=np.float64)
    if ((outcomes < 0) | (outcomes > 1)).any():
        raise ValueError("outcomes lie between 0, the second clip, and 1, the first")
    favours = np.sign(np.asarray(first, dtype=np.float64) - second) * (1 if higher_is_better else -1)
    found = mean_by_prompt(0.5 + favours * (outcomes - 0.5), prompts)
    if found.low is None or found.high is None:
        return found
    return Mean(found.value, max(0.0, found.low), min(1.0, found.high), found.count, found.prompts)


def kendall_tau(measure: NDArray[np.floating], people: NDArray[np.floating]) -> float | None:
    """τ_b between two orders of the same contenders (Kendall, 1945); None where one of them ranks all alike.

    Few contenders make it coarse: with three it takes four values. Show it with their number.
    """
    x, y = np.asarray(measure, dtype=np.float64), np.asarray(people, dtype=np.float64)
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"both orders must be of the same contenders, not {x.shape} and {y.shape}")
    above = np.triu_indices(len(x), 1)
    dx, dy = np.sign(x[:, None] - x)[above], np.sign(y[:, None] - y)[above]
    scale = float(np.sqrt((dx**2).sum() * (dy**2).sum()))
    return float((dx * dy).sum() / scale) if scale else None
