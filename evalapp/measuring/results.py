"""What measures say of a comparison, and whether people's votes go along. For workers and commands, not for pages."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalapp.assessing.models import Vote
from evalapp.comparisons.models import Comparison
from evalapp.generation.models import Clip
from evalapp.measuring.models import Measurement, SetMeasurement
from evalapp.measuring.runs import KNOWN, measured_values
from evalapp.measuring.set_results import set_results, title_of
from metrics import resolve

LABEL = "measured by a program, beside the votes and not among them"
OUTCOMES = {"first": 1.0, "tie": 0.5, "second": 0.0}
BINS = 8
Pairs = list[tuple[Clip, Clip, float]]


@dataclass(frozen=True)
class Voted:
    """What people said of pairs on one aspect: the mean outcome of each pair (by its id; 1 first, ½ tie, 0 second), how
    many votes that were, and how many of them simulated."""

    outcomes: Mapping[int, float]
    votes: int
    simulated: int


def results_of(comparison: Comparison, voted: Mapping[str, Voted] | None = None) -> list[dict[str, Any]]:
    """One JSON-able entry per metric that measured a clip of the comparison.

    Keys: metric, title, unit, higher_is_better, version, label; rows: per contender {contender, value, interval, count,
    missing, reason, without: [{reason, clips}]}; following: per aspect {aspect, agreement, interval, pairs, votes,
    simulated_votes, prompts, tau, rho, order_p_value, contenders, bins, reason}, empty for a metric of which neither
    direction is better. An interval is [low, high] or None; `missing` counts ready clips without a value, `without`
    says why. Votes of simulated assessors are among `votes` and counted apart. `bins`: pairs from the least to the
    greatest difference first − second, in up to eight groups of [mean difference, mean share of votes for the first,
    pairs]. `voted`: what people said, per aspect; read from the votes that count where it is not given. Measures of
    sets come last; see `set_results`.
    """
    ready = comparison.clips().filter(state=Clip.State.READY).order_by("pk")
    known_here = Measurement.objects.filter(sha256__in=ready.order_by().values("sha256")).exists()
    clips = list(ready.select_related("prompt")) if known_here else []
    contenders = list(comparison.entries.values_list("contender_id", "contender__name"))
    values = measured_values(clips)
    sets = SetMeasurement.objects.filter(comparison=comparison).exists()
    if not values and not sets:
        return []
    said = _voted(comparison) if voted is None else voted
    pairs = _paired(comparison, {clip.pk: clip for clip in clips}, said)
    results, whys = [], _whys(clips)
    for name, (version, measured) in values.items():
        metric = KNOWN[name]
        known = {clip: value for clip, value in measured.items() if value is not None}
        why = {clip.pk: whys[name, clip.sha256] for clip in clips if clip.pk in measured and clip.pk not in known}
        by_contender = {key: [clip for clip in clips if clip.contender_id == key] for key, _ in contenders}
        rows = [_row(title, by_contender[key], known, why, metric.bounds) for key, title in contenders]
        better = metric.higher_is_better
        results.append(
            {
                "metric": name,
                "kind": "clip",
                "title": title_of(name),
                "unit": metric.unit,
                "higher_is_better": better,
                "version": version,
                "label": LABEL,
                "rows": rows,
                "following": []
                if better is None
                else [
                    {"aspect": aspect, "votes": votes, "simulated_votes": simulated} | _following(met, known, better)
                    for aspect, (met, votes, simulated) in pairs.items()
                ],
            }
        )
    # Whoever brings votes or values from elsewhere may have no clips here: the order of contenders needs none.
    known_or_not = _paired(comparison, {clip.pk: clip for clip in comparison.clips()}, said) if sets else {}
    return results + set_results(comparison, dict(contenders), known_or_not)


def _whys(clips: list[Clip]) -> dict[tuple[str, str], str]:
    """Why a file has no value of a metric, by name and checksum."""
    rows = Measurement.objects.filter(sha256__in={clip.sha256 for clip in clips}, value=None).order_by("pk")
    return {(name, sha256): reason for name, sha256, reason in rows.values_list("metric", "sha256", "reason")}


def _row(
    contender: str,
    clips: list[Clip],
    known: dict[int, float],
    why: dict[int, str],
    bounds: tuple[float | None, float | None],
) -> dict[str, Any]:
    without = Counter(why.get(clip.pk, "not measured yet") for clip in clips if clip.pk not in known).most_common()
    measured = [clip for clip in clips if clip.pk in known]
    mean = resolve("metrics.following:mean_by_prompt")(
        np.array([known[clip.pk] for clip in measured]),
        np.array([clip.prompt_id for clip in measured], dtype=int),
        bounds,
    )
    return {
        "contender": contender,
        "value": mean.value,
        "interval": None if mean.low is None else [mean.low, mean.high],
        "count": mean.count,
        "missing": len(clips) - len(measured),
        "reason": without[0][0] if without and not measured else mean.reason,
        "without": [{"reason": reason, "clips": count} for reason, count in without],
    }


def _voted(comparison: Comparison) -> dict[str, Voted]:
    cast = (
        Vote.objects.of(comparison)
        .current()
        .values_list(
            "aspect__key",
            "ballot__assignment__pair",
            "choice",
            "ballot__assignment__participation__assessor__simulated",
        )
    )
    keys = comparison.aspects.values_list("key", flat=True)
    outcomes: dict[str, dict[int, list[float]]] = {key: defaultdict(list) for key in keys}
    simulated: dict[str, int] = defaultdict(int)
    for aspect, pair, choice, program in cast:
        outcomes[aspect][pair].append(OUTCOMES[choice])
        simulated[aspect] += program
    return {
        aspect: Voted(
            {pair: sum(each) / len(each) for pair, each in sorted(pairs.items())},
            sum(map(len, pairs.values())),
            simulated[aspect],
        )
        for aspect, pairs in outcomes.items()
    }


def _paired(
    comparison: Comparison, clips: dict[int, Clip], voted: Mapping[str, Voted]
) -> dict[str, tuple[Pairs, int, int]]:
    """Per aspect: both clips of each pair with votes and their mean outcome, and the counts of votes."""
    sides = {
        pair: (clips[first], clips[second])
        for pair, first, second in comparison.pairs.order_by("pk").values_list("pk", "first", "second")
        if first in clips and second in clips
    }
    return {
        aspect: (
            [(*sides[pair], outcome) for pair, outcome in found.outcomes.items() if pair in sides],
            found.votes,
            found.simulated,
        )
        for aspect, found in voted.items()
    }


def _following(pairs: Pairs, known: dict[int, float], higher_is_better: bool) -> dict[str, Any]:
    told = [(a, b, outcome) for a, b, outcome in pairs if a.pk in known and b.pk in known]
    first = np.array([known[a.pk] for a, _, _ in told])
    second = np.array([known[b.pk] for _, b, _ in told])
    outcome = np.array([each for _, _, each in told])
    prompts = np.array([a.prompt_id for a, _, _ in told], dtype=int)
    found = resolve("metrics.following:agreement")(first, second, outcome, prompts, higher_is_better)
    measured: dict[int, list[float]] = defaultdict(list)
    chosen: dict[int, list[float]] = defaultdict(list)
    for a, b, share in told:
        for clip, won in ((a, share), (b, 1 - share)):
            measured[clip.contender_id].append(known[clip.pk] * (1 if higher_is_better else -1))
            chosen[clip.contender_id].append(won)
    order = resolve("metrics.following:ranks")(
        np.array([np.mean(each) for each in measured.values()]), np.array([np.mean(each) for each in chosen.values()])
    )
    return {
        "agreement": found.value,
        "interval": None if found.low is None else [found.low, found.high],
        "pairs": found.count,
        "prompts": found.prompts,
        "tau": order.tau,
        "rho": order.rho,
        "order_p_value": order.chance,
        "contenders": len(measured),
        "bins": _bins(first - second, outcome),
        "reason": found.reason if pairs else "no votes",
    }


def _bins(difference: NDArray[np.float64], outcome: NDArray[np.float64]) -> list[list[float]]:
    order = np.argsort(difference, kind="stable")
    groups = np.array_split(order, min(BINS, len(order))) if len(order) else []
    return [[float(difference[each].mean()), float(outcome[each].mean()), len(each)] for each in groups]
