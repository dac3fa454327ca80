"""The team's own judge, trained when a page or a program asks for it: refused or queued, taken up by one worker,
cancelled. `manage.py train_judge` trains by the same function."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Count

from evalapp.assessing.exclusions import Exclusion
from evalapp.assessing.models import Vote
from evalapp.comparisons.models import Comparison
from evalapp.generation.models import Clip
from evalapp.measuring import own_judge
from evalapp.measuring.claimed import Cancelled
from evalapp.measuring.judges import TrainingRun
from evalapp.measuring.own_judge import UnknownFeatures, learn, weights_named
from evalapp.people import audit
from metrics import resolve
from metrics.judges.own.least import NotEnoughVotes, shortfall, too_few
from metrics.weights import WeightsMissing, WeightsWrong

MOST_HIDDEN, MOST_MESA = 1024, 100.0


class WrongName(Exception):
    """A judge cannot be called so here; the message says why."""


class UnknownComparison(Exception):
    """No such comparison in the project."""


class TrainedAlready(Exception):
    """A judge of that name is being trained."""


REFUSALS = (WrongName, UnknownComparison, NotEnoughVotes, UnknownFeatures, WeightsMissing, WeightsWrong)
"""What `start` raises for a wrong choice; the message says what would be right."""


@transaction.atomic
def start(
    comparison: Comparison,
    name: str = "own",
    others: Sequence[str | UUID] = (),
    features: Sequence[str] = (),
    hidden: int = 0,
    mesa: float = 0.0,
) -> TrainingRun:
    """Queue a run. others: codes of more comparisons of the same project. Raises one of REFUSALS, or
    TrainedAlready."""
    _allow_name(name, comparison)
    weights_named(features)
    codes = list(dict.fromkeys(map(str, (comparison.code, *others))))
    votes_enough(named(codes, comparison))
    TrainingRun.objects.filter(name=name, comparison__project=comparison.project_id).end_abandoned()
    try:
        with transaction.atomic():
            run = TrainingRun.objects.create(
                comparison=comparison, name=name, comparisons=codes, features=[*features], hidden=hidden, mesa=mesa
            )
    except IntegrityError as error:
        raise TrainedAlready(
            f"an own judge {name} is being trained already: wait for it, cancel it, or choose another name"
        ) from error
    audit.record("asked to train a judge on", comparison, judge=name, features=run.features)
    return run


def _allow_name(name: str, comparison: Comparison) -> None:
    """Raises WrongName for one that is none, and for another project's judge, which would be overwritten."""
    try:
        resolve("metrics.judges.own.saved:check_name")(name)
    except ValueError as error:
        raise WrongName(str(error)) from error
    there = own_judge.stored(name)
    if there and there["card"].get("projects") != [str(comparison.project.code)]:
        raise WrongName(f"own judge {name} is there already and was not trained in this project: choose another name")


def named(codes: Sequence[str], comparison: Comparison) -> list[Comparison]:
    """Those comparisons of the same project. Raises UnknownComparison."""
    mine = Comparison.objects.filter(project=comparison.project_id).select_related("project")
    try:
        found = {str(each.code): each for each in mine.filter(code__in=codes)}
    except (ValidationError, ValueError):
        found = {}
    for code in codes:
        if code not in found:
            raise UnknownComparison(f"there is no comparison {code} in this project")
    return [found[code] for code in codes]


def votes_enough(comparisons: Sequence[Comparison]) -> None:
    """Raises NotEnoughVotes where no aspect has them, counted as training counts, on clips that are ready."""
    votes: Counter[str] = Counter()
    decided: Counter[str] = Counter()
    prompts: dict[str, set[str]] = defaultdict(set)
    pair = "ballot__assignment__pair"
    ready = {f"{pair}__{side}__state": Clip.State.READY for side in ("first", "second")}
    for comparison in comparisons:
        shut_out = list(Exclusion.objects.active(comparison).values_list("participation", flat=True))
        counted = Vote.objects.of(comparison).current().filter(**ready)
        counted = counted.exclude(ballot__assignment__participation__in=shut_out).order_by()
        rows = counted.values_list("aspect__key", f"{pair}__prompt__text", "choice").annotate(Count("pk"))
        for aspect, text, choice, count in rows:
            votes[aspect] += count
            decided[aspect] += count if choice != "tie" else 0
            prompts[aspect].add(text)
    short = {each: shortfall(votes[each], len(prompts[each]), decided[each]) for each in sorted(votes)}
    if all(short.values()):
        raise too_few(short)


@transaction.atomic
def cancel(run: TrainingRun) -> bool:
    """No judge comes of it; False where it had ended."""
    if not run.cancel():
        return False
    audit.record("cancelled training a judge on", run.comparison, judge=run.name)
    return True


def work(run: TrainingRun) -> bool:
    """Train, and keep the judge unless the run was cancelled. False where another worker has it."""
    return run.carry_out(lambda: _train(run), (*own_judge.REFUSALS, UnknownComparison))


def _train(run: TrainingRun) -> None:
    how: dict[str, Any] = {"hidden": run.hidden, "mesa": run.mesa}
    learned = learn(named(run.comparisons, run.comparison), run.name, run.features, how, run.one_done, run.ahead)
    # Whoever cancels waits for this row: a judge is stored by a run that is done, or not at all.
    with transaction.atomic():
        if not run.store(card=learned.card):
            raise Cancelled
        learned.save()
        run.end(run.State.DONE)
