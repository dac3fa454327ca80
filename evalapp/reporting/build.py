"""From votes to a report: every number, with the counts and the reasons behind it, frozen as canonical JSON.

Statistics are reached by name and only here: pages read the snapshot and load none of them.
"""

import json
import math
from collections import Counter
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np
from django.core.cache import cache
from django.db import transaction
from django.db.models import Count, Max, Sum

from evalapp.assessing.controls import ControlAnswer
from evalapp.assessing.looks import Look, take_looks
from evalapp.assessing.models import Assignment, Ballot
from evalapp.catalog.models import digest
from evalapp.comparisons.models import Comparison
from evalapp.measuring.models import Measurement, SetMeasurement
from evalapp.measuring.results import results_of
from evalapp.people.webhooks import announce
from evalapp.reporting import excluding, grouping, judged, looking, over_time, reasons, sections, suites
from evalapp.reporting.columns import filtered, whole_table
from evalapp.reporting.filters import EVERYTHING, Filters
from evalapp.reporting.methods import methods
from evalapp.reporting.models import Report
from evalapp.reporting.scales import scales
from evalapp.reporting.table import VoteTable, excluded, repeats_of
from evalapp.reporting.tradeoffs import tradeoffs
from evalapp.reporting.verdicts import verdicts
from evalapp.reporting.wording import annotated, said
from metrics import resolve

METHOD = 25
"""Raised when the same votes would give other numbers than before."""
DIGITS = 6
VERSIONS = {name: version(name) for name in ("numpy", "scipy", "scikit-learn")}
STEPS = ("contender__checkpoint__training", "contender__checkpoint__step")
RUNNING = said("ordinary intervals and tests are shown when voting has ended: watched all along, they mislead")
LIVE_VOTES = 50_000
"""An exploration of more votes than this is answered at once, without what takes long; the whole report has it."""
SLOW = said("with so many votes this is reckoned in the whole report only")
WHOLE = said("groups of prompts are looked for in the whole report only")
EXPLORING = said("among votes chosen after they were seen, ordinary intervals and tests would claim too much")


def build(comparison: Comparison) -> Report:
    """The report of the votes as they are now. The same votes give the same bytes and the same row."""
    comparison.refresh_from_db()
    take_looks(comparison)
    inputs = inputs_of(comparison)
    if known := Report.objects.filter(comparison=comparison, inputs=inputs).first():
        return known
    snapshot = canonical(snapshot_of(comparison, inputs))
    with transaction.atomic():
        report, new = Report.objects.get_or_create(
            comparison=comparison, inputs=inputs, defaults={"snapshot": snapshot}
        )
        if new:
            announce("report.built", comparison, **comparison.told(), inputs=inputs)
    return report


def newest(comparison: Comparison) -> tuple[Report | None, bool]:
    """The report of the votes as they are now; else the last one that was built, and that it is behind. An earlier one
    may be the present one: an exclusion that is lifted brings back what was there before."""
    reports = comparison.reports.defer("snapshot")
    current = reports.filter(inputs=inputs_of(comparison)).first()
    return current or reports.first(), current is None


def inputs_of(comparison: Comparison, filters: Filters = EVERYTHING) -> str:
    """sha256 of all that a report depends on. Cheap: votes are never altered, so counts tell."""
    return of_filters(state_of(comparison), filters)


def of_filters(state: dict[str, Any], filters: Filters) -> str:
    """sha256 of what `state_of` tells and of which votes are asked for."""
    asked = {"filters": filters.told(), "of_standing": filters.of_standing} if filters else {}
    return digest(asked | state)


def state_of(comparison: Comparison) -> dict[str, Any]:
    """All that a report of every vote depends on."""
    controls = ControlAnswer.objects.filter(control__participation__comparison=comparison)
    # each ballot raises its assignment's version, and an index holds all of it: no vote need be looked at
    states = Assignment.objects.filter(participation__comparison=comparison).values_list("state").order_by("state")
    counted = [each for each in states.annotate(n=Count("pk"), versions=Sum("version")) if each[0] != "held"]
    return ({"judged": asked} if (asked := judged.judged_inputs(comparison)) else {}) | {
        "method": METHOD,
        "versions": VERSIONS,
        "plan": comparison.digest,
        "name": comparison.name,
        "state": comparison.state,
        "left_out": comparison.pairs.filter(left_out=True).count(),
        "contenders": list(comparison.entries.values_list("contender__name", *STEPS)),
        "participations": comparison.participations.count(),
        "simulated": comparison.participations.filter(assessor__simulated=True).count(),
        "measured": _measured(comparison),
        "exclusions": [each.pk for each in excluded(comparison)],
        "controls": controls.aggregate(n=Count("pk"), last=Max("pk")),
        "looks": Look.objects.filter(comparison=comparison).count(),
        "assignments": counted,
    }


