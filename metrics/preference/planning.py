"""How precise a comparison will be, what it costs, and when more prompts cannot help.

A vote is y = θ + prompt + pair + assessor + rest with variances σ²_p, σ²_q, σ²_a, σ²_e; pairs of one prompt are its
seeds. With P prompts, s seeds of each, k votes on each pair, and A equally busy assessors, the win rate's variance is
σ²_p/P + σ²_q/(Ps) + σ²_a/A + σ²_e/(Psk) for new assessors: more seeds leave σ²_p/P, more prompts σ²_a/A. For these
assessors it is (σ²_p + (σ²_q + (σ²_e + σ²_a(1 − k/A))/k)/s)/P.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from metrics.preference.student import below, quantile
from metrics.preference.votes import Votes

Floats = NDArray[np.float64]
MOST = 1_000_000  # prompts or assessors beyond which a search gives up


@dataclass(frozen=True)
class Components:
    """Variances of a vote's outcome (1, ½, 0): between prompts, between assessors, the rest, and between pairs (seeds)
    of one prompt. `reason` says what a pilot could not tell apart."""

    prompt: float
    assessor: float
    rest: float
    reason: str = ""
    pair: float = 0.0

    @property
    def total(self) -> float:
        """Variance of a single vote."""
        return self.prompt + self.pair + self.assessor + self.rest


@dataclass(frozen=True)
class Precision:
    """What a plan promises. `se`, `half_width` (of the interval at `level`), `power` (chance of p < 1 − level where the
    true win rate is ½ ± `effect`), `df`; the same for these assessors only. `hours`: assessors' time in all."""

    prompts: int
    seeds: int
    votes_per_pair: int
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


def components_of(pilot: Votes, pair: ArrayLike | None = None) -> Components:
    """Variance components from a pilot, by the method of moments on twos of votes (unbiased without knowing θ). `pair`:
    which pair each vote is on, where prompts have several; by default each prompt is one pair.

    Half the mean squared difference of two votes is σ²_a + σ²_e on one pair, σ²_q more on two pairs of a prompt,
    σ²_p + σ²_q + σ²_e by one assessor on two prompts, and all four where nothing is shared. Negative differences count
    as zero.

    >>> pilot = Votes.of([0, 0, 1, 1, 2, 2], [0, 1, 0, 1, 0, 1], [1, 1, 0, 0, 1, 1])
    >>> parts = components_of(pilot)
    >>> round(parts.prompt, 3), parts.assessor, round(parts.rest, 3)
    (0.333, 0.0, 0.0)

    Raises ValueError where the pilot has fewer than two prompts or two assessors, or a pair belongs to two prompts.
    """
    prompt, assessor = _codes(pilot.prompt), _codes(pilot.assessor)
    if len(np.unique(prompt)) < 2 or len(np.unique(assessor)) < 2:
        raise ValueError("a pilot needs votes on at least two prompts and by at least two assessors")
    pairs = prompt if pair is None else _codes(pair)
    if len(pairs) != len(prompt) or len(np.unique(pairs)) != len(np.unique(np.stack([prompt, pairs]), axis=1).T):
        raise ValueError("`pair` has one label per vote, and each pair belongs to one prompt")
    crowd = int(assessor.max()) + 1
    groups = (np.zeros(len(prompt), dtype=np.int64), prompt, assessor, _codes(prompt * crowd + assessor))
    everyone, on_prompt, by_one, cell = (_twos(pilot.outcome, each) for each in groups)
    on_pair, seat = (_twos(pilot.outcome, each) for each in (pairs, _codes(pairs * crowd + assessor)))
    apart = _mean(everyone - on_prompt - by_one + cell)
    if apart is None:
        raise ValueError("every two votes of the pilot share a prompt or an assessor: let more assessors vote")
    same_pair, same_assessor = _mean(on_pair - seat), _mean(by_one - cell)
    same_prompt = _mean(on_prompt - on_pair - cell + seat)
    between_assessors = 0.0 if same_assessor is None else max(0.0, apart - same_assessor)
    between_prompts = between_pairs = 0.0
    if same_prompt is not None:
        between_prompts = max(0.0, apart - same_prompt)
    # One vote per pair: nothing tells the pair from the rest; as its variance it is never underestimated.
    left = apart - between_prompts - between_assessors if same_pair is None else apart - between_prompts - same_pair
    if same_prompt is None:
        between_prompts = max(0.0, left)
    else:
        between_pairs = max(0.0, left)
    reasons = []
    if same_pair is None:
        unit = "prompt" if same_prompt is None else "pair"
        reasons.append(f"no {unit} has votes by two assessors: chance cannot be told from {unit}s and counts as such")
    if same_assessor is None:
        reasons.append("no assessor voted on two prompts: differences between assessors are unknown and taken as none")
    if pair is not None and same_prompt is None:
        reasons.append("no prompt has two pairs: seeds of one prompt are taken to come out alike")
    rest = 0.0 if same_pair is None else max(0.0, apart - between_prompts - between_pairs - between_assessors)
    return Components(between_prompts, between_assessors, rest, "; ".join(reasons), between_pairs)


