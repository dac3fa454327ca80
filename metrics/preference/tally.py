"""Votes on many contenders as counts: what rankings need, added up once.

Counts per kind of vote (who met whom, and on which side) fit the strengths; counts per prompt, per assessor and per
cell of both give their clustered covariance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from metrics.preference.sandwich import add, codes, effective_assessors

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class NotConnected(ValueError):
    """Some contenders cannot be put on one scale. `groups` names them: within each group everyone can be ranked."""

    def __init__(self, message: str, groups: tuple[tuple[str, ...], ...]) -> None:
        super().__init__(message)
        self.groups = groups


class VoteTable(Protocol):
    """Votes on many contenders: columns of equal length; `first` and `second` index `names`."""

    @property
    def names(self) -> Sequence[str]: ...
    @property
    def first(self) -> NDArray[Any]: ...
    @property
    def second(self) -> NDArray[Any]: ...
    @property
    def outcome(self) -> NDArray[Any]: ...
    @property
    def prompt(self) -> NDArray[Any]: ...
    @property
    def assessor(self) -> NDArray[Any]: ...
    @property
    def first_on_left(self) -> NDArray[Any] | None: ...


@dataclass(frozen=True)
class Rows:
    """Counts per cluster and kind: votes and score (wins + ties/2) of the kind's first contender in that cluster."""

    cluster: Ints
    kind: Ints
    votes: Floats
    score: Floats
    clusters: int

    def residuals(self, chance: Floats) -> Floats:
        """Score minus what the fitted chances of the kinds (K,) predict."""
        result: Floats = self.score - self.votes * chance[self.kind]
        return result