def _measured(comparison: Comparison) -> list[Any]:
    """Values are stored once and never altered: how many there are of its clips, and the last, tell. Those of sets are
    replaced when the set changes, which their day and time tell."""
    newest = Measurement.objects.aggregate(last=Max("pk"))["last"]
    key = f"measured-{comparison.pk}-{comparison.state}-{newest}"
    if newest is None or (single := cache.get(key)) is None:
        single = _measured_clips(comparison) if newest else {"n": 0, "last": None}
        cache.set(key, single, 3600)
    sets = SetMeasurement.objects.filter(comparison=comparison).aggregate(n=Count("pk"), last=Max("created_at"))
    return [single["n"], single["last"], sets["n"], sets["last"].isoformat() if sets["last"] else None]


def _measured_clips(comparison: Comparison) -> dict[str, Any]:
    pairs = comparison.pairs.order_by()
    files = pairs.values("first__sha256").union(pairs.values("second__sha256"))
    return Measurement.objects.filter(sha256__in=files).aggregate(n=Count("pk"), last=Max("pk"))


def explored(comparison: Comparison, filters: Filters) -> tuple[str, Callable[[], dict[str, Any]]]:
    """The inputs of an exploration, and what makes its snapshot: what everything depends on is asked for once."""
    state = state_of(comparison)
    inputs = of_filters(state, filters)
    return inputs, lambda: snapshot_of(comparison, inputs, filters, of_filters(state, EVERYTHING))


def snapshot_of(
    comparison: Comparison, inputs: str, filters: Filters = EVERYTHING, everything: str = ""
) -> dict[str, Any]:
    """Every part of the report. What cannot be computed carries its reason instead of a number.

    With filters it is exploratory: marked so, and without tests; `everything`: the inputs of the report without them.
    """
    with resolve("metrics.preference.threads:one_thread")():
        return _snapshot_of(comparison, inputs, filters, everything or inputs)


def _snapshot_of(comparison: Comparison, inputs: str, filters: Filters, everything: str) -> dict[str, Any]:
    whole, exclusions = filtered(whole_table(comparison, everything), comparison, filters), excluded(comparison)
    if "excluded" in filters.standings:
        exclusions = []
    table = whole.without({str(each.participation.assessor.code) for each in exclusions})
    closed = comparison.state == Comparison.State.CLOSED and not filters
    looked = looking.looked_at(comparison, table)
    lean = bool(filters) and len(table) > LIVE_VOTES
    results = sections.results(table, closed, {} if filters else looked)
    voted = {} if filters else sections.voted(table)
    metrics = [] if filters else results_of(comparison, voted)
    snapshot: dict[str, Any] = {
        "exploratory": bool(filters),
        "filters": filters.told(),
        "format": 1,
        "comparison": _comparison(comparison, table),
        "counts": _counts(comparison, table),
        "headline_aspect": sections.headline(table),
        "verdicts": excluding.reworded(
            verdicts(table, results, closed, bool(filters), comparison.margin, looked), table, whole
        ),
        "exclusions": excluding.exclusions(whole, table, exclusions, results, closed, comparison.margin, looked),
        "looks": looking.looks(comparison, table, looked),
        "results": results,
        "position_bias": sections.position_bias(table),
        "ranking": sections.rankings(table),
        "agreement": sections.agreement(table, repeats_of(comparison, table)),
        "curves": over_time.curves(comparison, table),
        "drift": over_time.drift(comparison, table),
        "slices": [] if lean else reasons.slices(table, tests=closed),
        **(grouping.no_groupings(WHOLE) if filters else grouping.grouped(comparison, table, tests=closed)),
        "suites": suites.no_suites() if lean else suites.suites(table, tests=closed),
        "drivers": [] if lean else reasons.drivers(table),
        "sensitivity": reasons.sensitivity(table) if not lean else reasons.no_sensitivity(table, SLOW),
        "one_scale": reasons.one_scale(table, tests=closed) if not lean else reasons.no_scale(table, SLOW),
        "scales": [] if lean else scales(comparison, table),
        "warnings": [
            *(excluding.all_excluded(table, whole) or reasons.warnings(table, bool(filters))),
            *([] if filters else over_time.without_curve(comparison)),
        ],
        "powered": [] if filters else judged.powered(comparison, table, looked),
        "without_each_assessor": sections.without_each_assessor(table, looked, lean),
        "metrics": metrics,
        "tradeoffs": None if filters else tradeoffs(comparison, voted, metrics, sections.headline(table)),
        "provenance": {
            "method": METHOD,
            "inputs": inputs,
            "plan": comparison.digest,
            "versions": VERSIONS,
            "noise": comparison.shared_noise(),
            "lossy": comparison.lossy_clips(),
            "made_apart": comparison.made_apart(),
        },
    }
    snapshot["methods"] = methods(snapshot, closed)
    return snapshot if closed else looking.unfinished(snapshot, EXPLORING if filters else RUNNING)


