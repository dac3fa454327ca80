"""Fewer human votes, honestly: a judge's verdicts on all prompts, people's votes on some, one unbiased win rate.

PPI++ (Angelopoulos, Duchi & Zrnic, arXiv 2311.01453) for the win rate of `metrics.preference.winrate`:

    θ(λ) = mean over voted prompts of (ȳ_p − λ f̄_p) + λ × mean over the other prompts of f̄_p

with ȳ_p the prompt's mean outcome, f̄_p its mean verdict (1 the first, ½ tie, 0 the second). Whatever the judge is
worth, its mean cancels, so that θ(λ) has no bias of the judge's; λ in [0, 1] is the one with the least estimated
variance, and is 0, the votes alone, for a judge that does not go along with people. The variance of the voted part is
two-way clustered by prompt and assessor, that of the other part by prompt. λ was fitted to the same votes: for that its
interval takes P/(P − 1) of the variance and one degree of freedom less, and where this makes it no narrower than that
of the votes alone, λ is 0 (with neither, a judge that helps much covered 93.7 % in benchmarks/powered_coverage.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from metrics.preference.sandwich import add, codes, degrees_of_freedom, effective_assessors

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Powered:
    """A win rate with a judge's help beside the one without.

    estimate, low, high: with the judge, clipped to [0, 1]; votes_alone, alone_low, alone_high: the same estimator at
    λ = 0; weight: λ; votes: people's; prompts_voted and prompts_judged: voted ones, and those with verdicts alone;
    votes_saved: how many more votes of the same kind the votes alone would need for the same variance. Intervals are
    None with a reason where they cannot be computed.
    """

    estimate: float
    low: float | None
    high: float | None
    votes_alone: float
    alone_low: float | None
    alone_high: float | None
    weight: float
    votes: int
    prompts_voted: int
    prompts_judged: int
    votes_saved: float | None
    reason: str = ""


def powered_win_rate(
    outcome: ArrayLike,
    verdict_of_vote: ArrayLike,
    prompt: ArrayLike,
    assessor: ArrayLike,
    verdicts: ArrayLike,
    verdict_prompt: ArrayLike,
    level: float = 0.95,
) -> Powered:
    """The first contender's win rate from votes and verdicts.

    outcome (n,): 1, ½ or 0 for the first, one per vote; verdict_of_vote (n,): the judge's on that vote's pair, in [0,
    1]; prompt, assessor (n,): labels; verdicts (m,), verdict_prompt (m,): the judge's on pairs of any prompts, of which
    those of prompts without votes are used. Raises ValueError for unequal lengths, values outside [0, 1], no votes.

    >>> powered_win_rate([1, 0], [1, 0], ["a", "b"], ["x", "y"], [1, 1], ["c", "d"]).weight
    0.0
    """
    if not 0 < level < 1:
        raise ValueError(f"level lies between 0 and 1, not {level}")
    y, f, beyond = (
        _shares("outcome", outcome),
        _shares("verdict_of_vote", verdict_of_vote),
        _shares("verdicts", verdicts),
    )
    if not len(y):
        raise ValueError("no votes: a judge alone says nothing of people")
    prompt_labels, assessor_labels = np.asarray(prompt), np.asarray(assessor)
    if not len(y) == len(f) == len(prompt_labels) == len(assessor_labels):
        raise ValueError("outcome, verdict_of_vote, prompt and assessor have one entry per vote each")
    of = np.asarray(verdict_prompt)
    if len(of) != len(beyond):
        raise ValueError("verdicts and verdict_prompt have one entry per judged pair each")
    p, a = codes(prompt_labels), codes(assessor_labels)
    others = ~np.isin(of, prompt_labels)
    elsewhere = _prompt_means(beyond[others], codes(of[others])) if others.any() else np.zeros(0)
    df, reason = degrees_of_freedom(int(p.max()) + 1, effective_assessors(a))
    alone, judged = float(_prompt_means(y, p).mean()), float(_prompt_means(f, p).mean())
    counts = (len(y), int(p.max()) + 1, len(elsewhere))
    if reason:
        return Powered(alone, None, None, alone, None, None, 0.0, *counts, None, reason)
    covariance = _two_way(np.stack([y, f], axis=1), p, a)
    far = float(elsewhere.var(ddof=1)) / len(elsewhere) if len(elsewhere) > 1 else np.inf
    spread = covariance[1, 1] + far
    weight = float(np.clip(covariance[0, 1] / spread, 0, 1)) if np.isfinite(spread) and spread > 0 else 0.0
    if not covariance[0, 0] > 0:
        none = "the votes do not vary between prompts and assessors"
        return Powered(alone, None, None, alone, None, None, 0.0, *counts, None, none)
    estimate, variance = alone, float(covariance[0, 0])
    alone_reach = reach = float(stdtrit(df, (1 + level) / 2)) * sqrt(variance)
    if weight and df > 1:
        fitted = float(covariance[0, 0] - 2 * weight * covariance[0, 1] + weight**2 * spread)
        fitted *= counts[1] / (counts[1] - 1)
        reach = float(stdtrit(df - 1, (1 + level) / 2)) * sqrt(max(fitted, 0.0))
    if 0 < reach < alone_reach:
        estimate, variance = alone + weight * (float(elsewhere.mean()) - judged), fitted
    else:
        weight, reach = 0.0, alone_reach
    saved = len(y) * (float(covariance[0, 0]) / variance - 1)
    return Powered(
        float(np.clip(estimate, 0, 1)),
        *_around(estimate, reach),
        alone,
        *_around(alone, alone_reach),
        weight,
        *counts,
        saved,
    )


def _around(estimate: float, reach: float) -> tuple[float, float]:
    return max(0.0, estimate - reach), min(1.0, estimate + reach)


def _prompt_means(values: Floats, prompt: Ints) -> Floats:
    means: Floats = add(prompt, values) / np.bincount(prompt)
    return means


def _two_way(values: Floats, prompt: Ints, assessor: Ints) -> Floats:
    """Covariance (k, k) of the mean of prompt means of k columns, clustered two ways; where a column's is not positive,
    or far below its larger one-way variance, the by-prompt or by-assessor one (as the win rate's interval does)."""
    per_prompt = np.bincount(prompt)[prompt]
    centre = np.array([_prompt_means(column, prompt).mean() for column in values.T])
    influence = (values - centre) / (per_prompt[:, None] * (int(prompt.max()) + 1))
    by = [_meat(influence, groups) for groups in (prompt, assessor)]
    both = by[0] + by[1] - _meat(influence, codes(prompt * (int(assessor.max()) + 1) + assessor))
    larger = by[0] if by[0][0, 0] >= by[1][0, 0] else by[1]
    if both[0, 0] < larger[0, 0] / 4 or both[1, 1] < 0 or np.linalg.eigvalsh(both)[0] < 0:
        return larger
    return both


def _meat(influence: Floats, groups: Ints) -> Floats:
    count = int(groups.max()) + 1
    sums = np.stack([add(groups, column, count) for column in influence.T], axis=1)
    meat: Floats = sums.T @ sums * (count / (count - 1) if count > 1 else 1.0)
    return meat


def _shares(name: str, values: ArrayLike) -> Floats:
    checked = np.asarray(values, dtype=np.float64)
    inside = np.isfinite(checked).all() and (not len(checked) or 0 <= checked.min() <= checked.max() <= 1)
    if checked.ndim != 1 or not inside:
        raise ValueError(f"{name} is one-dimensional and lies in 0..1: leave out what is missing")
    return checked
