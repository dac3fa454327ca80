"""Votes and features as a judge is trained on them, and how they are split so that its scores are honest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from metrics.judges.own.least import NothingToLearn, shortfall, too_few
from metrics.preference.sandwich import codes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Examples:
    """One entry per vote: `first`, `second` index the clips, `aspect` the aspects; outcome 1 first, ½ tie, 0 second.

    features: (clips, F), finite, columns as in `columns`; contender: of each clip, an index of `contenders`; prompt: of
    each vote, any integers, the same for the same prompt. Raises ValueError naming what does not fit.
    """

    aspects: tuple[str, ...]
    contenders: tuple[str, ...]
    columns: tuple[str, ...]
    features: NDArray[np.float32]
    contender: Ints
    first: Ints
    second: Ints
    prompt: Ints
    aspect: Ints
    outcome: Floats

    def __post_init__(self) -> None:
        clips = len(self.features)
        if self.features.shape != (clips, len(self.columns)) or self.contender.shape != (clips,):
            raise ValueError(f"features {self.features.shape} and contenders {self.contender.shape} do not fit")
        if not np.isfinite(self.features).all():
            raise ValueError("a feature is not finite: leave its clip out")
        for name in ("first", "second", "prompt", "aspect"):
            if getattr(self, name).shape != self.outcome.shape:
                raise ValueError(f"{name} has shape {getattr(self, name).shape}, outcome {self.outcome.shape}")
        if not np.isin(self.outcome, (0.0, 0.5, 1.0)).all():
            raise ValueError("an outcome is 1 (first wins), 0.5 (tie) or 0 (second wins)")

    def __len__(self) -> int:
        return len(self.outcome)

    @property
    def label(self) -> Ints:
        """What the assessor said: 1 first, 0 tie, −1 second."""
        return np.asarray(2 * self.outcome - 1, dtype=np.int64)

    def take(self, kept: Bools) -> Examples:
        """The votes where the mask is true, on the same clips."""
        columns = ("first", "second", "prompt", "aspect", "outcome")
        return replace(self, **{name: getattr(self, name)[kept] for name in columns})

    def involving(self, contender: int) -> Bools:
        """Which votes are on a clip of this contender, shape (votes,)."""
        return np.asarray((self.contender[self.first] == contender) | (self.contender[self.second] == contender))

    def counts(self) -> tuple[Ints, Ints, Floats]:
        """The different pairs (first, second), each (pairs,), and votes for first, tie, second: (pairs, aspects, 3)."""
        key, pair = np.unique(self.first * len(self.features) + self.second, return_inverse=True)
        counts = np.zeros((len(key), len(self.aspects), 3))
        np.add.at(counts, (pair, self.aspect, np.asarray(2 - 2 * self.outcome, dtype=np.int64)), 1)
        return key // len(self.features), key % len(self.features), counts

    def folds(self, count: int, seed: int) -> Ints:
        """A fold per vote, shape (votes,): all votes of one prompt lie in one fold."""
        prompt = codes(self.prompt)
        order = np.random.default_rng(seed).permutation(int(prompt.max(initial=-1)) + 1)
        return np.asarray(order[prompt] % count, dtype=np.int64)


def enough(examples: Examples) -> tuple[Examples, dict[str, str]]:
    """The aspects with votes enough, and why each other one has no head. Raises NotEnoughVotes where none is left."""
    kept, reasons = [], {}
    for number, aspect in enumerate(examples.aspects):
        mine = examples.aspect == number
        votes, prompts = int(mine.sum()), len(np.unique(examples.prompt[mine]))
        decided = int((examples.outcome[mine] != 0.5).sum())
        if reason := shortfall(votes, prompts, decided):
            reasons[aspect] = reason
        else:
            kept.append(number)
    if not kept:
        raise too_few(reasons)
    place = np.full(len(examples.aspects), -1)
    place[kept] = np.arange(len(kept))
    some = examples.take(place[examples.aspect] >= 0)
    return replace(some, aspects=tuple(examples.aspects[each] for each in kept), aspect=place[some.aspect]), reasons


def pooled(rows: ArrayLike) -> NDArray[np.float32]:
    """One row for a clip from its frames' rows (T, D): means, largest values and mean changes between frames, (3 D,).

    A clip with one row, as image or as whole, is that row with itself and zeros: every clip has the same columns.
    """
    each = np.asarray(rows, dtype=np.float32)
    if each.ndim != 2 or not len(each):
        raise ValueError(f"features of a clip are rows (T, D) with T ≥ 1, not {each.shape}")
    change = np.abs(np.diff(each, axis=0)).mean(0) if len(each) > 1 else np.zeros_like(each[0])
    return np.concatenate([each.mean(0), each.max(0), change])


@dataclass(frozen=True)
class Space:
    """Features brought to mean 0 and deviation 1, then turned to their main directions: (clips, F) → (clips, K)."""

    mean: NDArray[np.float32]
    basis: NDArray[np.float32]

    @classmethod
    def of(cls, features: NDArray[np.float32], most: int) -> Space:
        """Of the training clips alone: at most `most` principal directions, those with any spread. A column without
        spread counts nothing. Rows of the result have a mean square length of about 1 before directions are dropped."""
        x = features.astype(np.float64)
        mean, deviation = x.mean(0), x.std(0)
        flat = deviation <= 1e-6 * np.maximum(1, np.abs(mean))
        scale = np.where(flat, 0, 1 / np.where(flat, 1, deviation)) / max(1, (~flat).sum()) ** 0.5
        x = (x - mean) * scale
        wide = x.shape[1] > len(x)
        values, vectors = np.linalg.eigh(x @ x.T if wide else x.T @ x)
        kept = np.argsort(values)[::-1][:most]
        kept = kept[values[kept] > 1e-9 * max(values.max(initial=0.0), 1e-12)]
        if not len(kept):
            raise NothingToLearn("every clip has the same features: there is nothing to learn from")
        directions = x.T @ vectors[:, kept] / np.sqrt(values[kept]) if wide else vectors[:, kept]
        largest = np.abs(directions).argmax(0)  # an eigenvector's sign is arbitrary: the largest entry is positive
        directions = directions * np.sign(directions[largest, np.arange(len(kept))])
        return cls(mean.astype(np.float32), (scale[:, None] * directions).astype(np.float32))

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray((features - self.mean) @ self.basis, dtype=np.float32)


def names_of(extractor: str, width: int) -> Sequence[str]:
    """Names of the columns that `pooled` makes of rows with `width` columns."""
    return [f"{extractor} {how} {number}" for how in ("mean", "most", "change") for number in range(width)]
