"""Looking at a comparison while it runs without fooling oneself.

- Planned looks: O'Brien & Fleming (1979) bounds, exact by the recursive integration of Armitage, McPherson & Rowe
  (1969); where looks come at uneven times, the spending function of Lan & DeMets (1983) of the same shape.
- At any moment: the asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas (2021) on prompt
  means, for the live page.

A look's interval is the win rate's interval at the look's own level (a repeated confidence interval, Jennison &
Turnbull, 1989). Time is counted in prompts with votes or, where all prompts are seen early and get ever more votes, in
votes. Assessors who stay from look to look, and prompts seen again, only make looks more alike than the bounds
suppose, which keeps the false alarms below α.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import log, sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from metrics.preference.sandwich import codes
from metrics.preference.votes import Votes
from metrics.preference.winrate import SAME_ASSESSORS, WinRate, win_rate_of

Floats = NDArray[np.float64]
Verdict = Literal["better", "no worse by a margin", "worse", "undecided"]
Claim = Literal["new assessors", "these assessors"]
Unit = Literal["prompts", "votes"]
EARLIEST = 10  # prompts before which the asymptotic confidence sequence says nothing
NODES = np.polynomial.legendre.leggauss(160)


@dataclass(frozen=True)
class Look:
    """One planned look. `statistic`: z of "neither is preferred" (of the t test's p-value; None without an interval);
    `bound`: what |z| must exceed now; `level`: that of the interval behind the verdict; `win_rate` is computed at this
    level. `stop`: whether the rule says to stop; `final`: no further look is planned."""

    number: int
    fraction: float
    statistic: float | None
    bound: float
    level: float
    win_rate: WinRate
    verdict: Verdict
    stop: bool
    final: bool
    in_words: str


@dataclass(frozen=True)
class LiveInterval:
    """An interval that holds the win rate at all times at once, so it may be watched; None with a `reason` before."""

    estimate: float | None
    low: float | None
    high: float | None
    prompts: int
    level: float
    verdict: Verdict
    claim: str = SAME_ASSESSORS
    reason: str = ""


@lru_cache(maxsize=64)
def obrien_fleming(looks: int = 5, alpha: float = 0.05) -> tuple[float, ...]:
    """Two-sided bounds z_k = C √(K/k) of K evenly spaced looks, false alarms α in all.

    >>> [round(z, 3) for z in obrien_fleming(5)]
    [4.562, 3.226, 2.634, 2.281, 2.04]
    """
    if looks < 1 or not 0 < alpha < 1:
        raise ValueError("looks must be at least 1 and alpha lie between 0 and 1")
    times = np.arange(1, looks + 1) / looks

    def excess(constant: float) -> float:
        return sum(crossing(tuple(times), tuple(constant / np.sqrt(times)))) - alpha

    constant = float(brentq(excess, 0.5 * ndtri(1 - alpha / 2), 8.0, xtol=1e-10))
    return tuple(float(z) for z in constant / np.sqrt(times))


@lru_cache(maxsize=256)
def spending_bounds(fractions: tuple[float, ...], alpha: float = 0.05) -> tuple[float, ...]:
    """Two-sided bounds for looks at the given shares of the planned prompts, rising; the last may pass 1.

    By t, 2 − 2Φ(z_{1−α/4}/√t) of false alarms is spent on either side (Lan & DeMets, 1983), α in all at t = 1.

    >>> [round(z, 2) for z in spending_bounds((0.2, 0.4, 0.6, 0.8, 1.0))]
    [4.88, 3.36, 2.68, 2.29, 2.03]

    Raises ValueError where the fractions do not rise or a look comes after all was spent.
    """
    _check_fractions(fractions)
    if len(fractions) > 1 and fractions[-2] >= 1:
        raise ValueError("an earlier look has already seen all planned prompts: plan a new comparison to go on")
    spent = [4 * ndtr(-ndtri(1 - alpha / 4) / sqrt(min(t, 1.0))) for t in fractions]
    bounds: list[float] = []
    walk = _Walk()
    for time, before, now in zip(fractions, [0.0, *spent], spent, strict=False):
        share = float(now - before)
        # 8.2: beyond, the normal tail is below the accuracy of doubles.
        reach = 8.2
        if walk.crossing(time, reach) < share:
            reach = float(brentq(lambda z, w=walk, t=time, s=share: w.crossing(t, z) - s, 0.0, 8.2, xtol=1e-10))
        bounds.append(reach)
        walk = walk.go_on(time, reach)
    return tuple(bounds)


def repeated_p_value(statistic: float, number: int, looks: int = 5) -> float:
    """The least α at which look `number` of evenly spaced `looks` would reject, its |z| being `statistic`'s: a p-value
    that may be read at whichever look one stopped (Jennison & Turnbull, 2000, §9.5).

    >>> round(repeated_p_value(obrien_fleming(5)[2], 3), 4)
    0.05
    """
    if not 1 <= number <= looks:
        raise ValueError(f"look {number} is none of {looks}")
    times = np.arange(1, looks + 1) / looks
    constant = abs(statistic) * sqrt(times[number - 1])
    return min(1.0, float(sum(crossing(tuple(times), tuple(constant / np.sqrt(times)))))) if constant > 0 else 1.0


def crossing(fractions: Sequence[float], bounds: Sequence[float], drift: float = 0.0) -> tuple[float, ...]:
    """Chance of first leaving ±bounds at each look; `drift` is the expected z at fraction 1 (0: no difference)."""
    _check_fractions(fractions)
    walk, chances = _Walk(drift=drift), []
    for time, bound in zip(fractions, bounds, strict=True):
        chances.append(walk.crossing(time, bound))
        walk = walk.go_on(time, bound)
    return tuple(chances)


def examine(
    votes: Votes,
    planned: int,
    earlier: Sequence[int] = (),
    margin: float | None = None,
    claim: Claim = "new assessors",
    looks: int = 5,
    alpha: float = 0.05,
    unit: Unit = "prompts",
) -> Look:
    """A planned look at the votes so far. `planned`: prompts (or votes, by `unit`) at the end; `earlier`: those at
    earlier looks.

    At the planned times (planned × k/looks, to within one) bounds are O'Brien & Fleming's, else Lan & DeMets'.
    `margin` (of win rate, such as 0.05) makes "no worse by a margin" a verdict that stops, too.

    Raises ValueError for a margin outside (0, ½), no votes, or prompts (votes) that have not grown since the last look.
    """
    _check_margin(margin)
    if unit not in ("prompts", "votes"):
        raise ValueError(f"time is counted in prompts or votes, not in {unit!r}")
    now = len(votes) if unit == "votes" else len(np.unique(votes.prompt))
    if planned < 1 or now < 1:
        raise ValueError(f"a look needs votes, and a planned number of {unit}")
    fractions = tuple(count / planned for count in (*earlier, now))
    number = len(fractions)
    even = [count - planned * k / looks for k, count in enumerate((*earlier, now), 1)]
    if number <= looks and max(abs(off) for off in even) < 1:
        bound = obrien_fleming(looks, alpha)[number - 1]
    else:
        bound = spending_bounds(fractions, alpha)[-1]
    level = float(1 - 2 * ndtr(-bound))
    result = win_rate_of(votes, level)
    interval = result.interval if claim == "new assessors" else result.same_assessors
    verdict: Verdict = "undecided"
    if interval is not None:
        verdict = verdict_of(interval.low, interval.high, margin)
    final = fractions[-1] >= 1 or (number == looks and max(abs(off) for off in even) < 1)
    words = f"look {number}, {100 * min(fractions[-1], 1):.0f} of 100 planned {unit}: {verdict}"
    statistic = None
    if interval is None or result.estimate is None:
        words += f" ({result.reason or result.same_assessors_reason})"
    else:
        statistic = float(np.sign(result.estimate - 0.5) * -ndtri(max(interval.p_value, 1e-300) / 2))
    return Look(number, fractions[-1], statistic, bound, level, result, verdict, verdict != "undecided", final, words)


def live_interval(votes: Votes, planned: int, margin: float | None = None, level: float = 0.95) -> LiveInterval:
    """Asymptotic confidence sequence of the prompts' mean outcomes after t prompts, tightest at `planned`:

    θ ± σ √((2(tρ² + 1)/(t²ρ²)) log(√(tρ² + 1)/α)),  ρ² = (−2 log α + log(1 − 2 log α)) / planned,

    σ² = (¼ + Σ(ȳ_p − θ)²)/(t + 1): one prompt of greatest variance is added, so that early agreement is not taken for
    certainty. It speaks of these assessors and new prompts. Below 10 prompts it says nothing.
    """
    _check_margin(margin)
    if planned < 1 or not 0 < level < 1:
        raise ValueError("planned must be at least 1 and level lie between 0 and 1")
    if not len(votes):
        return LiveInterval(None, None, None, 0, level, "undecided", reason="no votes")
    prompt = codes(votes.prompt)
    per_prompt = np.bincount(prompt)
    means, time = np.bincount(prompt, votes.outcome) / per_prompt, len(per_prompt)
    theta = float(means.mean())
    if time < EARLIEST:
        return LiveInterval(
            theta, None, None, time, level, "undecided", reason=f"{time} prompts so far: an interval needs {EARLIEST}"
        )
    reach = sequence_reach(float(((means - theta) ** 2).sum()), time, planned, level)
    low, high = max(0.0, theta - reach), min(1.0, theta + reach)
    return LiveInterval(theta, low, high, time, level, verdict_of(low, high, margin))


def sequence_reach(squares: float, time: int, planned: int, level: float = 0.95) -> float:
    """Half-width of the confidence sequence of `live_interval` after `time` prompts; squares: Σ(ȳ_p − θ)²."""
    alpha = 1 - level
    rho = (-2 * log(alpha) + log(1 - 2 * log(alpha))) / planned
    grown = time * rho + 1
    return sqrt((0.25 + squares) / (time + 1) * 2 * grown / (time**2 * rho) * log(sqrt(grown) / alpha))


def verdict_of(low: float, high: float, margin: float | None = None) -> Verdict:
    """What an interval of the first contender's win rate says about it; `margin` below ½ counts as no worse.

    >>> verdict_of(0.52, 0.6), verdict_of(0.46, 0.58), verdict_of(0.46, 0.58, margin=0.05), verdict_of(0.4, 0.48)
    ('better', 'undecided', 'no worse by a margin', 'worse')
    """
    if low > 0.5:
        return "better"
    if high < 0.5:
        return "worse"
    return "no worse by a margin" if margin is not None and low > 0.5 - margin else "undecided"


@dataclass(frozen=True)
class _Walk:
    """Scores √t z that have not crossed yet: density at nodes with quadrature weights folded in; a point at 0 first."""

    time: float = 0.0
    at: Floats = field(default_factory=lambda: np.zeros(1))
    mass: Floats = field(default_factory=lambda: np.ones(1))
    drift: float = 0.0

    def crossing(self, time: float, bound: float) -> float:
        """Chance of having stayed inside so far and being outside ±bound at `time`."""
        step, edge = sqrt(time - self.time), bound * sqrt(time)
        centre = self.at + self.drift * step**2
        return float(self.mass @ (ndtr((-edge - centre) / step) + ndtr((centre - edge) / step)))

    def go_on(self, time: float, bound: float) -> _Walk:
        """The walk at `time`, where it is still inside."""
        step, edge = sqrt(time - self.time), bound * sqrt(time)
        nodes, weights = NODES
        edge = min(edge, 9 * sqrt(time) + abs(self.drift))
        at = nodes * edge
        centre = self.at + self.drift * step**2
        density = np.exp(-0.5 * ((at[:, None] - centre) / step) ** 2) / (step * sqrt(2 * np.pi))
        return _Walk(time, at, (density @ self.mass) * weights * edge, self.drift)


def _check_fractions(fractions: Sequence[float]) -> None:
    if not len(fractions) or not all(a < b for a, b in zip([0.0, *fractions], fractions, strict=False)):
        raise ValueError(f"looks must come after ever more prompts, not at the fractions {tuple(fractions)}")


def _check_margin(margin: float | None) -> None:
    if margin is not None and not 0 < margin < 0.5:
        raise ValueError(f"margin is a difference in win rate between 0 and 0.5, such as 0.05, not {margin!r}")
