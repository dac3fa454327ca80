"""Votes on many contenders as counts: what rankings need, added up once.

Counts per kind of vote (who met whom, and on which side) fit the strengths; counts per prompt, per assessor and per
cell of both give their clustered covariance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from metrics.preference.bias import SIDES_FIXED
from metrics.preference.sandwich import Separated, add, codes, effective_assessors
from metrics.preference.votes import AllVotes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
INFINITE = 1e4  # variance of an order effect: a standard error of 100 in log-odds
FEW = 6  # kinds in a cell up to which cross products are listed one by one


class NotConnected(ValueError):
    """Some contenders cannot be put on one scale. `groups` names them: within each group everyone can be ranked."""

    def __init__(self, message: str, groups: tuple[tuple[str, ...], ...]) -> None:
        super().__init__(message)
        self.groups = groups


@dataclass(frozen=True)
class Scores:
    """Sums of scores (y − p) x per cluster, linear in the fitted chances p (kinds,): base − slope @ p.

    Columns are the contenders and, last, the side.
    """

    base: Floats
    slope: csr_array
    clusters: int
    width: int

    def at(self, chance: Floats) -> Floats:
        """Score sums, shape (clusters, contenders + 1)."""
        flat: Floats = self.base - self.slope @ chance
        return flat.reshape(self.clusters, self.width)


@dataclass(frozen=True)
class Duos:
    """Cells with a few kinds: every two rows of one cell, with kind, votes and score (2, duos), and where the products
    of their residuals go: `target` (width², duos)."""

    kind: Ints
    votes: Floats
    score: Floats
    target: csr_array

    def at(self, chance: Floats) -> Floats:
        """Σ over duos of r_a r_b x_a x_b', shape (width²,)."""
        left = self.score - self.votes * chance[self.kind]
        flat: Floats = self.target @ (left[0] * left[1])
        return flat


