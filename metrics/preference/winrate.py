"""How often the first contender is preferred, with intervals that know votes share prompts and assessors.

θ = (1/P) Σ_p ȳ_p, the mean of the prompts' mean outcomes, ties half. Two claims, two intervals:

- "new prompts and new assessors would agree": two-way clustered variance of the influences ψ_v = (y_v − θ)/(P n_p),
  V = V_prompt + V_assessor − V_cell, each Σ over clusters (Σψ)² × K/(K − 1) (Cameron, Gelbach & Miller, 2011); where
  that is not positive the larger one-way variance, and never below a quarter of it; t with df = min(P, W_eff) − 1,
  W_eff = N²/Σn_a², n_a votes of assessor a;
- "these assessors, new prompts": variance of the prompt means alone; t with df = P − 1.

An interval holds every θ₀ that the t test does not reject, its standard error being the larger of the one estimated and
that one carried to θ₀ by √(θ₀(1 − θ₀) / θ(1 − θ)): the hull of the t and the Wilson interval with a design-based
effective number of votes (Korn & Graubard, 1998). It stays honest near 0 and 1, and excludes ½ exactly when the p-value
is below 1 − level. Where the variance is zero, as when every vote is the same, the sandwich would claim certainty: the
interval is then the hull of those that one vote turned the other way would have given. What simulations say of all
this is in docs/coverage.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from metrics.preference.sandwich import bounded, codes, degrees_of_freedom
from metrics.preference.votes import Votes

NEW_ASSESSORS = "new prompts and new assessors"
SAME_ASSESSORS = "these assessors, new prompts"
INDEPENDENT = "assumes independent votes"
ZERO = 1e-18  # a variance below this is rounding
NEAR = 1e-9  # and so is a difference of win rates below this


@dataclass(frozen=True)
class Interval:
    """A confidence interval of a win rate within [0, 1]; `claim` says in words what it speaks of.

    se: standard error; df: degrees of freedom of its t (infinite for a normal one); p_value: of "the win rate is ½".
    """

    low: float
    high: float
    se: float
    df: float
    claim: str
    p_value: float


@dataclass(frozen=True)
class WinRate:
    """The win rate of the first contender over the second. What cannot be computed is None, with its reason in words.

    `interval` speaks of new prompts and new assessors (from bare counts: of independent votes), `same_assessors` of
    these assessors and new prompts. `both_bad` is the part of `ties` that said so, None where it was not asked.
    """

    votes: int
    wins: int
    ties: int
    losses: int
    both_bad: int | None
    prompts: int | None
    assessors: int | None
    effective_assessors: float | None
    estimate: float | None
    interval: Interval | None
    same_assessors: Interval | None
    level: float
    reason: str = ""
    same_assessors_reason: str = ""

    @property
    def p_value(self) -> float | None:
        """Of "neither is preferred" (θ = ½), for new prompts and new assessors."""
        return None if self.interval is None else self.interval.p_value

    @property
    def in_words(self) -> str:
        """The finding as a sentence in percent, such as "wins 62 of 100, between 56 and 68"."""
        if self.estimate is None:
            return self.reason
        start = f"wins {100 * self.estimate:.0f} of 100"
        if self.interval is None:
            return f"{start}; no interval: {self.reason}"
        return f"{start}, between {100 * self.interval.low:.0f} and {100 * self.interval.high:.0f}"


@dataclass(frozen=True)
class Variances:
    """What the estimate's uncertainty is made of: clustered variances of θ, and the units behind them."""

    prompt: float
    assessor: float
    cell: float
    prompts: int
    assessors: int
    effective_assessors: float

    @property
    def two_way(self) -> float:
        """V_prompt + V_assessor − V_cell, or the larger one-way variance where that is not positive; at least a
        quarter of the larger one-way variance, so that chance cannot bring it near zero."""
        both, one = self.prompt + self.assessor - self.cell, max(self.prompt, self.assessor)
        return max(both, one / 4) if both > 0 else one


