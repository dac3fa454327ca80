"""Bradley-Terry ranking of many contenders, ties as half a win, with two-way (prompt × assessor) clustered intervals.

P(first preferred) = expit(s_first − s_second [+ b if first was on the left, − b if on the right]); strengths sum to
zero, so each one is a contrast against the mean contender (Bradley & Terry, 1952; Davidson & Beaver, 1977 for the side
term). Votes are tallied once (`Tally`); fits and covariances work on the counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, stdtr

from metrics.preference.sandwich import (
    TOLERANCE,
    Estimate,
    NoConvergence,
    add,
    degrees_of_freedom,
    estimates,
    meat,
    positive,
)
from metrics.preference.tally import Kinds, NotConnected, Tally, require_finite, require_sides
from metrics.preference.votes import AllVotes

__all__ = ["NotConnected", "Ranking", "Rated", "Tally", "joined", "league", "rank", "strengths"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
ELO = 400 / np.log(10)


@dataclass(frozen=True)
class Rated:
    """One contender. `strength` is in log-odds against the mean contender, `elo` the same on the scale of 400 points
    per factor ten around 1000, `chance` the probability (with interval) of winning against a contender of mean
    strength. `ranks`: best and worst rank that the votes leave open."""

    name: str
    votes: int
    score: float
    strength: Estimate
    elo: tuple[float, float | None, float | None]
    chance: tuple[float, float | None, float | None]
    ranks: tuple[int, int]


@dataclass(frozen=True)
class Ranking:
    """A fitted ranking, strongest first in `rated`; `strengths` (C,) and `covariance` (C, C) are in the order of
    `names`. Where `reason` is not empty there are no intervals and every rank is open."""

    rated: tuple[Rated, ...]
    names: tuple[str, ...]
    strengths: Floats
    covariance: Floats
    side: Estimate | None
    method: str
    votes: int
    prompts: int
    assessors: int
    df: float
    level: float
    reason: str

    def difference(self, one: str, other: str) -> Estimate:
        """Strength of one minus that of the other, in log-odds, with its interval (unadjusted)."""
        for name in (one, other):
            if name not in self.names:
                raise ValueError(f"{name!r} is not in this ranking of {', '.join(self.names)}")
        i, j = self.names.index(one), self.names.index(other)
        variance = self.covariance[i, i] + self.covariance[j, j] - 2 * self.covariance[i, j]
        return estimates(self.strengths[i] - self.strengths[j], variance, self.df, self.reason, self.level)[0]


def rank(
    tally: Tally,
    side: bool = False,
    prior: float | None = None,
    level: float = 0.95,
    unclear: Sequence[tuple[int, int]] = (),
) -> Ranking:
    """Bradley-Terry by Newton on the counts, with two-way clustered intervals.

    `side` adds the left advantage. `prior` is the standard deviation of a normal prior on strengths (log-odds): the
    result is then a maximum a posteriori estimate and says so in `method`. `unclear`: pairs of contenders (places in
    the tally's names) whose order ranks leave open whatever their strengths.

    Raises NotConnected (without a prior), NoConvergence, and ValueError where sides are asked for but unknown or
    fixed (`require_sides`); Separated where the order effect is infinite.
    """
    if prior is None:
        tally.require_connected()
    elif not prior > 0:
        raise ValueError(f"the prior is a standard deviation in log-odds and must be above 0, not {prior}")
    size = len(tally.names)
    if side:
        require_sides(tally.first, tally.second, tally.side, tally.votes, size)
    theta, bread = _newton(tally, side, 0.0 if prior is None else prior**-2)
    if side:
        require_finite(float(bread[size, size]))
    middle = _middle(tally, _chances(tally, theta), side)
    covariance = positive(bread @ middle @ bread)
    strengths = theta[:size]
    df, reason = degrees_of_freedom(tally.by_prompt.clusters, tally.effective)
    inner = covariance[:size, :size]
    each = estimates(strengths, np.diag(inner), df, reason, level)
    ranks = _rank_ranges(strengths, inner, df, 1 - level, unclear) if not reason else [(1, size)] * size
    tilt = estimates(theta[size], covariance[size, size], df, reason, level)[0] if side else None
    seen = add(tally.first, tally.votes, size) + add(tally.second, tally.votes, size)
    scores = tally.wins().sum(axis=1)
    rated = [
        Rated(
            name,
            int(seen[i]),
            float(scores[i]),
            each[i],
            _scaled(each[i], lambda s: 1000 + ELO * s),
            _scaled(each[i], lambda s: float(expit(s))),
            ranks[i],
        )
        for i, name in enumerate(tally.names)
    ]
    rated.sort(key=lambda r: (-r.strength.value, r.name))
    method = "Bradley-Terry, maximum likelihood, ties as half"
    if prior is not None:
        method = f"Bradley-Terry, maximum a posteriori with a normal prior of {prior:g} log-odds, ties as half"
    return Ranking(
        tuple(rated),
        tally.names,
        strengths,
        inner,
        tilt,
        method,
        int(tally.votes.sum()),
        tally.by_prompt.clusters,
        tally.by_assessor.clusters,
        df,
        level,
        reason,
    )


def strengths(votes: Kinds, prior: float) -> Floats:
    """Strengths (C,) alone, as `rank` with this prior finds them: no intervals, and so no more than counts to look at.
    Raises NoConvergence."""
    return _newton(votes, False, prior**-2)[0]


def league(tables: Sequence[AllVotes], side: bool = False, prior: float | None = None, level: float = 0.95) -> Ranking:
    """One ranking over several comparisons that share contenders (by name); prompt and assessor numbers mean the same
    in all of them.

    Raises NotConnected where no shared opponents link the comparisons, ValueError without votes or where a side term is
    asked for and some comparison does not know its sides.
    """
    return rank(Tally.of(joined(tables)), side, prior, level)


def joined(tables: Sequence[AllVotes]) -> AllVotes:
    """All votes of several comparisons in one table, contenders matched by name."""
    if not tables:
        raise ValueError("a league needs at least one table of votes")
    names = tuple(dict.fromkeys(name for table in tables for name in table.names))
    places = [np.array([names.index(name) for name in table.names], dtype=np.int64) for table in tables]
    known = [table.first_on_left for table in tables if table.first_on_left is not None]
    return AllVotes(
        names,
        np.concatenate([place[table.first] for place, table in zip(places, tables, strict=True)]),
        np.concatenate([place[table.second] for place, table in zip(places, tables, strict=True)]),
        np.concatenate([table.prompt for table in tables]),
        np.concatenate([table.assessor for table in tables]),
        np.concatenate([table.outcome for table in tables]),
        np.concatenate(known) if len(known) == len(tables) else None,
    )


def _scaled(strength: Estimate, scale: Callable[[float], float]) -> tuple[float, float | None, float | None]:
    low, high = strength.low, strength.high
    return scale(strength.value), None if low is None else scale(low), None if high is None else scale(high)


def _chances(tally: Kinds, theta: Floats) -> Floats:
    """Fitted chance of the first contender in each kind (K,)."""
    eta = theta[tally.first] - theta[tally.second]
    if len(theta) > len(tally.names):
        eta = eta + theta[-1] * tally.side
    chance: Floats = expit(eta)
    return chance


def _information(tally: Kinds, chance: Floats, side: bool) -> Floats:
    """Σ n p(1 − p) x x' over the kinds."""
    size = len(tally.names)
    weight = tally.votes * chance * (1 - chance)
    cross = add(tally.first * size + tally.second, weight, size * size).reshape(size, size)
    cross = cross + cross.T
    total = np.diag(cross.sum(axis=1)) - cross
    if not side:
        return total
    tilted = weight * tally.side
    edge = add(tally.first, tilted, size) - add(tally.second, tilted, size)
    return np.block([[total, edge[:, None]], [edge[None, :], np.array([[weight.sum()]])]])


def _newton(tally: Kinds, side: bool, precision: float, limit: int = 100) -> tuple[Floats, Floats]:
    """Strengths (and side) at the maximum, and the inverse information on the space where strengths sum to zero."""
    size = len(tally.names)
    theta = np.zeros(size + side)
    anchor = np.zeros((size + side, size + side))
    anchor[:size, :size] = 1 / size
    ridge = np.diag(np.r_[np.full(size, precision), np.zeros(int(side))])

    def loss(at: Floats) -> float:
        eta = at[tally.first] - at[tally.second] + (at[-1] * tally.side if side else 0.0)
        return float((tally.votes * np.logaddexp(0, eta) - tally.score * eta).sum() + 0.5 * (at @ ridge @ at))

    current = loss(theta)
    for _ in range(limit):
        chance = _chances(tally, theta)
        left = tally.score - tally.votes * chance
        score = add(tally.first, left, size) - add(tally.second, left, size)
        if side:
            score = np.r_[score, left @ tally.side]
        score = score - ridge @ theta
        inverse = np.linalg.inv(_information(tally, chance, side) + ridge + anchor)
        if np.abs(score).max() <= TOLERANCE * tally.votes.sum():
            if precision == 0:
                inverse = inverse - anchor
            return theta, inverse
        step = inverse @ score
        length = 1.0
        while (proposed := loss(theta + length * step)) > current + 1e-12 * abs(current) and length > 1e-8:
            length /= 2
        theta, current = theta + length * step, proposed
        theta[:size] -= theta[:size].mean()
    raise NoConvergence(f"Bradley-Terry has not converged in {limit} Newton steps (score {np.abs(score).max():.1e})")


def _middle(tally: Tally, chance: Floats, side: bool) -> Floats:
    """The clustered middle of the sandwich from counts: prompts + assessors − cells."""
    size = len(tally.names)
    width = size + 1
    squares = tally.squares[0] - 2 * chance * tally.squares[1] + chance**2 * tally.squares[2]
    cross = add(tally.first * size + tally.second, squares, size * size).reshape(size, size)
    cross = cross + cross.T
    cells = np.zeros((width, width))
    cells[:size, :size] = np.diag(cross.sum(axis=1)) - cross
    tilted = squares * tally.side
    cells[:size, size] = add(tally.first, tilted, size) - add(tally.second, tilted, size)
    cells[size, :size] = cells[:size, size]
    cells[size, size] = tilted @ tally.side
    twice = tally.duos.at(chance).reshape(width, width)
    large = tally.large.at(chance)
    cells += twice + twice.T + large.T @ large
    count = tally.cells
    factor = count / (count - 1) if count > 1 else 1.0
    total: Floats = meat(tally.by_prompt.at(chance)) + meat(tally.by_assessor.at(chance)) - factor * cells
    return total[: size + side, : size + side]


def _rank_ranges(
    strengths: Floats, covariance: Floats, df: float, risk: float, unclear: Sequence[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Best and worst rank of each contender: all differences tested together at Holm's level (Holm, 1979), so that with
    probability 1 − risk no contender is placed above one that is truly its better. `unclear` pairs are never told
    apart."""
    size = len(strengths)
    one, other = np.triu_indices(size, 1)
    variance = np.diag(covariance)[one] + np.diag(covariance)[other] - 2 * covariance[one, other]
    gap = strengths[one] - strengths[other]
    tested = variance > 0
    ratio = np.abs(gap) / np.sqrt(np.where(tested, variance, 1.0))
    p_value = np.where(tested, 2 * stdtr(df, -ratio), 1.0)
    order = np.argsort(p_value)
    passed = p_value[order] <= risk / np.arange(len(order), 0, -1)
    clear = np.zeros(len(order), dtype=bool)
    clear[order[: len(order) if passed.all() else int(np.argmin(passed))]] = True
    barred = np.zeros((size, size), dtype=bool)
    for pair in unclear:
        barred[pair] = barred[pair[::-1]] = True
    clear &= ~barred[one, other]
    winner = np.where(gap > 0, one, other)[clear]
    loser = np.where(gap > 0, other, one)[clear]
    above, below = np.bincount(loser, minlength=size), np.bincount(winner, minlength=size)
    return [(int(1 + a), int(size - b)) for a, b in zip(above, below, strict=True)]