@dataclass(frozen=True)
class Kinds:
    """Votes counted by kind, shape (kinds,): all that strengths alone need. A kind is (first, second, side) with
    first < second; side is +1 where first was on the left, −1 on the right, 0 unknown; score: what the first won."""

    names: tuple[str, ...]
    first: Ints
    second: Ints
    side: Floats
    votes: Floats
    score: Floats

    @classmethod
    def without_sides(cls, names: tuple[str, ...], first: Ints, second: Ints, votes: Floats, score: Floats) -> Kinds:
        """From rows (n,) that each count votes of two contenders, places in `names`, and what the row's first won."""
        size, turned = len(names), first > second
        pair = np.where(turned, second * size + first, first * size + second)
        met, won = (add(pair, each, size * size) for each in (votes, np.where(turned, votes - score, score)))
        kinds = np.flatnonzero(met)
        return cls(names, kinds // size, kinds % size, np.zeros(len(kinds)), met[kinds], won[kinds])


@dataclass(frozen=True)
class Tally(Kinds):
    """Votes as counts, with what intervals need.

    Score sums per prompt and per assessor are linear in the chances. Of cells (prompt and assessor) only the sum of
    outer products is wanted: `squares` (3, kinds) hold Σscore², Σscore·votes and Σvotes² over them, `duos` the cross
    products of cells with few kinds, and `large` the cells with many kinds, which are not in `squares`.
    """

    by_prompt: Scores
    by_assessor: Scores
    squares: Floats
    duos: Duos
    large: Scores
    cells: int
    effective: float

    @classmethod
    def of(cls, votes: AllVotes) -> Tally:
        """Counts of votes; raises ValueError without any."""
        if not len(votes):
            raise ValueError("no votes: a ranking needs some")
        one, other, won, count = votes.first, votes.second, votes.outcome, len(votes.names)
        prompts, assessors = codes(votes.prompt), codes(votes.assessor)
        turned = one > other
        one, other, won = np.where(turned, other, one), np.where(turned, one, other), np.where(turned, 1 - won, won)
        side = np.zeros(len(one), dtype=np.int64)
        if votes.first_on_left is not None:
            side = np.where(votes.first_on_left ^ turned, 1, -1)
        code = (one * count + other) * 3 + side + 1
        seen = np.bincount(code, minlength=count * count * 3) > 0
        kinds = np.flatnonzero(seen)
        kind = (np.cumsum(seen) - 1)[code]
        crowd = int(assessors.max()) + 1
        frame = _Frame(kinds // 3 // count, kinds // 3 % count, (kinds % 3 - 1).astype(np.float64), count + 1)
        cells = _rows(prompts * crowd + assessors, kind, won, len(kinds))
        cell = np.cumsum(np.diff(cells.cluster, prepend=-1) != 0) - 1
        few = np.bincount(cell)[cell] <= FEW
        small = _Rows(cell[few], cells.kind[few], cells.votes[few], cells.score[few])
        packed = np.cumsum(np.diff(cell[~few], prepend=-1) != 0) - 1
        large = _Rows(packed, cells.kind[~few], cells.votes[~few], cells.score[~few])
        products = (small.score**2, small.score * small.votes, small.votes**2)
        return cls(
            tuple(votes.names),
            frame.first,
            frame.second,
            frame.side,
            add(kind, np.ones(len(kind))),
            add(kind, won),
            frame.scores(_rows(prompts, kind, won, len(kinds)), int(prompts.max()) + 1),
            frame.scores(_rows(assessors, kind, won, len(kinds)), crowd),
            np.stack([add(small.kind, value, len(kinds)) for value in products]),
            frame.duos(small),
            frame.scores(large, int(packed.max(initial=-1)) + 1),
            int(cell[-1]) + 1,
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
        require_connected(self.wins(), self.names)


def require_connected(matrix: Floats, names: tuple[str, ...]) -> None:
    """Raises NotConnected unless wins or ties in the win matrix lead from every contender to every other."""
    edges = csr_array((matrix > 0).astype(np.float64))
    parts, label = connected_components(edges, directed=True, connection="strong")
    if parts == 1:
        return
    islands, island = connected_components(edges, directed=False)
    if islands > 1:
        groups = tuple(tuple(np.array(names)[island == k].tolist()) for k in range(islands))
        raise NotConnected(
            f"no votes link these groups: {_listed(groups)}. Compare a contender of one with one of the "
            "other, or rank each group alone",
            groups,
        )
    groups = tuple(tuple(np.array(names)[label == k].tolist()) for k in range(parts))
    raise NotConnected(
        f"between these groups one side won every vote, so the distance is infinite: {_listed(groups)}. "
        "Collect more votes between them, leave out the undefeated or winless, or give a prior",
        groups,
    )


def require_sides(first: Ints, second: Ints, side: Floats, votes: Floats, size: int) -> None:
    """Raises ValueError unless sides vary beside who was compared: regressed on the contenders, ±1 must keep as much
    variance as one pairing has where one order in twenty is the other one (`bias.SIDES_FIXED`).

    first, second, side (+1: first on the left, −1: on the right, 0: unknown) and votes: one entry per kind of vote.
    """
    if np.any(side == 0):
        raise ValueError("a side term needs to know where each clip stood")
    cross = add(first * size + second, votes, size * size).reshape(size, size)
    cross = cross + cross.T
    tilted = votes * side
    edge = add(first, tilted, size) - add(second, tilted, size)
    explained = edge @ np.linalg.lstsq(np.diag(cross.sum(axis=1)) - cross, edge, rcond=None)[0]
    if 1 - explained / votes.sum() < 4 * SIDES_FIXED * (1 - SIDES_FIXED):
        raise ValueError("sides were fixed: who stood on the left follows from who was compared")


def require_finite(side_variance: float) -> None:
    """Raises Separated where the likelihood is flat along the order effect, as it is on the way to infinity;
    `side_variance`: what the inverse information gives it."""
    if not 0 < side_variance < INFINITE:
        raise Separated("one side wins so regularly that no finite order effect tells the votes best")


def _listed(groups: tuple[tuple[str, ...], ...]) -> str:
    return "; ".join("{" + ", ".join(group) + "}" for group in groups)


@dataclass(frozen=True)
class _Rows:
    """Counts per cluster and kind, sorted by both: votes, and score of the kind's first contender."""

    cluster: Ints
    kind: Ints
    votes: Floats
    score: Floats


def _rows(cluster: Ints, kind: Ints, won: Floats, kinds: int) -> _Rows:
    """Votes counted per (cluster, kind): the outcome travels in the sorted key, which spares an argsort."""
    key = np.sort((cluster * kinds + kind) * 3 + (2 * won).astype(np.int64))
    place, won = key // 3, key % 3 / 2
    starts = np.flatnonzero(np.diff(place, prepend=-1))
    votes = np.diff(starts, append=len(key)).astype(np.float64)
    place = place[starts]
    return _Rows(place // kinds, place % kinds, votes, np.add.reduceat(won, starts))


@dataclass(frozen=True)
class _Frame:
    """Kinds as rows of a design: +1 at first, −1 at second, the side in the last column."""

    first: Ints
    second: Ints
    side: Floats
    width: int

    def scores(self, rows: _Rows, clusters: int) -> Scores:
        """Score sums per cluster as a linear map."""
        size, start = clusters * self.width, rows.cluster * self.width
        ones = np.ones(len(start))
        columns = [(start + self.first[rows.kind], ones), (start + self.second[rows.kind], -ones)]
        if np.any(self.side):
            columns.append((start + self.width - 1, self.side[rows.kind]))
        base = np.zeros(size)
        for column, sign in columns:
            base += add(column, rows.score * sign, size)
        values = np.concatenate([rows.votes * sign for _, sign in columns])
        where = np.concatenate([column for column, _ in columns]), np.tile(rows.kind, len(columns))
        return Scores(base, csr_array((values, where), shape=(size, len(self.first))), clusters, self.width)

    def duos(self, rows: _Rows) -> Duos:
        """Every two rows of one cell; rows are sorted by cell, so these lie less than FEW apart."""
        one = [np.flatnonzero(rows.cluster[apart:] == rows.cluster[:-apart]) for apart in range(1, FEW)]
        other = [start + apart for apart, start in enumerate(one, 1)]
        both = np.stack([np.concatenate(one), np.concatenate(other)])
        kind = rows.kind[both]
        a, b = kind
        count, width = both.shape[1], self.width
        parts = [(self.first, self.first, 1.0), (self.first, self.second, -1.0)]
        parts += [(self.second, self.first, -1.0), (self.second, self.second, 1.0)]
        where = [x[a] * width + y[b] for x, y, _ in parts]
        values = [np.full(count, sign) for _, _, sign in parts]
        if np.any(self.side):
            for end, sign in ((self.first, 1.0), (self.second, -1.0)):
                where += [end[a] * width + width - 1, (width - 1) * width + end[b]]
                values += [sign * self.side[b], sign * self.side[a]]
            where.append(np.full(count, width * width - 1))
            values.append(self.side[a] * self.side[b])
        entries = np.concatenate(values), (np.concatenate(where), np.tile(np.arange(count), len(where)))
        return Duos(kind, rows.votes[both], rows.score[both], csr_array(entries, shape=(width * width, count)))
