"""Which votes and assessors carry the own judge, and the reported win rate: an order in which to look again at votes.

A value says what a judge trained on these votes gains on held-out prompts, not what a person is worth: a careful
assessor of rare taste has a low one. It is shown with its interval and as review order, and nothing is ever paid,
weighed or excluded by it.

KNN-Shapley: Jia et al., Efficient task-specific data valuation for nearest neighbor algorithms (VLDB 2019), theorem 1.
Truncated Monte-Carlo Shapley: Ghorbani & Zou, Data Shapley (ICML 2019), algorithm 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from metrics.preference.sandwich import add, codes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
NEIGHBOURS = 10
FOLDS = 5
AT_ONCE = 256
"""Held-out votes whose distances are held in memory together."""


@dataclass(frozen=True, eq=False)
class Values:
    """Shapley values of votes or assessors, shape (k,), in shares of held-out votes predicted right.

    low, high: 95 %, NaN where they cannot be computed; total: what all of them together gain, the sum of values but
    for truncation; trainings: how often the judge was trained.
    """

    value: Floats
    low: Floats
    high: Floats
    total: float
    trainings: int = 0

    @property
    def review_order(self) -> Ints:
        """The places of those to look at first: the lowest upper end first, then the lowest value."""
        order: Ints = np.lexsort((self.value, np.where(np.isnan(self.high), np.inf, self.high))).astype(np.int64)
        return order


def knn_shapley(
    features: ArrayLike,
    outcome: ArrayLike,
    held_features: ArrayLike,
    held_outcome: ArrayLike,
    neighbours: int = NEIGHBOURS,
) -> Floats:
    """Exact values (m, n) of n training votes for each of m held-out ones under a k-nearest-neighbour judge.

    features (n, d): first clip's minus second clip's; outcome (n,): 1, ½ or 0 for the first. A vote is as good turned
    round, so each is used whichever way lies nearer, and which clip is called first changes nothing. The game of one
    held-out vote: a set of training votes gains the share, of k, of its nearest k with the same outcome. Each row adds
    up to what all votes gain. Raises ValueError for shapes that do not fit, outcomes of other kinds, k below 1.
    """
    x, y = _votes(features, outcome)
    t, u = _votes(held_features, held_outcome)
    if x.shape[1] != t.shape[1]:
        raise ValueError(f"votes have {x.shape[1]} features, held-out ones {t.shape[1]}")
    if neighbours < 1:
        raise ValueError(f"neighbours are one or more, not {neighbours}")
    count = len(x)
    values = np.zeros((len(t), count))
    if not count:
        return values
    place = np.arange(1, count, dtype=np.float64)  # i of theorem 1, up to N − 1
    steps = np.minimum(place, neighbours) / (neighbours * place)
    squared, held_squared = (x**2).sum(axis=1), (t**2).sum(axis=1)
    for start in range(0, len(t), AT_ONCE):
        rows = slice(start, start + AT_ONCE)
        along = t[rows] @ x.T
        # |t − x|² and |t + x|² differ by the sign of the product alone: the nearer way is that of its sign.
        order = np.argsort(held_squared[rows, None] + squared - 2 * np.abs(along), axis=1, kind="stable")
        towards = np.where(along < 0, 1 - y, y)
        right = np.take_along_axis(towards == u[rows, None], order, axis=1).astype(np.float64)
        found = np.empty_like(right)
        found[:, -1] = right[:, -1] * min(neighbours, count) / (neighbours * count)
        found[:, :-1] = found[:, -1:] + np.cumsum(((right[:, :-1] - right[:, 1:]) * steps)[:, ::-1], axis=1)[:, ::-1]
        np.put_along_axis(values[rows], order, found, axis=1)
    return values


def vote_values(
    features: ArrayLike,
    outcome: ArrayLike,
    prompt: ArrayLike,
    neighbours: int = NEIGHBOURS,
    folds: int = FOLDS,
    seed: int = 0,
    groups: ArrayLike | None = None,
) -> Values:
    """KNN-Shapley values of votes (n,), or of `groups` of them such as assessors (summed), each for the held-out votes
    of prompts in other folds, averaged over these votes.

    Features are scaled to mean square 1 beforehand. Intervals are over held-out prompts. Raises ValueError as
    `knn_shapley` does, and where there are fewer prompts than folds.
    """
    x, y = _votes(features, outcome)
    p = codes(prompt)
    prompts = int(p.max(initial=-1)) + 1
    if not 2 <= folds <= prompts:
        raise ValueError(f"{prompts} prompts cannot be split in {folds} folds of two or more")
    x = x / np.where((size := np.sqrt((x**2).mean(axis=0))) > 0, size, 1)
    owner = np.arange(len(x)) if groups is None else codes(groups)
    if len(owner) != len(x) or len(p) != len(x):
        raise ValueError("prompts and groups have one entry per vote each")
    owners = int(owner.max()) + 1
    fold = np.random.default_rng(seed).permutation(prompts)[p] % folds
    # No vote is valued by the prompts of its own fold: there it gains nothing, as the whole of votes does not hold it.
    sums = np.zeros((prompts, owners))
    total = 0.0
    for number in range(folds):
        train = np.flatnonzero(fold != number)
        for each in np.unique(p[fold == number]).tolist():
            held = p == each
            values = knn_shapley(x[train], y[train], x[held], y[held], neighbours).sum(axis=0)
            sums[each] = add(owner[train], values, owners)
            total += float(values.sum())
    return _over_prompts(sums, np.bincount(p, minlength=prompts).astype(np.float64), total / len(x))


def truncated_shapley(
    groups: int,
    utility: Callable[[Bools], ArrayLike],
    permutations: int = 100,
    tolerance: float = 0.0,
    seed: int = 0,
) -> Values:
    """Monte-Carlo Shapley values of groups of votes, such as assessors, under any judge that is trained anew.

    utility(mask of groups (groups,)) gives how well the judge trained on those groups does, on held-out units (u,), a
    prompt each, whose mean is the utility. A permutation is cut where the utility has come within `tolerance` of that
    of all groups (0: never, and the values add up exactly). Intervals hold both the random permutations and the
    held-out units. Raises ValueError for no groups or fewer than two permutations.
    """
    if groups < 1 or permutations < 2:
        raise ValueError(f"values need a group and two permutations at least, not {groups} and {permutations}")
    rng = np.random.default_rng(seed)
    nobody, everyone = (
        np.atleast_1d(np.asarray(utility(np.full(groups, all_in)), dtype=np.float64)) for all_in in (False, True)
    )
    units, trainings = len(everyone), 2
    by_unit, by_permutation = np.zeros((groups, units)), np.zeros((permutations, groups))
    for number in range(permutations):
        mask, before = np.zeros(groups, dtype=bool), nobody
        for place, group in enumerate(rng.permutation(groups).tolist()):
            if tolerance and abs(everyone.mean() - before.mean()) <= tolerance:
                break
            mask[group] = True
            after = everyone
            if place + 1 < groups:
                after, trainings = np.atleast_1d(np.asarray(utility(mask.copy()), dtype=np.float64)), trainings + 1
            by_unit[group] += after - before
            by_permutation[number, group] = (after - before).mean()
            before = after
    value: Floats = by_permutation.mean(axis=0)
    variance = by_permutation.var(axis=0, ddof=1) / permutations
    if units > 1:
        variance = variance + (by_unit / permutations).var(axis=1, ddof=1) / units
    reach = float(stdtrit(min(permutations, units if units > 1 else permutations) - 1, 0.975)) * np.sqrt(variance)
    return Values(value, value - reach, value + reach, float(everyone.mean() - nobody.mean()), trainings)


@dataclass(frozen=True, eq=False)
class Influence:
    """How the win rate moves when one label's votes are left out.

    labels (k,); without (k,): the win rate of the rest, NaN where there is none; moved (k,): without − the whole.
    """

    labels: NDArray[np.generic]
    without: Floats
    moved: Floats

    @property
    def order(self) -> Ints:
        """The places of those that move it most first."""
        order: Ints = np.argsort(-np.abs(np.nan_to_num(self.moved)), kind="stable").astype(np.int64)
        return order


def influence(outcome: ArrayLike, prompt: ArrayLike, of: ArrayLike) -> Influence:
    """Exactly how the win rate, the mean over prompts of their mean outcome, moves without each label of `of` (n,):
    each assessor, or each prompt. No refit: sums of the rest, for all labels in one pass over the votes.

    >>> influence([1, 0, 1], [0, 0, 1], ["x", "y", "x"]).without.tolist()
    [0.0, 1.0]

    Raises ValueError for unequal lengths or no votes.
    """
    y, p, labels = np.asarray(outcome, dtype=np.float64), codes(prompt), np.asarray(of)
    if not len(y) == len(p) == len(labels) or not len(y):
        raise ValueError("outcome, prompt and labels have one entry per vote each, and one vote at least")
    known, who = np.unique(labels, return_inverse=True)
    prompts = int(p.max()) + 1
    top, bottom = add(p, y, prompts), np.bincount(p, minlength=prompts).astype(np.float64)
    means = top / bottom
    cells, cell = np.unique(who * prompts + p, return_inverse=True)
    owner, at = cells // prompts, cells % prompts
    left = bottom[at] - np.bincount(cell)
    with np.errstate(divide="ignore", invalid="ignore"):
        rest = (top[at] - add(cell, y)) / left
        gone = left == 0
        total = means.sum() - add(owner, means[at], len(known)) + add(owner, np.where(gone, 0, rest), len(known))
        without = total / (prompts - add(owner, gone.astype(np.float64), len(known)))
    return Influence(known, without, without - means.mean())


def _over_prompts(sums: Floats, votes: Floats, total: float) -> Values:
    """From the sums (prompts, k) of each prompt and its held-out votes (prompts,): ratio estimator, t over prompts."""
    prompts = len(votes)
    value: Floats = sums.sum(axis=0) / votes.sum()
    if prompts < 2:
        none = np.full_like(value, np.nan)
        return Values(value, none, none, total)
    residual = sums - votes[:, None] * value
    error = np.sqrt(prompts / (prompts - 1) * (residual**2).sum(axis=0)) / votes.sum()
    reach = float(stdtrit(prompts - 1, 0.975)) * error
    return Values(value, value - reach, value + reach, total)


def _votes(features: ArrayLike, outcome: ArrayLike) -> tuple[Floats, Floats]:
    x, y = np.asarray(features, dtype=np.float64), np.asarray(outcome, dtype=np.float64)
    if x.ndim != 2 or y.ndim != 1 or len(x) != len(y):
        raise ValueError(f"votes have features (n, d) and outcomes (n,), not {x.shape} and {y.shape}")
    if not np.isfinite(x).all():
        raise ValueError("a feature is not finite: leave out clips without features")
    if not np.isin(y, (0.0, 0.5, 1.0)).all():
        raise ValueError("an outcome is 1 (first wins), 0.5 (tie) or 0 (second wins)")
    return x, y
