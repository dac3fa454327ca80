"""Bradley-Terry with covariates: strengths of contenders with differences between the clips themselves held equal.

P(first preferred) = expit(s_first − s_second + Σ_j γ_j d_j), d_j a signed difference first − second within the pair:
seconds of length, mean brightness, +1/−1 for the left side (Springall, 1973). Strengths sum to zero; ties count half;
two-way prompt × assessor covariance (Cameron, Gelbach & Miller, 2011). A covariate tells what goes with the votes at
equal strength, not what causes them: one that is part of a contender's quality takes that part away from its strength.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array, hstack
from scipy.special import expit

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
from metrics.preference.tally import require_connected
from metrics.preference.votes import AllVotes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Adjusted:
    """One contender: `strength` in log-odds against the mean contender with the covariates held equal, `plain` without
    covariates; their difference is what the covariates account for."""

    name: str
    strength: Estimate
    plain: float


@dataclass(frozen=True)
class AdjustedRanking:
    """Contenders by falling strength, and `effects`: per covariate the log-odds that one unit of difference adds.
    `strengths` (C,) and `covariance` (C, C) follow `names`. Where `reason` is not empty there are no intervals."""

    adjusted: tuple[Adjusted, ...]
    effects: dict[str, Estimate]
    names: tuple[str, ...]
    strengths: Floats
    covariance: Floats
    votes: int
    df: float
    level: float
    reason: str
    method: str

    def difference(self, one: str, other: str) -> Estimate:
        """Strength of one minus that of the other, in log-odds, with its interval (unadjusted for many questions)."""
        for name in (one, other):
            if name not in self.names:
                raise ValueError(f"{name!r} is not in this ranking of {', '.join(self.names)}")
        i, j = self.names.index(one), self.names.index(other)
        variance = self.covariance[i, i] + self.covariance[j, j] - 2 * self.covariance[i, j]
        return estimates(self.strengths[i] - self.strengths[j], variance, self.df, self.reason, self.level)[0]


def rank_with(votes: AllVotes, covariates: Mapping[str, ArrayLike], level: float = 0.95) -> AdjustedRanking:
    """Bradley-Terry by Newton on the votes, with `covariates`: name → (n,) signed differences first − second.

    Raises NotConnected as `rank` does; Separated where a covariate predicts the votes perfectly; NoConvergence;
    ValueError for covariates that do not fit, never differ, or follow from the contenders and other covariates (a
    property that a contender has in all its clips is part of its strength).
    """
    size, count = len(votes.names), len(votes)
    if not count:
        raise ValueError("no votes: a ranking needs some")
    columns = [_column(name, values, count) for name, values in covariates.items()]
    scales = np.array([float(np.sqrt((column**2).mean())) for column in columns])
    won = add(votes.first * size + votes.second, votes.outcome, size * size)
    lost = add(votes.second * size + votes.first, 1 - votes.outcome, size * size)
    require_connected((won + lost).reshape(size, size), tuple(votes.names))
    rows = np.arange(count)
    signs = np.r_[np.ones(count), -np.ones(count)]
    contenders = csr_array((signs, (np.r_[rows, rows], np.r_[votes.first, votes.second])), shape=(count, size))
    scaled = [csr_array((column / scale)[:, None]) for column, scale in zip(columns, scales, strict=True)]
    design = csr_array(hstack([contenders, *scaled]))
    anchor = np.zeros((design.shape[1],) * 2)
    anchor[:size, :size] = 1 / size
    _require_apart(design, anchor, list(covariates))
    plain, _ = _newton(contenders, votes.outcome, anchor[:size, :size])
    theta, bread = _newton(design, votes.outcome, anchor)
    prompt, assessor = codes(votes.prompt), codes(votes.assessor)
    residual = votes.outcome - expit(design @ theta)
    cell = codes(prompt * (int(assessor.max()) + 1) + assessor)
    parts = [_meat(design, residual, groups) for groups in (prompt, assessor, cell)]
    unit = np.r_[np.ones(size), 1 / scales]
    theta = theta * unit
    covariance = positive(bread @ (parts[0] + parts[1] - parts[2]) @ bread) * np.outer(unit, unit)
    df, reason = degrees_of_freedom(int(prompt.max()) + 1, effective_assessors(assessor))
    each = estimates(theta, np.diag(covariance), df, reason, level)
    adjusted = [Adjusted(name, each[i], float(plain[i])) for i, name in enumerate(votes.names)]
    adjusted.sort(key=lambda a: (-a.strength.value, a.name))
    return AdjustedRanking(
        tuple(adjusted),
        dict(zip(covariates, each[size:], strict=True)),
        tuple(votes.names),
        theta[:size],
        covariance[:size, :size],
        count,
        df,
        level,
        reason,
        f"Bradley-Terry, maximum likelihood, ties as half, at equal {', '.join(covariates) or 'nothing else'}",
    )


def _column(name: str, values: ArrayLike, count: int) -> Floats:
    column = np.asarray(values, dtype=np.float64)
    if column.shape != (count,):
        raise ValueError(f"covariate {name!r} must have one value per vote, ({count},), not {column.shape}")
    if not np.isfinite(column).all():
        raise ValueError(f"covariate {name!r} is not finite everywhere: leave out votes that miss it")
    if not column.any():
        raise ValueError(f"covariate {name!r} is 0 in every pair: nothing can be learnt about it")
    return column


def _require_apart(design: csr_array, anchor: Floats, names: list[str]) -> None:
    """Raises ValueError naming the first covariate that the contenders and the covariates before it determine."""
    moments = (design.T @ design).toarray() / design.shape[0] + anchor
    first = len(moments) - len(names)
    for place, name in enumerate(names, first):
        before = moments[:place, :place]
        rest = moments[place, place] - moments[place, :place] @ np.linalg.solve(before, moments[:place, place])
        if rest < 1e-9:
            raise ValueError(
                f"covariate {name!r} follows from the contenders"
                + (" and the covariates before it" if place > first else "")
                + ": leave it out"
            )


def _newton(design: csr_array, outcome: Floats, anchor: Floats, limit: int = 100) -> tuple[Floats, Floats]:
    """Maximum of the likelihood and the inverse information where strengths sum to zero."""
    theta = np.zeros(design.shape[1])
    across = csr_array(design.T)

    def loss(at: Floats) -> float:
        eta = design @ at
        return float((np.logaddexp(0, eta) - outcome * eta).sum())

    current = loss(theta)
    for _ in range(limit):
        eta = design @ theta
        chance = expit(eta)
        score = across @ (outcome - chance)
        information = (across @ design.multiply((chance * (1 - chance))[:, None])).toarray()
        if np.abs(eta).max() > 30:
            break
        inverse: Floats = np.linalg.inv(information + anchor)
        if np.abs(score).max() <= TOLERANCE * len(outcome):
            return theta, inverse - anchor
        step, length = inverse @ score, 1.0
        while (proposed := loss(theta + length * step)) > current + 1e-12 * abs(current) and length > 1e-8:
            length /= 2
        theta, current = theta + length * step, proposed
    if np.abs(design @ theta).max() > 15:
        raise Separated("the votes are predicted perfectly by a combination of covariates: leave one out or add votes")
    raise NoConvergence(f"the fit has not converged in {limit} Newton steps (score {np.abs(score).max():.1e})")


def _meat(design: csr_array, residual: Floats, groups: Ints) -> Floats:
    """K/(K − 1) Σ s s' over the score sums of the K groups, kept sparse: most cells know few contenders."""
    count = int(groups.max()) + 1
    member = csr_array((residual, (groups, np.arange(len(groups)))), shape=(count, len(groups)))
    sums = member @ design
    total: Floats = (sums.T @ sums).toarray() * (count / (count - 1) if count > 1 else 1.0)
    return total
