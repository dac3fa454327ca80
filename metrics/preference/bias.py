"""Position bias: whether the left side wins too often, and what the win rate would be without it.

A fixed side is repaired by no interval: where the first contender stood on the left in nearly all votes, its quality
and its place cannot be told apart, and the corrected win rate is None with that reason.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
from scipy.special import stdtr

from metrics.preference.sandwich import codes, degrees_of_freedom, effective_assessors, two_way_meat
from metrics.preference.votes import Bools, Votes
from metrics.preference.winrate import NEW_ASSESSORS, ZERO, Interval, WinRate, t_interval, win_rate, win_rate_of

SIDES_FIXED = 0.05  # where fewer votes than this share had one of the two orders, sides count as fixed

NONE_DECIDED = "every vote is a tie: neither side was ever chosen"


@dataclass(frozen=True)
class SideCorrected:
    """The win rate with sides balanced by regression, beside the raw one. `effect`: how much being on the left adds to
    the chance of winning, from −1 to 1; `effect_p_value` of "nothing"."""

    raw: float | None
    estimate: float | None
    interval: Interval | None
    effect: float | None
    effect_p_value: float | None
    reason: str = ""


@dataclass(frozen=True)
class PositionBias:
    """`left`: how often the left side won among decided votes (½: no bias), by the methods of `win_rate_of`.
    `per_assessor`: the same for each, with a Wilson interval that assumes that assessor's votes independent.
    `first_on_left`: share of all votes with the first contender on the left; `balance` says in words what follows."""

    left: WinRate
    per_assessor: dict[int, WinRate]
    first_on_left: float | None
    balance: str
    corrected: SideCorrected


def position_bias(votes: Votes, level: float = 0.95) -> PositionBias:
    """Position bias of the votes on one pairing and aspect (or on many together: sides need no contender).

    >>> votes = Votes.of([0, 1, 2, 3], [0, 1, 0, 1], [1, 0, 1, 0.5], first_on_left=[1, 0, 0, 1])
    >>> left = position_bias(votes).left
    >>> left.wins, left.losses
    (2, 1)

    Raises ValueError where sides were not recorded.
    """
    sides = _sides(votes)
    by_side, per_assessor = _by_side(votes, sides), {}
    cast, place = np.unique(votes.assessor, return_inverse=True)
    decided = votes.outcome != 0.5
    won = np.bincount(place[decided], by_side.outcome, len(cast)).astype(int)
    lost = np.bincount(place[decided], minlength=len(cast)) - won
    for who, wins, losses in zip(cast.tolist(), won.tolist(), lost.tolist(), strict=True):
        per_assessor[who] = win_rate(wins, losses, level=level)
    share = float(sides.mean()) if len(votes) else None
    return PositionBias(left_share(votes, level)[0], per_assessor, share, _balance(sides), side_corrected(votes, level))


def left_share(votes: Votes, level: float = 0.95) -> tuple[WinRate, str]:
    """The `left` and the `balance` of `position_bias` alone, where the rest is not wanted.

    Raises ValueError where sides were not recorded.
    """
    sides = _sides(votes)
    left = win_rate_of(_by_side(votes, sides), level)
    if len(votes) and not left.votes:
        left = replace(left, reason=NONE_DECIDED, same_assessors_reason=NONE_DECIDED)
    return left, _balance(sides)


def _by_side(votes: Votes, sides: Bools) -> Votes:
    """The decided votes as votes for (1) or against (0) the left side."""
    decided = votes.outcome != 0.5
    left_won = np.where(sides, votes.outcome, 1 - votes.outcome)[decided]
    return Votes(votes.prompt[decided], votes.assessor[decided], left_won)


def side_corrected(votes: Votes, level: float = 0.95) -> SideCorrected:
    """Least squares of the outcome on a constant and the side (+½ first on the left, −½ on the right), each prompt
    weighing the same; the constant is the win rate with both orders equally often. Two-way clustered as `win_rate_of`.

    Raises ValueError where sides were not recorded.
    """
    sides = _sides(votes)
    if not len(votes):
        return SideCorrected(None, None, None, None, None, "no votes")
    raw = win_rate_of(votes, level).estimate
    if min(sides.mean(), 1 - sides.mean()) < SIDES_FIXED:
        return SideCorrected(raw, None, None, None, None, _balance(sides))
    prompt, assessor = codes(votes.prompt), codes(votes.assessor)
    per_prompt = np.bincount(prompt)
    weight = 1 / per_prompt[prompt]
    design = np.stack([np.ones(len(votes)), np.where(sides, 0.5, -0.5)], axis=1)
    bread = np.linalg.inv((design * weight[:, None]).T @ design)
    beta = bread @ design.T @ (weight * votes.outcome)
    scores = design * (weight * (votes.outcome - design @ beta))[:, None]
    covariance = bread @ two_way_meat(scores, prompt, assessor) @ bread
    df, reason = degrees_of_freedom(len(per_prompt), effective_assessors(assessor))
    theta = float(np.clip(beta[0], 0.0, 1.0))
    if not reason and (covariance[0, 0] <= ZERO or covariance[1, 1] <= ZERO or theta in (0.0, 1.0)):
        reason = "no variation between prompts and assessors"
    if reason:
        return SideCorrected(raw, theta, None, float(beta[1]), None, reason)
    interval = t_interval(theta, float(covariance[0, 0]), df, NEW_ASSESSORS, level)
    effect = float(beta[1])
    effect_p = float(2 * stdtr(df, -abs(effect) / sqrt(covariance[1, 1])))
    return SideCorrected(raw, theta, interval, effect, effect_p)


def _sides(votes: Votes) -> Bools:
    if votes.first_on_left is None:
        raise ValueError("these votes do not say which contender stood on the left: position bias cannot be measured")
    return votes.first_on_left


def _balance(sides: Bools) -> str:
    if not len(sides):
        return "no votes"
    share = float(sides.mean())
    spread = 2.5 * sqrt(0.25 / len(sides))
    if min(share, 1 - share) < SIDES_FIXED:
        return (
            f"sides were fixed: the first contender stood on the left in {100 * share:.0f} of 100 votes, so its "
            "quality and its place cannot be told apart"
        )
    if abs(share - 0.5) > max(spread, 0.05):
        return f"sides were unbalanced: the first contender stood on the left in {100 * share:.0f} of 100 votes"
    return ""
