"""Does a measure go along with people? Its sign against votes, and its order of contenders against theirs.

A measure is compared within a prompt only: of two clips of one prompt, is the one that it favours the one chosen?
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

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


def mean_by_prompt(
    values: NDArray[np.floating],
    prompts: NDArray[np.integer],
    bounds: tuple[float | None, float | None] = (None, None),
) -> Mean:
    """The mean of the prompts' means, so that a prompt with more clips weighs no more; the t interval has
    prompts − 1 degrees of freedom, and ends where `bounds` say that no value can lie.

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
    least, most = bounds
    low = mean - reach if least is None else max(mean - reach, least)
    high = mean + reach if most is None else min(mean + reach, most)
    return Mean(mean, low, high, len(values), groups)


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


MOST_ORDERED = 7
"""Up to so many contenders every order is looked at to tell what chance would do."""


@dataclass(frozen=True)
class Ranks:
    """How alike two orders of the same contenders are; None where one of them ranks all alike.

    tau: Kendall's τ_b; rho: Spearman's ρ; chance: share of all orders of the contenders with a τ_b as great or greater,
    which is the one-sided p-value of an order that knows nothing; None beyond MOST_ORDERED contenders.
    """

    tau: float | None
    rho: float | None
    chance: float | None
    contenders: int


def ranks(measure: NDArray[np.floating], people: NDArray[np.floating]) -> Ranks:
    """Rank correlations of contenders by a measure and by people (Kendall, 1945; Spearman, 1904), ties at mean ranks.

    >>> ranks(np.array([1.0, 2, 3, 4]), np.array([1.0, 2, 4, 3]))
    Ranks(tau=0.6666666666666666, rho=0.8, chance=0.16666666666666666, contenders=4)
    """
    tau = kendall_tau(measure, people)
    if tau is None:
        return Ranks(None, None, None, len(measure))
    x, y = (_mean_ranks(np.asarray(each, dtype=np.float64)) for each in (measure, people))
    x, y = x - x.mean(), y - y.mean()
    rho = float(round(x @ y / np.sqrt((x @ x) * (y @ y)), 12))
    chance = None
    if len(x) <= MOST_ORDERED:
        orders = np.array(list(permutations(range(len(x)))))
        above = np.triu_indices(len(x), 1)
        signs = np.sign(y[:, None] - y)[above]
        turned = np.sign(x[orders][:, :, None] - x[orders][:, None, :])[:, above[0], above[1]]
        agreed = turned @ signs
        chance = float((agreed >= agreed[0]).mean())
    return Ranks(tau, rho, chance, len(x))


def _mean_ranks(values: Array) -> Array:
    below = (values[:, None] > values).sum(1)
    ranked: Array = below + ((values[:, None] == values).sum(1) - 1) / 2
    return ranked
