"""Measures asked for by a page, a program or the demo: chosen, queued, taken up by one worker, cancelled."""

from collections.abc import Callable, Iterable

from django.db import transaction

from evalapp.catalog.models import Contender
from evalapp.comparisons.models import Comparison
from evalapp.measuring.files import UnknownReference, Unmeasurable, reference_of
from evalapp.measuring.models import MeasuringRun
from evalapp.measuring.runs import measure, names_of, waiting
from evalapp.measuring.sets import UnknownMetric, measure_sets, set_names_of
from evalapp.people import audit
from metrics.sets import SETS
from metrics.weights import WeightsMissing, WeightsWrong

REFUSALS = (UnknownMetric, UnknownReference, WeightsMissing, WeightsWrong)
"""What `chosen` and `start` raise for a wrong choice; the message says what would be right."""


NAMED = 100
"""Files that could not be measured are named up to so many."""


class MeasuredAlready(Exception):
    """Another run measures the same comparison; the message names it."""


def chosen(asked: Iterable[str], referenced: bool) -> tuple[list[str], list[str], list[str]]:
    """Names of measures of clips, of sets, and why others were left out. Where none is asked for: all that need no
    weights and, against a reference, those of sets whose weights are here. Raises UnknownMetric, WeightsMissing,
    WeightsWrong."""
    names = list(asked)
    of_sets = [name for name in names if name in SETS]
    of_clips = [name for name in names if name not in SETS]
    clipwise = names_of(of_clips) if of_clips or not names else []
    sets, absent = set_names_of(of_sets, referenced) if of_sets or (referenced and not names) else ([], [])
    return clipwise, sets, absent


@transaction.atomic
def start(comparison: Comparison, asked: Iterable[str] = (), reference: str = "") -> MeasuringRun:
    """Queue a run; `reference`: a contender's name. Raises one of REFUSALS, or MeasuredAlready."""
    against = None
    if reference and not (against := Contender.objects.filter(name=reference, project=comparison.project_id).first()):
        raise UnknownReference(f"no contender is called {reference!r}")
    clipwise, sets, _ = chosen(asked, against is not None)
    if against and any(SETS[name].asks_reference for name in sets):
        reference_of(against, comparison)
    else:
        against = None
    Comparison.objects.select_for_update().get(pk=comparison.pk)
    comparison.measuring_runs.end_abandoned()
    if other := comparison.measuring_runs.unended().first():
        raise MeasuredAlready(f"{comparison} is being measured already: wait for run {other.code}, or cancel it")
    run = MeasuringRun.objects.create(comparison=comparison, metrics=[*clipwise, *sets], reference=against)
    audit.record("asked for measures of", comparison, metrics=run.metrics, reference=reference)
    return run


@transaction.atomic
def cancel(run: MeasuringRun) -> bool:
    """Nothing more is measured; False where it had ended."""
    if not run.cancel():
        return False
    audit.record("cancelled measuring", run.comparison)
    return True


def work(run: MeasuringRun) -> bool:
    """Measure until nothing is left or it was cancelled. False where another worker has it."""
    return run.carry_out(lambda: _measure(run), REFUSALS)


def _measure(run: MeasuringRun) -> None:
    """All that was asked for; what could not be measured is named, each file once."""
    clipwise = [name for name in run.metrics if name not in SETS]
    sets = [name for name in run.metrics if name in SETS]
    problems: list[str] = []
    if clipwise:
        run.ahead(len(waiting(run.comparison, names_of(clipwise))))
        problems += _problems_of(lambda: measure(run.comparison, clipwise, run.one_done))
    if sets:
        against = reference_of(run.reference, run.comparison) if run.reference else None
        problems += _problems_of(lambda: measure_sets(run.comparison, sets, against, run.one_done, run.ahead))
    named = list(dict.fromkeys(problems))
    more = f"\nand {len(named) - NAMED} more" if len(named) > NAMED else ""
    run.end(run.State.DONE, "\n".join(named[:NAMED]) + more)


def _problems_of(act: Callable[[], int]) -> list[str]:
    try:
        act()
    except Unmeasurable as error:
        return str(error).splitlines()
    return []