def win_rate(first: int, second: int, tie: int = 0, level: float = 0.95) -> WinRate:
    """Win rate from counts alone: (first + tie/2) / votes with a Wilson interval, which assumes independent votes.

    Where it is known who voted on what, use `win_rate_of`: the interval here is then too narrow.

    >>> win_rate(first=3, second=1, tie=2).in_words
    'wins 67 of 100, between 30 and 90'

    Raises ValueError for a negative or fractional count, or a level outside (0, 1).
    """
    _check_level(level)
    for name, count in (("first", first), ("second", second), ("tie", tie)):
        if count < 0 or int(count) != count:
            raise ValueError(f"{name} must be a count, not {count!r}")
    votes = first + second + tie
    if not votes:
        return WinRate(0, 0, 0, 0, None, None, None, None, None, None, None, level, "no votes", "no votes")
    theta = (first + tie / 2) / votes
    low, high = wilson(theta, votes, float(ndtri((1 + level) / 2)))
    p_value = float(2 * ndtr(-abs(theta - 0.5) * 2 * sqrt(votes)))
    interval = Interval(low, high, sqrt(theta * (1 - theta) / votes), float("inf"), INDEPENDENT, p_value)
    unknown = "bare counts do not say which votes share a prompt"
    return WinRate(votes, first, tie, second, None, None, None, None, theta, interval, None, level, "", unknown)


def win_rate_of(votes: Votes, level: float = 0.95) -> WinRate:
    """Win rate with both intervals from the votes of one pairing and aspect.

    >>> votes = Votes.of([0, 0, 1, 1, 2, 2], [0, 1, 0, 1, 0, 1], [1, 1, 1, 0.5, 0, 1])
    >>> win_rate_of(votes).estimate
    0.75
    >>> win_rate_of(votes.mirrored()).estimate
    0.25

    Raises ValueError for a level outside (0, 1).
    """
    _check_level(level)
    wins, ties, losses = votes.counts
    if not len(votes):
        return WinRate(0, 0, 0, 0, votes.bad, 0, 0, 0.0, None, None, None, level, "no votes", "no votes")
    theta, parts = variances(votes)
    df, reason = degrees_of_freedom(parts.prompts, parts.effective_assessors)
    few = "" if parts.prompts > 1 else "one prompt only: an interval needs at least two"
    interval, same = None, None
    if not few:
        interval = None if reason else _interval(votes, theta, parts, "two_way", df, NEW_ASSESSORS, level)
        same = _interval(votes, theta, parts, "prompt", parts.prompts - 1, SAME_ASSESSORS, level)
    return WinRate(
        len(votes),
        wins,
        ties,
        losses,
        votes.bad,
        parts.prompts,
        parts.assessors,
        parts.effective_assessors,
        theta,
        interval,
        same,
        level,
        reason,
        few,
    )


def strength_weighted(votes: Votes, strongest: int, level: float = 0.95) -> WinRate:
    """The win rate where a vote counts by its strength: ½ ± strength/(2 strongest), so that a full preference counts 1
    or 0, one of half the strength ¾ or ¼, and a tie ½. The mean and both intervals as in `win_rate_of`.

    >>> votes = Votes.of([0, 0, 1, 1], [0, 1, 0, 1], [1, 1, 0.5, 0], strength=[2, 1, 0, 1])
    >>> strength_weighted(votes, strongest=2).estimate
    0.625

    Raises ValueError where strengths were not asked or do not lie between 0 (a tie) and `strongest`.
    """
    if votes.strength is None:
        raise ValueError("no strength was asked: there is nothing to weigh the votes by")
    strength, tie = votes.strength, votes.outcome == 0.5
    if len(votes) and (np.any(strength[tie] != 0) or np.any(strength[~tie] <= 0) or strength.max() > strongest):
        raise ValueError(
            f"a strength lies above 0 and not above {strongest} where a side was chosen, and is 0 in a tie"
        )
    found, weighed = win_rate_of(votes, level), 0.5 + (votes.outcome - 0.5) * strength / strongest
    if found.estimate is None:
        return found
    theta, parts = _variances(votes.prompt, votes.assessor, weighed)
    df, none = degrees_of_freedom(parts.prompts, parts.effective_assessors)[0], "no variation to reckon with"
    interval = _weighed(found.interval, theta, parts.two_way, df, level)
    same = _weighed(found.same_assessors, theta, parts.prompt, parts.prompts - 1, level)
    return replace(
        found,
        estimate=theta,
        interval=interval,
        same_assessors=same,
        reason=found.reason or ("" if interval else none),
        same_assessors_reason=found.same_assessors_reason or ("" if same else none),
    )


def _weighed(plain: Interval | None, theta: float, variance: float, df: float, level: float) -> Interval | None:
    """The interval of votes by strength, where the plain one exists and there is any variance."""
    return t_interval(theta, variance, df, plain.claim, level) if plain and variance > ZERO else None


