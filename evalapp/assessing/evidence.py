"""What is recorded of each assessor's work in a comparison, as numbers with intervals, in a fixed number of queries.

The unit is the pair: the answers on its aspects hang together and count as one. Intervals are Wilson's (1927), 95 %;
a mean of values between 0 and 1 is put in for the share, which makes them wider, never narrower: such a mean varies
at most as a share does.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalapp.assessing.controls import Control, outcomes
from evalapp.assessing.models import Assignment, Ballot, Vote
from evalapp.comparisons.models import Comparison

Z = 1.959963984540054
SHORTEST_LOOK = 2.0  # seconds: under it no pair is judged, not even of two images
STRAIGHT_ASPECTS = 3  # with fewer aspects, the same answer on all of them says nothing
EXAMPLES = 12
VALUES = {"first": 1, "tie": 0, "second": -1}
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Share:
    """`count` of `total`, with the interval in which the share lies; no share of nothing (total is 1 or more).

    >>> always = Share(20, 20)
    >>> always.share, round(always.low, 3), always.high
    (1.0, 0.839, 1.0)
    """

    count: float
    total: int

    @property
    def share(self) -> float:
        return self.count / self.total

    @property
    def low(self) -> float:
        return max(0.0, self._middle - self._reach) if self.count > 0 else 0.0

    @property
    def high(self) -> float:
        return min(1.0, self._middle + self._reach) if self.count < self.total else 1.0

    @property
    def _middle(self) -> float:
        return (self.count + Z**2 / 2) / (self.total + Z**2)

    @property
    def _reach(self) -> float:
        return Z / (self.total + Z**2) * sqrt(self.count * (1 - self.share) + Z**2 / 4)

    def as_json(self) -> list[float]:
        return [round(self.count, 6), self.total]


@dataclass
class Evidence:
    """One assessor's work; a share is None where nothing was recorded that would tell.

    `left`: pairs answered mostly on the left, of those that lean to a side. `line`: pairs with the same answer on every
    aspect. `haste`: pairs answered in less time than the longer clip lasts. `skips`: of all pairs shown.
    `agreement`: how near the answers are to each other assessor's on the same pair (1 same, ½ one of them a tie,
    0 opposite), over all aspects and by aspect. `goldens`: right answers where they are known (identical pairs
    included); `repeats`: the same answer when a pair came again with its sides turned. `examples`: codes of
    assignments to look at.
    """

    answered: int = 0
    seconds: float = 0.0
    left: Share | None = None
    line: Share | None = None
    haste: Share | None = None
    skips: Share | None = None
    agreement: Share | None = None
    goldens: Share | None = None
    repeats: Share | None = None
    golden_aspects: dict[str, Share] = field(default_factory=dict)
    repeat_aspects: dict[str, Share] = field(default_factory=dict)
    by_aspect: dict[str, Share] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Answers:
    """Submitted assignments in columns, and their votes."""

    code: list[str]
    worker: Ints
    pair: Ints
    swapped: NDArray[np.bool_]
    seconds: Floats  # on the task; NaN where not recorded
    length: Floats  # of the longer clip; NaN where not known
    votes_of: Ints  # place of the vote's assignment in the columns above
    aspect: Ints
    value: Ints  # 1 first, 0 tie, -1 second


def evidence_of(comparison: Comparison) -> dict[int, Evidence]:
    """Evidence by participation, of all who were ever handed a pair; superseded answers do not count."""
    answers, aspects = _read(comparison), list(comparison.aspects.values_list("pk", "key"))
    found: dict[int, Evidence] = defaultdict(Evidence)
    released = comparison.participations.filter(assignments__state=Assignment.State.RELEASED)
    skipped = Counter(released.values_list("pk", flat=True))
    workers = np.unique(answers.worker)
    place = np.searchsorted(workers, answers.worker)
    per_pair = _per_assignment(answers)
    for number in range(len(workers)):
        worker = int(workers[number])
        mine = np.flatnonzero(place == number)
        evidence = found[worker]
        evidence.answered = len(mine)
        evidence.seconds = float(np.nansum(answers.seconds[mine]))
        if comparison.sides_known:
            sides = per_pair.side[mine]
            evidence.left = _share(sides[sides != 0] > 0)
            often = 1 if evidence.left and evidence.left.share >= 0.5 else -1
            evidence.examples["side"] = _codes(answers, mine[sides == often])
        if len(aspects) >= STRAIGHT_ASPECTS:
            evidence.line = _share(per_pair.same[mine])
            evidence.examples["line"] = _codes(answers, mine[per_pair.same[mine]])
        timed = mine[~np.isnan(answers.seconds[mine]) & ~np.isnan(answers.length[mine])]
        hasty = answers.seconds[timed] < np.maximum(answers.length[timed], SHORTEST_LOOK)
        evidence.haste = _share(hasty)
        evidence.examples["haste"] = _codes(answers, timed[hasty])
        near = mine[~np.isnan(per_pair.nearness[mine])]
        evidence.agreement = _mean(per_pair.nearness[near])
        evidence.examples["agreement"] = _codes(answers, near[np.argsort(per_pair.nearness[near], kind="stable")])
    known = ~np.isnan(per_pair.vote_nearness)
    for aspect, key in aspects:
        asked = known & (answers.aspect == aspect)
        voters, near_votes = place[answers.votes_of[asked]], per_pair.vote_nearness[asked]
        counts, sums = np.bincount(voters, minlength=len(workers)), np.bincount(voters, near_votes, len(workers))
        for number in np.flatnonzero(counts).tolist():
            found[int(workers[number])].by_aspect[key] = Share(float(sums[number]), int(counts[number]))
    for worker, by_kind in _controls(comparison).items():
        work = found[worker]
        work.goldens, work.golden_aspects = by_kind["golden"].shares()
        work.repeats, work.repeat_aspects = by_kind["repeat"].shares()
    for worker in {*found, *skipped}:
        met = found[worker].answered + skipped[worker]
        found[worker].skips = Share(skipped[worker], met) if met else None
    return dict(found)


def _read(comparison: Comparison) -> _Answers:
    """Four queries, whatever the number of votes."""
    lengths = {
        pair: _longer(_length(frames, fps), _length(other_frames, other_fps))
        for pair, frames, fps, other_frames, other_fps in comparison.pairs.values_list(
            *("pk", "first__facts__frames", "first__facts__fps", "second__facts__frames", "second__facts__fps")
        )
    }
    submitted = Assignment.objects.filter(pair__comparison=comparison, state=Assignment.State.SUBMITTED)
    rows = list(submitted.order_by("pk").values_list("pk", "code", "participation", "pair", "swapped", "handed_at"))
    keys = np.array([row[0] for row in rows], dtype=np.int64)
    seconds = np.full(len(rows), np.nan)
    firsts = Ballot.objects.filter(assignment__pair__comparison=comparison, version=1)
    for assignment, viewing, stored in firsts.values_list("assignment", "viewing", "created_at"):
        place = int(np.searchsorted(keys, assignment))
        if place < len(keys) and keys[place] == assignment and "seconds" in viewing:
            # The browser's word, and never more than really went by.
            seconds[place] = min(float(viewing["seconds"]), max(0.0, (stored - rows[place][5]).total_seconds()))
    votes = Vote.objects.of(comparison).current().values_list("ballot__assignment", "aspect", "choice")
    cast = np.array([(assignment, aspect, VALUES[choice]) for assignment, aspect, choice in votes.iterator(5000)])
    cast = cast.reshape(-1, 3).astype(np.int64)
    return _Answers(
        code=[str(row[1]) for row in rows],
        worker=np.array([row[2] for row in rows], dtype=np.int64),
        pair=np.array([row[3] for row in rows], dtype=np.int64),
        swapped=np.array([row[4] for row in rows], dtype=bool),
        seconds=seconds,
        length=np.array([lengths[row[3]] for row in rows], dtype=float),
        votes_of=np.searchsorted(keys, cast[:, 0]).astype(np.int64),
        aspect=cast[:, 1],
        value=cast[:, 2],
    )


def _length(frames: Any, fps: Any) -> float | None:
    return float(frames) / float(fps) if frames and fps else None


def _longer(first: float | None, second: float | None) -> float:
    return max(first, second) if first is not None and second is not None else np.nan


@dataclass(frozen=True)
class _PerPair:
    side: Ints  # 1 mostly left, -1 mostly right, 0 neither
    same: NDArray[np.bool_]  # the same answer on every aspect
    nearness: Floats  # to the others' answers, mean over aspects; NaN where nobody else answered
    vote_nearness: Floats


def _per_assignment(answers: _Answers) -> _PerPair:
    count = len(answers.code)
    on_screen = np.where(answers.swapped[answers.votes_of], -answers.value, answers.value)
    side = np.sign(np.bincount(answers.votes_of, on_screen, count)).astype(np.int64)
    most, least = np.full(count, -2), np.full(count, 2)
    np.maximum.at(most, answers.votes_of, answers.value)
    np.minimum.at(least, answers.votes_of, answers.value)
    nearness = nearness_to_others(answers.pair[answers.votes_of], answers.aspect, answers.value)
    known = ~np.isnan(nearness)
    votes = np.bincount(answers.votes_of[known], minlength=count).astype(float)
    sums = np.bincount(answers.votes_of[known], nearness[known], count)
    mean = np.divide(sums, votes, out=np.full(count, np.nan), where=votes > 0)
    return _PerPair(side, most == least, mean, nearness)


def nearness_to_others(pair: Ints, aspect: Ints, value: Ints) -> Floats:
    """Of each vote, the mean of 1 − |difference| / 2 to the other votes on its pair and aspect; NaN without others.

    >>> nearness_to_others(np.array([1, 1, 1]), np.array([1, 1, 1]), np.array([1, 1, 0]))
    array([0.75, 0.75, 0.5 ])
    """
    _, item = np.unique(np.stack([pair, aspect]), axis=1, return_inverse=True)
    item = item.reshape(-1)
    counts = np.zeros((int(item.max(initial=-1)) + 1, 3))
    np.add.at(counts, (item, value + 1), 1)
    kernel = np.array([[1, 0.5, 0], [0.5, 1, 0.5], [0, 0.5, 1]])
    near = np.einsum("ij,ij->i", counts[item], kernel[value + 1]) - 1
    others = counts[item].sum(axis=1) - 1
    found: Floats = np.divide(near, others, out=np.full(len(item), np.nan), where=others > 0)
    return found


@dataclass
class _Right:
    """Right answers, by control (a control's aspects hang together) and by aspect."""

    controls: dict[int, list[bool]] = field(default_factory=lambda: defaultdict(list))
    aspects: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))

    def shares(self) -> tuple[Share | None, dict[str, Share]]:
        means = [sum(right) / len(right) for right in self.controls.values()]
        by_aspect = {key: Share(sum(right), len(right)) for key, right in self.aspects.items()}
        return (Share(sum(means), len(means)) if means else None), by_aspect


def _controls(comparison: Comparison) -> dict[int, dict[str, _Right]]:
    """By participation: `golden` (with identical pairs) and `repeat`; what came before the work does not count."""
    kinds = {Control.Kind.GOLDEN: "golden", Control.Kind.IDENTICAL: "golden", Control.Kind.REPEAT: "repeat"}
    found: dict[int, dict[str, _Right]] = defaultdict(lambda: {"golden": _Right(), "repeat": _Right()})
    for outcome in outcomes(comparison):
        if kind := kinds.get(Control.Kind(outcome.kind)):
            right = found[outcome.participation][kind]
            right.controls[outcome.control].append(outcome.right)
            right.aspects[outcome.aspect].append(outcome.right)
    return found


def _share(found: NDArray[np.bool_]) -> Share | None:
    return Share(int(found.sum()), len(found)) if len(found) else None


def _mean(values: Floats) -> Share | None:
    return Share(float(values.sum()), len(values)) if len(values) else None


def _codes(answers: _Answers, places: Ints) -> list[str]:
    return [answers.code[place] for place in places[:EXAMPLES].tolist()]
