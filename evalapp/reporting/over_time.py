"""Along an axis: win rates over the checkpoints of a training, and drift over days and over the place in a session."""

from dataclasses import dataclass
from itertools import groupby
from math import expm1
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalapp.assessing.models import Ballot
from evalapp.comparisons.models import Comparison
from evalapp.reporting.sections import LEVEL, Row, headline
from evalapp.reporting.table import VoteTable
from evalapp.reporting.wording import said
from metrics import resolve

DAY = 86_400.0
BINS = 8
AXES = ("days", "place in session")
Floats = NDArray[np.float64]


def curves(comparison: Comparison, table: VoteTable) -> list[Row]:
    """Per training with two checkpoints or more, anchor and aspect: the win rate against the anchor at each step.

    Anchors are the contenders that are not of that training and recipe; where there are none, its earliest checkpoint.
    """
    training_curve, found = resolve("metrics.preference.curves:training_curve"), list[Row]()
    for training, steps in _trainings(comparison):
        anchors = [name for name in table.contenders if name not in steps]
        for anchor in anchors or [min(steps, key=lambda name: steps[name])]:
            points = {name: step for name, step in steps.items() if name != anchor}
            for code, aspect in enumerate(table.aspects):
                curve = training_curve(table.all_votes(code), anchor, points, level=LEVEL)
                found.append({"training": training, "aspect": aspect} | _curve(curve))
    return found


def without_curve(comparison: Comparison) -> list[str]:
    """Why contenders with steps of training make no curve, where none of them does; else nothing."""
    columns = ("name", "checkpoint__training", "checkpoint__step", "recipe")
    kept = comparison.entries.exclude(contender__checkpoint__step=None).order_by("position")
    rows = list(kept.values_list(*(f"contender__{column}" for column in columns)))
    if len({step for _, _, step, _ in rows}) < 2 or _trainings(comparison):
        return []
    trainings = {training for _, training, _, _ in rows}
    if "" in trainings:
        why = said("it is not known of all which training they come from")
    elif len(trainings) == len(rows):
        why = said("each comes from another training")
    elif len({recipe for *_, recipe in rows}) > 1:
        why = said("those of one training have different recipes")
    else:
        why = said("a step comes twice")
    names = ", ".join(name for name, *_ in rows)
    return [said("{names} have steps of training but make no curve: {why}.", names=names, why=why)]


def _trainings(comparison: Comparison) -> list[tuple[str, dict[str, int]]]:
    """Per training and recipe: its contenders' steps; trainings with one checkpoint make no curve."""
    entries = comparison.entries.exclude(contender__checkpoint__step=None).exclude(contender__checkpoint__training="")
    rows = sorted(
        entries.values_list(
            "contender__checkpoint__training", "contender__recipe", "contender__checkpoint__step", "contender__name"
        )
    )
    found = []
    for (training, _), group in groupby(rows, key=lambda row: row[:2]):
        steps = {name: int(step or 0) for _, _, step, name in group}
        if len(set(steps.values())) == len(steps) >= 2:
            found.append((training, steps))
    return found


def _curve(curve: Any) -> Row:
    return {
        "anchor": curve.anchor,
        "points": [
            {
                "contender": point.name,
                "step": point.step,
                "votes": point.win_rate.votes,
                "win_rate": point.win_rate.estimate,
                "interval": _between(point.win_rate.interval),
                "gain": point.gain.value if point.gain else None,
                "gain_interval": _between(point.gain),
                "reason": point.win_rate.reason,
            }
            for point in curve.points
        ],
        "slope_per_1000_steps": 1000 * curve.slope.value if curve.slope else None,
        "slope_interval": [1000 * end for end in ends] if (ends := _between(curve.slope)) else None,
        "reason": curve.reason or (curve.slope.reason if curve.slope else ""),
    }


@dataclass(frozen=True)
class _Moments:
    """When each vote on the headline aspect came and how long its form took (NaN where that is not known)."""

    at: Floats
    seconds: Floats
    place: NDArray[np.int64]


