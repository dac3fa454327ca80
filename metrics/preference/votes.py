"""Votes as columns: what every statistic of this package takes. Outcome 1: first wins, ½: tie, 0: second wins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Votes:
    """Votes on one pairing of two contenders and one aspect; every column has shape (n,), one entry per vote.

    prompt, assessor: who voted on what, any integers. first_on_left: whether the first contender stood on the left.
    both_bad: ties that said "both bad"; they count as ties and are reported alone. strength: how strong the preference
    was, kept aside.

    >>> votes = Votes.of(prompt=[1, 1, 2], assessor=[7, 8, 7], outcome=[1, 0.5, 0])
    >>> votes.counts
    (1, 1, 1)

    Raises ValueError naming the column that does not fit.
    """

    prompt: Ints
    assessor: Ints
    outcome: Floats
    first_on_left: Bools | None = None
    both_bad: Bools | None = None
    strength: Floats | None = None

    def __post_init__(self) -> None:
        _check(self.outcome, {"prompt": self.prompt, "assessor": self.assessor})
        _check_optional(self.outcome, self.first_on_left, self.both_bad, self.strength)

    @classmethod
    def of(
        cls,
        prompt: ArrayLike,
        assessor: ArrayLike,
        outcome: ArrayLike,
        first_on_left: ArrayLike | None = None,
        both_bad: ArrayLike | None = None,
        strength: ArrayLike | None = None,
    ) -> Votes:
        """Votes from anything array-like; prompts and assessors must be integers."""
        return cls(
            _integers("prompt", prompt),
            _integers("assessor", assessor),
            np.asarray(outcome, dtype=np.float64),
            _booleans("first_on_left", first_on_left),
            _booleans("both_bad", both_bad),
            None if strength is None else np.asarray(strength, dtype=np.float64),
        )

    def __len__(self) -> int:
        return len(self.outcome)

    @property
    def counts(self) -> tuple[int, int, int]:
        """(wins, ties, losses) of the first contender."""
        return _counts(self.outcome)

    @property
    def bad(self) -> int | None:
        """How many votes said "both bad"; None where it was not asked."""
        return None if self.both_bad is None else int(self.both_bad.sum())

    def mirrored(self) -> Votes:
        """The same votes with first and second exchanged."""
        left = None if self.first_on_left is None else ~self.first_on_left
        return replace(self, outcome=1 - self.outcome, first_on_left=left)

    def take(self, where: ArrayLike) -> Votes:
        """The votes at the given positions or where a mask is true."""
        rows = np.asarray(where)
        return Votes(
            self.prompt[rows],
            self.assessor[rows],
            self.outcome[rows],
            None if self.first_on_left is None else self.first_on_left[rows],
            None if self.both_bad is None else self.both_bad[rows],
            None if self.strength is None else self.strength[rows],
        )


@dataclass(frozen=True, eq=False)
class AllVotes:
    """Votes on one aspect among many contenders: `first` and `second` (n,) index `names`; other columns as in `Votes`.

    Raises ValueError naming the column that does not fit.
    """

    names: Sequence[str]
    first: Ints
    second: Ints
    prompt: Ints
    assessor: Ints
    outcome: Floats
    first_on_left: Bools | None = None
    both_bad: Bools | None = None
    strength: Floats | None = None

    def __post_init__(self) -> None:
        columns = {"first": self.first, "second": self.second, "prompt": self.prompt, "assessor": self.assessor}
        _check(self.outcome, columns)
        _check_optional(self.outcome, self.first_on_left, self.both_bad, self.strength)
        if len(set(self.names)) != len(self.names):
            raise ValueError("two contenders share a name: rename one, they are told apart by name")
        for name in ("first", "second"):
            column = columns[name]
            if len(column) and not 0 <= column.min() <= column.max() < len(self.names):
                raise ValueError(f"{name} points outside the {len(self.names)} contenders")
        if np.any(self.first == self.second):
            raise ValueError("a vote compares a contender with itself")

    def __len__(self) -> int:
        return len(self.outcome)

    def pairing(self, first: str, second: str) -> Votes:
        """The votes between two contenders, turned so that `first` is first; raises ValueError for an unknown name."""
        places = []
        for name in (first, second):
            if name not in self.names:
                raise ValueError(f"{name!r} is not among {', '.join(self.names)}")
            places.append(list(self.names).index(name))
        one, other = places
        along = (self.first == one) & (self.second == other)
        against = (self.first == other) & (self.second == one)
        rows = np.flatnonzero(along | against)
        turned = against[rows]
        return Votes(
            self.prompt[rows],
            self.assessor[rows],
            np.where(turned, 1 - self.outcome[rows], self.outcome[rows]),
            None if self.first_on_left is None else self.first_on_left[rows] ^ turned,
            None if self.both_bad is None else self.both_bad[rows],
            None if self.strength is None else self.strength[rows],
        )

    def among(self, names: Sequence[str]) -> AllVotes:
        """The votes between these contenders alone; raises ValueError for an unknown name."""
        place = np.full(len(self.names), -1, dtype=np.int64)
        place[[list(self.names).index(name) for name in names]] = np.arange(len(names))
        rows = np.flatnonzero((place[self.first] >= 0) & (place[self.second] >= 0))
        columns = (self.prompt, self.assessor, self.outcome, self.first_on_left, self.both_bad, self.strength)
        rest = (None if column is None else column[rows] for column in columns)
        return AllVotes(tuple(names), place[self.first[rows]], place[self.second[rows]], *rest)  # type: ignore[arg-type]


def _integers(name: str, values: ArrayLike) -> Ints:
    column = np.asarray(values)
    if column.size and not np.issubdtype(column.dtype, np.integer):
        raise ValueError(f"{name} must be integers, not {column.dtype}: number the labels first (numpy.unique)")
    return column.astype(np.int64)


def _booleans(name: str, values: ArrayLike | None) -> Bools | None:
    if values is None:
        return None
    column = np.asarray(values)
    if column.size and not np.isin(column, (0, 1)).all():
        raise ValueError(f"{name} must be true or false for every vote")
    return column.astype(np.bool_)


def _check(outcome: Floats, columns: dict[str, Ints]) -> None:
    if outcome.ndim != 1:
        raise ValueError(f"outcome must have shape (n,), not {outcome.shape}")
    for name, column in columns.items():
        if column.shape != outcome.shape:
            raise ValueError(f"{name} has shape {column.shape}, outcome {outcome.shape}: one entry per vote each")
    if not np.isin(outcome, (0.0, 0.5, 1.0)).all():
        raise ValueError("an outcome must be 1 (first wins), 0.5 (tie) or 0 (second wins); leave missing votes out")


def _check_optional(outcome: Floats, left: Bools | None, bad: Bools | None, strength: Floats | None) -> None:
    for name, column in (("first_on_left", left), ("both_bad", bad), ("strength", strength)):
        if column is not None and column.shape != outcome.shape:
            raise ValueError(f"{name} has shape {column.shape}, outcome {outcome.shape}: one entry per vote each")
    if bad is not None and np.any(outcome[bad] != 0.5):
        raise ValueError('a "both bad" vote must have outcome 0.5')


def _counts(outcome: Floats) -> tuple[int, int, int]:
    return int((outcome == 1).sum()), int((outcome == 0.5).sum()), int((outcome == 0).sum())
