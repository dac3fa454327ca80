"""Paired comparisons with ties as an outcome of their own: Davidson (1970) and Rao & Kupper (1967).

With d = s_first − s_second [+ b if first was on the left, − b if on the right], λ = log ν and τ = log θ:
Davidson:    P(first) : P(tie) : P(second) = e^{d/2} : e^λ : e^{−d/2}
Rao-Kupper:  P(first) = expit(d − τ), P(second) = expit(−d − τ), a tie in between, τ > 0
Beside `ranking` they answer how often equal contenders tie; their order of contenders is almost always the same.

The order effect b is added to the difference of strengths, as in `ranking`: it is the whole advantage of the left one
over the right one. Davidson & Beaver (1977) write it as a factor on the worth π = e^s of the one that comes second,
left : tie : right = π_left : ν' √(π_left π_right) : γ π_right, which is the same model with γ = e^{−b}, ν' = ν √γ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import expit, logsumexp

from metrics.preference.sandwich import (
    TOLERANCE,
    Estimate,
    NoConvergence,
    Separated,
    add,
    codes,
    degrees_of_freedom,
    effective_assessors,
    estimates,
    positive,
)
from metrics.preference.tally import require_connected, require_finite, require_sides
from metrics.preference.votes import AllVotes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Model = Literal["davidson", "rao-kupper"]


@dataclass(frozen=True)
class Slopes:
    """Log-likelihood of a vote and its derivatives in d and in the tie parameter, each (n,)."""

    value: Floats
    by_gap: Floats
    by_tie: Floats
    gap_gap: Floats
    gap_tie: Floats
    tie_tie: Floats


@dataclass(frozen=True)
class TiesFit:
    """Strengths in the order of `names` (log-odds against the mean), the tie parameter (λ = log ν or τ = log θ), and
    where it was asked for the order effect b."""

    model: Model
    names: tuple[str, ...]
    strengths: tuple[Estimate, ...]
    tie: Estimate
    side: Estimate | None
    log_likelihood: float
    reason: str

    def chances(self, one: str, other: str) -> tuple[float, float, float]:
        """Fitted chances that `one`, on the left where sides are in the model, is preferred, that the vote is a tie,
        and that `other` is preferred."""
        for name in (one, other):
            if name not in self.names:
                raise ValueError(f"{name!r} is not among {', '.join(self.names)}")
        gap = self.strengths[self.names.index(one)].value - self.strengths[self.names.index(other)].value
        gap += self.side.value if self.side else 0.0
        won, lost = (
            np.exp(_slopes(self.model)(np.array([gap]), self.tie.value, np.array([o])).value[0]) for o in (1, 0)
        )
        return float(won), float(1 - won - lost), float(lost)


def fit_ties(votes: AllVotes, model: Model = "davidson", level: float = 0.95, side: bool = False) -> TiesFit:
    """Maximum likelihood by Newton (both likelihoods are concave), with two-way clustered intervals; `side` adds the
    order effect.

    Raises NotConnected as `rank` does, ValueError where there are no ties or nothing else (the tie parameter is then
    infinite or on its border) and where an order effect is asked for and sides are unknown or fixed (`require_sides`),
    Separated where parameters grow together without end, NoConvergence.
    """
    fit = _fitted(votes, model, side)
    size = len(votes.names)
    prompts, assessors = codes(votes.prompt), codes(votes.assessor)
    gap, tie = fit.here.by_gap[fit.kind], fit.here.by_tie[fit.kind]
    columns = [(gap, votes.first), (-gap, votes.second), (tie, np.full(len(votes), size))]
    if side:
        columns.append((gap * _placed(votes), np.full(len(votes), size + 1)))
    scores, targets = (np.concatenate(each) for each in zip(*columns, strict=True))
    width = size + 1 + side
    middle = np.zeros((width, width))
    for groups, sign in ((prompts, 1), (assessors, 1), (codes(prompts * (assessors.max() + 1) + assessors), -1)):
        clusters = int(groups.max()) + 1
        where = np.tile(groups, len(columns)), targets
        sums = csr_array((scores, where), shape=(clusters, width))
        middle += sign * (sums.T @ sums).toarray() * (clusters / (clusters - 1) if clusters > 1 else 1.0)
    covariance = positive(fit.bread @ middle @ fit.bread)
    df, reason = degrees_of_freedom(int(prompts.max()) + 1, effective_assessors(assessors))
    each = estimates(fit.theta, np.diag(covariance), df, reason, level)
    order = each[size + 1] if side else None
    return TiesFit(model, tuple(votes.names), each[:size], each[size], order, fit.log_likelihood, reason)


def tie_chance_of_equals(votes: AllVotes) -> float:
    """How often equal contenders tie, ν/(2 + ν) by Davidson's model, without an interval; raises as `fit_ties` does.

    >>> votes = AllVotes("ab", *np.array([[0] * 4, [1] * 4, range(4), range(4)]), np.array([1, 0, 0.5, 0.5]))
    >>> round(tie_chance_of_equals(votes), 6)
    0.5
    """
    tie = float(np.exp(_fitted(votes, "davidson").theta[len(votes.names)]))
    return tie / (2 + tie)


@dataclass(frozen=True)
class _Fit:
    """Strengths, tie parameter and (where asked) order effect at the maximum, with the inverse information, what the
    likelihood is like there for each kind of vote, and the kind of every vote."""

    theta: Floats
    bread: Floats
    here: Slopes
    kind: Ints
    log_likelihood: float


def _fitted(votes: AllVotes, model: Model, side: bool = False) -> _Fit:
    slopes = _slopes(model)
    size = len(votes.names)
    ties = int((votes.outcome == 0.5).sum())
    if ties in (0, len(votes)):
        raise ValueError(f"{ties} of {len(votes)} votes are ties: the tie parameter has no finite value; use `rank`")
    key = (votes.first * size + votes.second) * 3 + (2 * votes.outcome).astype(np.int64)
    if side:
        key = 3 * key + 1 + _placed(votes).astype(np.int64)
    every, kind = np.bincount(key), codes(key)
    seen = np.flatnonzero(every)
    count = every[seen]
    placed = np.asarray(seen % 3 - 1.0 if side else np.zeros(len(seen)), dtype=np.float64)
    seen = seen // 3 if side else seen
    first, second, outcome = seen // 3 // size, seen // 3 % size, seen % 3 / 2
    weight = count.astype(np.float64)
    if side:
        require_sides(first, second, placed, weight, size)
    won = add(first * size + second, weight * outcome, size * size)
    won += add(second * size + first, weight * (1 - outcome), size * size)
    require_connected(won.reshape(size, size), tuple(votes.names))
    anchor = np.zeros((size + 1 + side, size + 1 + side))
    anchor[:size, :size] = 1 / size
    theta = np.r_[np.zeros(size), 0.5 if model == "rao-kupper" else 0.0, np.zeros(int(side))]

    def at(point: Floats) -> Slopes:
        gap = point[first] - point[second]
        return slopes(gap + point[-1] * placed if side else gap, float(point[size]), outcome)

    here = at(theta)
    for _ in range(200):
        pull = weight * here.by_gap
        score = np.r_[add(first, pull, size) - add(second, pull, size), weight @ here.by_tie]
        information = _information(first, second, weight, here, size, placed if side else None) + anchor
        if side:
            score = np.r_[score, pull @ placed]
        if np.abs(score).max() <= TOLERANCE * weight.sum():
            break
        step, length = np.linalg.solve(information, score), 1.0
        before = weight @ here.value
        while True:
            proposed = theta + length * step
            if model == "davidson" or proposed[size] > 0:
                there = at(proposed)
                if weight @ there.value >= before - 1e-12 * abs(before) or length < 1e-8:
                    break
            length /= 2
        theta, here = proposed, there
        theta[:size] -= theta[:size].mean()
        if np.abs(theta).max() > 30:
            break
    else:
        raise NoConvergence(f"{model} has not converged in 200 Newton steps (score {np.abs(score).max():.1e})")
    inverse = np.linalg.inv(information)
    if side:
        require_finite(float(inverse[-1, -1]))
    if np.abs(theta).max() > 15:
        raise Separated(
            "wins and ties order the contenders so cleanly that no finite strengths tell them best: add votes, or use "
            "ties as half a win"
        )
    return _Fit(theta, inverse - anchor, here, kind, float(weight @ here.value))


def _placed(votes: AllVotes) -> Floats:
    """+1 where the first contender stood on the left, −1 where on the right, 0 where nobody knows."""
    left = votes.first_on_left
    return np.zeros(len(votes)) if left is None else np.where(left, 1.0, -1.0)


def _information(
    first: Ints, second: Ints, weight: Floats, here: Slopes, size: int, placed: Floats | None = None
) -> Floats:
    """Observed information of strengths, tie parameter and order effect; `placed`: ±1 for where the first stood."""
    pull = -weight * here.gap_gap
    cross = add(first * size + second, pull, size * size).reshape(size, size)
    cross = cross + cross.T
    mixed = -weight * here.gap_tie
    edge = add(first, mixed, size) - add(second, mixed, size)
    corner = np.array([[-(weight @ here.tie_tie)]])
    total = np.block([[np.diag(cross.sum(axis=1)) - cross, edge[:, None]], [edge[None, :], corner]])
    if placed is None:
        return total
    tilted = pull * placed
    rim = np.r_[add(first, tilted, size) - add(second, tilted, size), mixed @ placed]
    return np.block([[total, rim[:, None]], [rim[None, :], np.array([[pull.sum()]])]])


def _slopes(model: Model) -> Callable[[Floats, float, Floats], Slopes]:
    if model == "davidson":
        return _davidson
    if model == "rao-kupper":
        return _rao_kupper
    raise ValueError(f"model {model!r} is neither davidson nor rao-kupper")


def _davidson(gap: Floats, tie: float, outcome: Floats) -> Slopes:
    logs = np.stack([gap / 2, np.full_like(gap, tie), -gap / 2])
    chances = np.exp(logs - logsumexp(logs, axis=0))
    lean = (chances[0] - chances[2]) / 2
    chosen = np.where(outcome == 1, logs[0], np.where(outcome == 0, logs[2], logs[1])) - logsumexp(logs, axis=0)
    return Slopes(
        chosen,
        (outcome - 0.5) - lean,
        (outcome == 0.5) - chances[1],
        lean**2 - (chances[0] + chances[2]) / 4,
        lean * chances[1],
        -chances[1] * (1 - chances[1]),
    )


def _rao_kupper(gap: Floats, tie: float, outcome: Floats) -> Slopes:
    above, below = expit(gap + tie), expit(gap - tie)
    steep_above, steep_below = above * (1 - above), below * (1 - below)
    first, second = outcome == 1, outcome == 0

    def pick(won: Floats, lost: Floats, tied: Floats) -> Floats:
        result: Floats = np.where(first, won, np.where(second, lost, tied))
        return result

    up, down = np.logaddexp(0, gap + tie), np.logaddexp(0, gap - tie)
    return Slopes(
        pick(gap - tie - down, -up, gap + np.log(2 * np.sinh(tie)) - up - down),
        pick(1 - below, -above, 1 - above - below),
        pick(below - 1, -above, 1 / np.tanh(tie) - above + below),
        pick(-steep_below, -steep_above, -steep_above - steep_below),
        pick(steep_below, -steep_above, steep_below - steep_above),
        pick(-steep_below, -steep_above, -1 / np.sinh(tie) ** 2 - steep_above - steep_below),
    )