@dataclass(frozen=True)
class Tally:
    """Votes as counts. A kind is (first, second, side) with first < second; side is +1 where first was on the left, −1
    on the right, 0 unknown. Clustering needs counts per prompt, per assessor and per cell (prompt and assessor); cells
    with one kind need only the sums of squares of their counts, `alone` (3, kinds): Σscore², Σscore·votes, Σvotes².
    """

    names: tuple[str, ...]
    first: Ints
    second: Ints
    side: Floats
    votes: Floats
    score: Floats
    by_prompt: Rows
    by_assessor: Rows
    by_cell: Rows
    alone: Floats
    cells: int
    effective: float

    @classmethod
    def of(cls, table: VoteTable) -> Tally:
        """Counts of a table of votes; raises ValueError for columns that do not fit together."""
        return cls.of_columns(
            table.names,
            table.first,
            table.second,
            table.outcome,
            table.prompt,
            table.assessor,
            table.first_on_left,
        )

    @classmethod
    def of_columns(
        cls,
        names: Sequence[str],
        first: ArrayLike,
        second: ArrayLike,
        outcome: ArrayLike,
        prompt: ArrayLike,
        assessor: ArrayLike,
        first_on_left: ArrayLike | None = None,
    ) -> Tally:
        """`first`, `second` index `names`; `outcome` is 1 where first won, ½ for a tie, 0 where second won; shape
        (n,)."""
        one, other = np.asarray(first, dtype=np.int64), np.asarray(second, dtype=np.int64)
        won = np.asarray(outcome, dtype=np.float64)
        prompts, assessors = codes(prompt), codes(assessor)
        if not len(one) == len(other) == len(won) == len(prompts) == len(assessors):
            raise ValueError("first, second, outcome, prompt and assessor must have one entry per vote each")
        if not len(one):
            raise ValueError("no votes: a ranking needs some")
        if len(set(names)) != len(names):
            raise ValueError("two contenders share a name: rename one, a ranking tells them apart by name")
        count = len(names)
        if min(one.min(), other.min()) < 0 or max(one.max(), other.max()) >= count:
            raise ValueError(f"a vote points outside the {count} contenders")
        if np.any(one == other):
            raise ValueError("a vote compares a contender with itself")
        if not np.all((won == 1) | (won == 0.5) | (won == 0)):
            raise ValueError("an outcome must be 1, 0.5 or 0")
        turned = one > other
        one, other, won = np.where(turned, other, one), np.where(turned, one, other), np.where(turned, 1 - won, won)
        side = np.zeros(len(one), dtype=np.int64)
        if first_on_left is not None:
            side = np.where(np.asarray(first_on_left, dtype=bool) ^ turned, 1, -1)
        code = (one * count + other) * 3 + side + 1
        seen = np.bincount(code, minlength=count * count * 3) > 0
        kinds = np.flatnonzero(seen)
        kind = (np.cumsum(seen) - 1)[code]
        crowd = int(assessors.max()) + 1
        cell = codes(prompts * crowd + assessors)
        rows = _rows(cell, kind, won, len(kinds))
        single = np.bincount(rows.cluster, minlength=rows.clusters)[rows.cluster] == 1
        lone = (rows.kind[single], rows.score[single], rows.votes[single])
        products = (lone[1] ** 2, lone[1] * lone[2], lone[2] ** 2)
        shared = codes(rows.cluster[~single])
        return cls(
            tuple(names),
            kinds // 3 // count,
            kinds // 3 % count,
            (kinds % 3 - 1).astype(np.float64),
            np.bincount(kind).astype(np.float64),
            add(kind, won),
            _rows(prompts, kind, won, len(kinds)),
            _rows(assessors, kind, won, len(kinds)),
            Rows(shared, rows.kind[~single], rows.votes[~single], rows.score[~single], int(shared.max(initial=-1)) + 1),
            np.stack([add(lone[0], value, len(kinds)) for value in products]),
            rows.clusters,
            effective_assessors(assessors),
        )

    def wins(self) -> Floats:
        """Win matrix (C, C): how often the row was preferred to the column, ties half."""
        size = len(self.names)
        won = add(self.first * size + self.second, self.score, size * size)
        lost = add(self.second * size + self.first, self.votes - self.score, size * size)
        matrix: Floats = (won + lost).reshape(size, size)
        return matrix

    def require_connected(self) -> None:
        """Raises NotConnected, naming the groups, unless every contender has scored, directly or through others,
        against every other one: only then are all strengths finite and on one scale."""
        wins = csr_array((self.wins() > 0).astype(np.float64))
        parts, label = connected_components(wins, directed=True, connection="strong")
        if parts == 1:
            return
        islands, island = connected_components(wins, directed=False)
        if islands > 1:
            groups = tuple(tuple(np.array(self.names)[island == k].tolist()) for k in range(islands))
            raise NotConnected(
                f"no votes link these groups: {_listed(groups)}. Compare a contender of one with one of the "
                "other, or rank each group alone",
                groups,
            )
        groups = tuple(tuple(np.array(self.names)[label == k].tolist()) for k in range(parts))
        raise NotConnected(
            f"between these groups one side won every vote, so the distance is infinite: {_listed(groups)}. Collect more "
            "votes between them, leave out the undefeated or winless, or give a prior",
            groups,
        )


def _listed(groups: tuple[tuple[str, ...], ...]) -> str:
    return "; ".join("{" + ", ".join(group) + "}" for group in groups)


def _rows(cluster: Ints, kind: Ints, won: Floats, kinds: int) -> Rows:
    """Votes counted per (cluster, kind), sorted by cluster."""
    key = cluster * kinds + kind
    clusters = int(cluster.max()) + 1
    if clusters * kinds <= 8 * len(key) + 65536:
        votes = np.bincount(key, minlength=clusters * kinds)
        used = np.flatnonzero(votes)
        return Rows(used // kinds, used % kinds, votes[used].astype(np.float64), add(key, won)[used], clusters)
    used, place = np.unique(key, return_inverse=True)
    return Rows(used // kinds, used % kinds, np.bincount(place).astype(np.float64), add(place, won), clusters)