def drift(comparison: Comparison, table: VoteTable) -> list[Row]:
    """Whether win rates, speed and agreement move over days and over the place in a session, each assessor being
    compared with themselves."""
    asked = table.aspects.index(headline(table))
    votes = table.take(table.rows(asked))
    if not len(votes) or votes.ballot is None:
        return []
    when = _moments(comparison, votes)
    if when is None:
        why = said("imported votes do not say when they were cast")
        return [_empty(axis, measure, why) for axis in AXES for measure in ("win rate", "seconds", "agreement")]
    rows: list[Row] = []
    for axis, position in zip(AXES, ((when.at - when.at.min()) / DAY, when.place.astype(np.float64)), strict=True):
        if axis == "days" and len(np.unique(when.at // DAY)) < 2:
            why = said("all votes came on one day")
            rows += [_empty(axis, measure, why) for measure in ("win rate", "seconds", "agreement")]
            continue
        for first, second in votes.pairings:
            row = _drift(axis, "win rate", votes.outcome, position, votes, votes.rows(pairing=(first, second)))
            rows.append(row | {"contenders": [votes.contenders[first], votes.contenders[second]]})
        timed = np.isfinite(when.seconds)
        logs = np.log(np.where(timed, when.seconds, 1.0))
        rows.append(_drift(axis, "seconds", logs, position, votes, timed))
        alike = resolve("metrics.preference.curves:agreement_with_others")(votes.pair, votes.outcome)
        rows.append(_drift(axis, "agreement", alike, position, votes, np.isfinite(alike)))
    return rows


def _empty(axis: str, measure: str, why: str) -> Row:
    known: Row = {"axis": axis, "measure": measure, "contenders": None, "votes": 0, "points": [], "reason": why}
    return known | dict.fromkeys(("slope", "slope_interval", "p_value", "early", "late"))


def _drift(
    axis: str, measure: str, value: Floats, position: Floats, votes: VoteTable, chosen: NDArray[np.bool_]
) -> Row:
    if not chosen.any():
        known = said("no votes") if measure == "win rate" else said("no pair has two votes")
        why = said("it is not known how long answers took") if measure == "seconds" else known
        return _empty(axis, measure, why)
    y, x = value[chosen], position[chosen]
    found = resolve("metrics.preference.curves:drift")(y, x, votes.assessor[chosen], votes.prompt[chosen], level=LEVEL)
    slope, ends = found.slope, _between(found.slope)
    # seconds are compared by their logarithms: a slope is a share more per unit, a mean the geometric one
    logs = measure == "seconds"
    told = expm1 if logs else float
    mean = np.exp if logs else float
    return {
        "axis": axis,
        "measure": measure,
        "contenders": None,
        "slope": told(slope.value) if slope else None,
        "slope_interval": [told(end) for end in ends] if ends else None,
        "p_value": slope.p_value if slope else None,
        "early": float(mean(found.early)),
        "late": float(mean(found.late)),
        "votes": found.votes,
        "assessors": found.assessors,
        "points": [[at, float(mean(level)), n] for at, level, n in _binned(x, y)],
        "reason": found.reason or (slope.reason if slope else ""),
    }


def _binned(x: Floats, y: Floats) -> list[tuple[float, float, int]]:
    """Mean position, mean value and count of up to eight groups of votes with about as many each."""
    edges = np.unique(np.quantile(x, np.linspace(0, 1, BINS + 1)))
    group = np.searchsorted(edges[1:-1], x, side="right")
    counts = np.bincount(group)
    used = np.flatnonzero(counts)
    means = [np.bincount(group, column)[used] / counts[used] for column in (x, y)]
    return list(zip(means[0].tolist(), means[1].tolist(), counts[used].tolist(), strict=True))


def _moments(comparison: Comparison, votes: VoteTable) -> _Moments | None:
    """None where votes were imported that do not say when they were cast."""
    assert votes.ballot is not None
    cast = Ballot.objects.filter(assignment__pair__comparison=comparison).order_by("pk")
    if cast.filter(viewing__imported=True, viewing__answered_at="").exists():
        return None
    rows = [
        (pk, at.timestamp(), float(seconds) if isinstance(seconds, int | float) and seconds > 0 else np.nan)
        for pk, at, seconds in cast.values_list("pk", "created_at", "viewing__seconds").iterator(20_000)
    ]
    known = np.array(rows, dtype=np.float64)
    # ids stay exact as floats up to 2^53
    place = np.searchsorted(known[:, 0], votes.ballot.astype(np.float64))
    at, seconds = known[place, 1], known[place, 2]
    positions = resolve("metrics.preference.curves:session_positions")(votes.assessor, at)
    return _Moments(at, seconds, positions)


def _between(interval: Any) -> list[float] | None:
    return [interval.low, interval.high] if interval is not None and interval.low is not None else None