def without_each_assessor(votes: Votes, level: float = 0.95) -> dict[int, WinRate]:
    """The win rate without each single assessor's votes: whether the finding hangs on one person."""
    return {int(who): win_rate_of(votes.take(votes.assessor != who), level) for who in np.unique(votes.assessor)}


def variances(votes: Votes) -> tuple[float, Variances]:
    """θ and its clustered variances; raises ValueError without votes."""
    if not len(votes):
        raise ValueError("no votes: a win rate needs some")
    return _variances(votes.prompt, votes.assessor, votes.outcome)


def _variances(
    prompts_of: NDArray[np.int64], assessors_of: NDArray[np.int64], outcome: NDArray[np.float64]
) -> tuple[float, Variances]:
    prompt, assessor = bounded(prompts_of), bounded(assessors_of)
    per_prompt = np.bincount(prompt)
    prompts = int(np.count_nonzero(per_prompt))
    weight = 1 / (prompts * per_prompt[prompt])
    theta = float(outcome @ weight)
    influence = (outcome - theta) * weight
    loads = np.bincount(assessor)
    assessors, cell = int(np.count_nonzero(loads)), bounded(prompt * len(loads) + assessor)
    return theta, Variances(
        clustered(influence, prompt, prompts),
        clustered(influence, assessor, assessors),
        clustered(influence, cell, int(np.count_nonzero(np.bincount(cell)))),
        prompts,
        assessors,
        float(len(outcome) ** 2 / (loads.astype(np.float64) ** 2).sum()),
    )


def t_interval(theta: float, variance: float, df: float, claim: str, level: float = 0.95) -> Interval:
    """The interval described at the top of this module from θ, its (positive) variance and degrees of freedom."""
    if variance <= ZERO:
        raise ValueError("a t interval needs a positive variance")
    se, spread = sqrt(variance), theta * (1 - theta)
    reach = float(stdtrit(df, (1 + level) / 2))
    low, high = wilson(theta, spread / variance, reach)
    at_half = se * max(1.0, sqrt(0.25 / spread))
    p_value = float(2 * stdtr(df, -abs(theta - 0.5) / at_half))
    low, high = min(low, theta - reach * se), max(high, theta + reach * se)
    return Interval(max(0.0, low), min(1.0, high), se, df, claim, p_value)


def wilson(theta: float, votes: float, reach: float) -> tuple[float, float]:
    """Wilson's (1927) interval for a share of `votes`, effective ones perhaps; `reach`: the quantile, 1.96 for 95 %."""
    shrink = 1 + reach**2 / votes
    middle = (theta + reach**2 / (2 * votes)) / shrink
    half = reach / shrink * sqrt(theta * (1 - theta) / votes + reach**2 / (4 * votes**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def _interval(votes: Votes, theta: float, parts: Variances, way: str, df: float, claim: str, level: float) -> Interval:
    """The interval by one of the variances; where that is zero, the hull of those with one vote turned."""
    if (variance := getattr(parts, way)) > ZERO:
        return t_interval(theta, variance, df, claim, level)
    hull = []
    for outcome in _one_turned(votes):
        near, turned = variances(replace(votes, outcome=outcome))
        hull.append(t_interval(near, getattr(turned, way), df, claim, level))
    low, high = min(theta, *(one.low for one in hull)), max(theta, *(one.high for one in hull))
    p_value = 1.0 if abs(theta - 0.5) < NEAR else max(one.p_value for one in hull)
    return Interval(low, high, max(one.se for one in hull), df, claim, p_value)


def _one_turned(votes: Votes) -> list[NDArray[np.float64]]:
    """The outcomes with one vote changed to a win or a loss: on a prompt with fewest votes, by the busiest assessor."""
    prompt, assessor = codes(votes.prompt), codes(votes.assessor)
    alone, load = np.bincount(prompt)[prompt], np.bincount(assessor)[assessor]
    at = int(np.lexsort((votes.outcome, votes.assessor, votes.prompt, -load, alone))[0])
    turned = []
    for value in (0.0, 1.0):
        if votes.outcome[at] != value:
            turned.append(votes.outcome.copy())
            turned[-1][at] = value
    return turned


def clustered(influence: NDArray[np.float64], groups: NDArray[np.int64], count: int) -> float:
    """The variance by one way of clustering, of `count` clusters; numbers that nobody bears add nothing."""
    sums = np.bincount(groups, influence)
    return float(sums @ sums) * (count / (count - 1) if count > 1 else 1.0)


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, such as 0.95, not {level!r}")
