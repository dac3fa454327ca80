"""How precise a comparison will be, what it costs, and when more prompts cannot help.

A vote is y = θ + prompt + assessor + rest with variances σ²_p, σ²_a, σ²_e. With P prompts, k votes on each, and A
equally busy assessors, the win rate's variance is σ²_p/P + σ²_a/A + σ²_e/(Pk) for new assessors; the middle term does
not shrink with more prompts. For these assessors it is (σ²_p + (σ²_e + σ²_a(1 − k/A))/k)/P.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import nctdtr, stdtrit

from metrics.preference.sandwich import codes
from metrics.preference.votes import Votes

MOST = 1_000_000  # prompts or assessors beyond which a search gives up


@dataclass(frozen=True)
class Components:
    """Variances of a vote's outcome (1, ½, 0): between prompts, between assessors, and the rest. `reason` says what a
    pilot could not tell apart."""

    prompt: float
    assessor: float
    rest: float
    reason: str = ""

    @property
    def total(self) -> float:
        """Variance of a single vote."""
        return self.prompt + self.assessor + self.rest


@dataclass(frozen=True)
class Precision:
    """What a plan promises. `se`, `half_width` (of the interval at `level`), `power` (chance of p < 1 − level where the
    true win rate is ½ ± `effect`), `df`; the same for these assessors only. `hours`: assessors' time in all."""

    prompts: int
    votes_per_prompt: int
    assessors: int
    level: float
    effect: float
    se: float
    df: float
    half_width: float
    power: float
    same_assessors_se: float
    same_assessors_half_width: float
    same_assessors_power: float
    votes: int
    hours: float | None


@dataclass(frozen=True)
class Need:
    """How many prompts reach a target. None where no number does with these assessors; then `assessors` is how many
    would do so with enough prompts. `in_words` says either."""

    prompts: int | None
    precision: Precision | None
    assessors: int | None
    in_words: str


def components_of(pilot: Votes) -> Components:
    """Variance components from a pilot, by the method of moments on pairs of votes (unbiased without knowing θ):

    half the mean squared difference of two votes is σ²_a + σ²_e on one prompt, σ²_p + σ²_e by one assessor, and all
    three where neither is shared. Negative differences count as zero.

    >>> pilot = Votes.of([0, 0, 1, 1, 2, 2], [0, 1, 0, 1, 0, 1], [1, 1, 0, 0, 1, 1])
    >>> parts = components_of(pilot)
    >>> round(parts.prompt, 3), parts.assessor, round(parts.rest, 3)
    (0.333, 0.0, 0.0)

    Raises ValueError where the pilot has fewer than two prompts or two assessors.
    """
    prompt, assessor = codes(pilot.prompt), codes(pilot.assessor)
    if len(np.unique(prompt)) < 2 or len(np.unique(assessor)) < 2:
        raise ValueError("a pilot needs at least two prompts and two assessors: use assumed() until there is one")
    cell = codes(prompt * (int(assessor.max()) + 1) + assessor)
    everyone = np.zeros(len(prompt), dtype=np.int64)
    sums = [_pairs(pilot.outcome, groups) for groups in (everyone, prompt, assessor, cell)]
    (all_sum, all_count), (p_sum, p_count), (a_sum, a_count), (c_sum, c_count) = sums
    neither_count = all_count - p_count - a_count + c_count
    if not neither_count:
        raise ValueError("every two votes of the pilot share a prompt or an assessor: let more assessors vote")
    neither = (all_sum - p_sum - a_sum + c_sum) / neither_count
    reasons = []
    on_prompt, by_assessor = p_count - c_count, a_count - c_count
    # One vote per prompt: nothing tells the prompt from the rest; as prompt variance it is never underestimated.
    same_prompt = (p_sum - c_sum) / on_prompt if on_prompt else 0.0
    same_assessor = (a_sum - c_sum) / by_assessor if by_assessor else neither
    if not on_prompt:
        reasons.append("no prompt has votes by two assessors: chance cannot be told from prompts and counts as such")
    if not by_assessor:
        reasons.append("no assessor voted on two prompts: differences between assessors are unknown and taken as none")
    between_assessors = max(0.0, neither - same_assessor)
    if not on_prompt:
        return Components(max(0.0, neither - between_assessors), between_assessors, 0.0, "; ".join(reasons))
    between_prompts = max(0.0, neither - same_prompt)
    rest = max(0.0, neither - between_prompts - between_assessors)
    return Components(between_prompts, between_assessors, rest, "; ".join(reasons))


def assumed(
    theta: float = 0.5, ties: float = 0.35, prompt_share: float = 0.3, assessor_share: float = 0.05
) -> Components:
    """Components before any pilot: a vote's variance is θ(1 − θ) − ties/4, divided by the given shares.

    The defaults are cautious readings of published side-by-side votes on video: ties .33 and .39 of all votes, prompts
    .38 and .16 of the variance, assessors .02 (at most .12) and .03 (FETV; LLMFAO).

    Raises ValueError for shares outside [0, 1], together above 1, or more ties than θ leaves room for.
    """
    variance = theta * (1 - theta) - ties / 4
    if not 0 < theta < 1 or not 0 <= ties <= 2 * min(theta, 1 - theta) or variance <= 0:
        raise ValueError(f"a win rate of {theta} with a share of ties of {ties} is not possible")
    if min(prompt_share, assessor_share) < 0 or prompt_share + assessor_share > 1:
        raise ValueError("prompt_share and assessor_share are shares of the variance: each from 0, together at most 1")
    rest = 1 - prompt_share - assessor_share
    return Components(variance * prompt_share, variance * assessor_share, variance * rest)