def assumed(
    theta: float = 0.5, ties: float = 0.35, prompt_share: float = 0.3, assessor_share: float = 0.05
) -> Components:
    """Components before any pilot: a vote's variance is θ(1 − θ) − ties/4, divided by the given shares.

    The defaults are cautious readings of published side-by-side votes on video: ties .33 and .39 of all votes, prompts
    .38 and .16 of the variance, assessors .02 (at most .12) and .03 (FETV; LLMFAO). Neither has two seeds of a prompt:
    they are taken to come out alike, so that more seeds are never credited with what only more prompts may give.

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
    votes_per_pair: int,
    assessors: int,
    effect: float = 0.1,
    level: float = 0.95,
    seconds_per_vote: float | None = None,
    pairings: int = 1,
    seeds: int = 1,
) -> Precision:
    """What a plan promises for one pairing and aspect, with `seeds` pairs of each prompt; `pairings` only multiplies
    its cost.

    `effect` is a difference from ½ in win rate; `seconds_per_vote` the time one assignment takes, all aspects together.

    >>> plan = precision(assumed(), prompts=100, votes_per_pair=3, assessors=10, seconds_per_vote=30)
    >>> round(plan.half_width, 2), plan.votes, plan.hours
    (0.09, 300, 2.5)

    Raises ValueError for fewer than 2 prompts or assessors, or more votes on a pair than assessors.
    """
    if prompts < 2 or assessors < 2 or not 1 <= votes_per_pair <= assessors:
        raise ValueError("a plan needs 2 prompts, 2 assessors, and between 1 and that many votes on each pair")
    if not 0 < effect < 0.5 or not 0 < level < 1 or min(pairings, seeds) < 1:
        raise ValueError(
            "effect lies between 0 and 0.5, level between 0 and 1, and there is at least one pairing and seed"
        )
    se, same = _errors(components, prompts, seeds, votes_per_pair, assessors)
    df = min(prompts, assessors) - 1
    votes = prompts * seeds * votes_per_pair * pairings
    return Precision(
        prompts,
        seeds,
        votes_per_pair,
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
    votes_per_pair: int,
    assessors: int,
    half_width: float | None = None,
    power: float | None = None,
    effect: float = 0.1,
    level: float = 0.95,
    seconds_per_vote: float | None = None,
    pairings: int = 1,
    seeds: int = 1,
) -> Need:
    """Fewest prompts whose interval is at most ± `half_width`, or that find `effect` with `power`: give one of the two.

    >>> prompts_needed(assumed(), votes_per_pair=3, assessors=10, half_width=0.08).prompts
    192
    >>> prompts_needed(assumed(), votes_per_pair=3, assessors=5, half_width=0.05).in_words
    'more prompts cannot help: with 5 assessors the interval stays wider than ± 11 of 100; it takes 15 assessors'

    Raises ValueError unless exactly one target is given, or as `precision` does.
    """
    if (half_width is None) == (power is None):
        raise ValueError("give either half_width or power")
    if (half_width is not None and half_width <= 0) or (power is not None and not 0 < power < 1):
        raise ValueError("half_width must be positive, power lie between 0 and 1")

    def plan(prompts: int, people: int) -> Precision:
        return precision(components, prompts, votes_per_pair, people, effect, level, seconds_per_vote, pairings, seeds)

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


def _codes(labels: ArrayLike) -> NDArray[np.int64]:
    """Labels as 0..k−1. Not the ones of sandwich.py, which loads SciPy: pages have none."""
    return np.unique(np.asarray(labels), return_inverse=True)[1].astype(np.int64)


def _twos(outcome: Floats, groups: NDArray[np.int64]) -> Floats:
    """Half the squared differences over all twos of votes within groups, summed, and the number of such twos."""
    size = np.bincount(groups)
    total, squares = np.bincount(groups, outcome), np.bincount(groups, outcome**2)
    return np.array([(size * squares - total**2).sum() / 2, (size * (size - 1)).sum() / 2])


def _mean(twos: Floats) -> float | None:
    return float(twos[0] / twos[1]) if twos[1] else None


def _errors(components: Components, prompts: int, seeds: int, votes: int, assessors: int) -> tuple[float, float]:
    each = (components.prompt + (components.pair + components.rest / votes) / seeds) / prompts
    mixing = components.assessor * (1 - votes / assessors) / (prompts * seeds * votes)
    return sqrt(each + components.assessor / assessors), sqrt(each + mixing)


def _reach(df: float, level: float) -> float:
    return quantile(df, (1 + level) / 2)


def _power(effect: float, se: float, df: float, level: float) -> float:
    """Chance that |t| exceeds its quantile when θ = ½ ± effect: noncentral t."""
    if se == 0 or effect / se > 30:
        return 1.0
    reach, shift = _reach(df, level), effect / se
    return min(1.0, max(0.0, 1 - below(df, reach, shift) + below(df, -reach, shift)))


def _fewest(enough: Callable[[int], bool], start: int) -> int:
    """Smallest number from `start` that is enough; once enough, more stays enough."""
    low, high = start - 1, start
    while not enough(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