def _comparison(comparison: Comparison, table: VoteTable) -> dict[str, Any]:
    return {
        "name": comparison.name,
        "code": str(comparison.code),
        "state": comparison.state,
        "contenders": table.contenders,
        "aspects": list(comparison.aspects.values("key", "name", "question")),
        "prompt_set": str(comparison.prompt_set),
        "prompts": len(table.prompts),
        "seeds": comparison.seeds,
        "overlap": comparison.overlap,
        "rng_seed": comparison.rng_seed,
        "margin": comparison.margin,
        "ask_both_bad": comparison.ask_both_bad,
        "ask_strength": comparison.ask_strength,
    }


def _counts(comparison: Comparison, table: VoteTable) -> dict[str, Any]:
    """`votes` and `assessors` are those let through and not excluded; skips and pairs are those of all."""
    assignments = Assignment.objects.filter(pair__comparison=comparison)
    assert table.answers is not None
    answers, shut_out = table.answers, [each.participation_id for each in excluded(comparison)]
    cast = ~np.isin(answers.participation, shut_out)
    answered = int((cast & answers.current).sum())
    skipped = assignments.filter(state=Assignment.State.RELEASED).values_list("skip_reason").annotate(n=Count("pk"))
    skips: Counter[str] = Counter()
    for reason, count in skipped.order_by():
        skips[reason.partition(":")[0]] += count  # an assessor's own words stay out of what is frozen and passed on
    voters = np.flatnonzero(np.bincount(table.assessor)).tolist()
    return {
        "votes": len(table),
        "simulated_votes": int(table.simulated.sum()),
        "assessors": len(voters),
        "simulated_assessors": sum(table.assessors[code]["simulated"] for code in voters),
        "answers": answered,
        "imported_answers": int((cast & answers.imported).sum()),
        "from_ratings": Ballot.objects.filter(pk__in=answers.ballot[:1].tolist(), viewing__rated=True).exists(),
        "corrections": int(cast.sum()) - answered,
        "pairs": comparison.pairs.filter(left_out=False).count(),
        "pairs_left_out": comparison.pairs.filter(left_out=True).count(),
        "skips": dict(sorted(skips.items())),
        "last_answer_at": answers.last(cast),
    }


def canonical(snapshot: dict[str, Any], digits: int = DIGITS) -> str:
    return json.dumps(rounded(snapshot, digits), ensure_ascii=False, sort_keys=True, allow_nan=False)


def rounded(value: Any, digits: int = DIGITS) -> Any:
    """Floats to so many digits, everywhere within, and beside each sentence how it is said in other languages; a number
    that is none is a bug and raises ValueError."""
    if isinstance(value, dict):
        found = {str(key): rounded(inner, digits) for key, inner in value.items()}
        return found | {key: told for name, inner in value.items() for key, told in annotated(str(name), inner).items()}
    if isinstance(value, list | tuple):
        return [rounded(inner, digits) for inner in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} cannot stand in a report: say None, with a reason")
        return round(value, digits) + 0.0
    return value