def precision(
    components: Components,
    prompts: int,
    votes_per_prompt: int,
    assessors: int,
    effect: float = 0.1,
    level: float = 0.95,
    seconds_per_vote: float | None = None,
    pairings: int = 1,
) -> Precision:
    """What a plan promises for one pairing and aspect; `pairings` only multiplies its cost.

    `effect` is a difference from ½ in win rate; `seconds_per_vote` the time one assignment takes, all aspects together.

    >>> plan = precision(assumed(), prompts=100, votes_per_prompt=3, assessors=10, seconds_per_vote=30)
    >>> round(plan.half_width, 2), plan.votes, plan.hours
    (0.09, 300, 2.5)

    Raises ValueError for fewer than 2 prompts or assessors, or more votes on a prompt than assessors.
    """
    if prompts < 2 or assessors < 2 or not 1 <= votes_per_prompt <= assessors:
        raise ValueError("a plan needs 2 prompts, 2 assessors, and between 1 and that many votes on each prompt")
    if not 0 < effect < 0.5 or not 0 < level < 1 or pairings < 1:
        raise ValueError("effect lies between 0 and 0.5, level between 0 and 1, and there is at least one pairing")
    se, same = _errors(components, prompts, votes_per_prompt, assessors)
    df = min(prompts, assessors) - 1
    votes = prompts * votes_per_prompt * pairings
    return Precision(
        prompts,
        votes_per_prompt,
        assessors,
        level,
        effect,
        se,
        df,
        _reach(df, level) * se,
        _power(effect, se, df, level),
        same,
        _reach(prompts - 1, level) * same,
        _power(effect, same, prompts - 1, level),
        votes,
        None if seconds_per_vote is None else votes * seconds_per_vote / 3600,
    )


def prompts_needed(
    components: Components,
    votes_per_prompt: int,
    assessors: int,
    half_width: float | None = None,
    power: float | None = None,
    effect: float = 0.1,
    level: float = 0.95,
    seconds_per_vote: float | None = None,
    pairings: int = 1,
) -> Need:
    """Fewest prompts whose interval is at most ± `half_width`, or that find `effect` with `power`: give one of the two.

    >>> prompts_needed(assumed(), votes_per_prompt=3, assessors=10, half_width=0.08).prompts
    192
    >>> prompts_needed(assumed(), votes_per_prompt=3, assessors=5, half_width=0.05).in_words
    'more prompts cannot help: with 5 assessors the interval stays wider than ± 11 of 100; it takes 15 assessors'

    Raises ValueError unless exactly one target is given, or as `precision` does.
    """
    if (half_width is None) == (power is None):
        raise ValueError("give either half_width or power")
    if (half_width is not None and half_width <= 0) or (power is not None and not 0 < power < 1):
        raise ValueError("half_width must be positive, power lie between 0 and 1")

    def plan(prompts: int, people: int) -> Precision:
        return precision(components, prompts, votes_per_prompt, people, effect, level, seconds_per_vote, pairings)

    def enough(prompts: int, people: int) -> bool:
        promised = plan(prompts, people)
        return promised.half_width <= half_width if half_width is not None else promised.power >= (power or 0)

    if enough(MOST, assessors):
        found = _fewest(lambda prompts: enough(prompts, assessors), 2)
        promised = plan(found, assessors)
        return Need(found, promised, None, f"{found} prompts, {promised.votes} votes by {assessors} assessors")
    at_best = plan(MOST, assessors)
    more = _fewest(lambda people: enough(MOST, people), assessors) if enough(MOST, MOST) else None
    words = f"more prompts cannot help: with {assessors} assessors "
    if half_width is not None:
        words += f"the interval stays wider than ± {100 * at_best.half_width:.0f} of 100"
    else:
        words += f"a difference of {100 * effect:.0f} of 100 is found at most {100 * at_best.power:.0f} times of 100"
    return Need(None, None, more, words + (f"; it takes {more} assessors" if more else ""))


def _pairs(outcome: NDArray[np.float64], groups: NDArray[np.int64]) -> tuple[float, int]:
    """Half the squared differences over all pairs of votes within groups, summed, and the number of such pairs."""
    size = np.bincount(groups)
    total, squares = np.bincount(groups, outcome), np.bincount(groups, outcome**2)
    return float((size * squares - total**2).sum() / 2), int((size * (size - 1)).sum() // 2)


def _errors(components: Components, prompts: int, votes: int, assessors: int) -> tuple[float, float]:
    each = components.prompt / prompts + components.rest / (prompts * votes)
    mixing = components.assessor * (1 - votes / assessors) / (prompts * votes)
    return sqrt(each + components.assessor / assessors), sqrt(each + mixing)


def _reach(df: float, level: float) -> float:
    return float(stdtrit(df, (1 + level) / 2))


def _power(effect: float, se: float, df: float, level: float) -> float:
    """Chance that |t| exceeds its quantile when θ = ½ ± effect: noncentral t."""
    if se == 0 or effect / se > 30:
        return 1.0
    reach, shift = _reach(df, level), effect / se
    return float(np.clip(1 - nctdtr(df, shift, reach) + nctdtr(df, shift, -reach), 0.0, 1.0))


def _fewest(enough: Callable[[int], bool], start: int) -> int:
    """Smallest number from `start` that is enough; once enough, more stays enough."""
    low, high = start - 1, start
    while not enough(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
