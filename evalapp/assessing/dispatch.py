"""Which pair an assessor gets next, and on which side each clip is shown."""

import random

from django.db import transaction
from django.db.models import Case, Exists, F, OuterRef, QuerySet, Sum, When

from evalapp.assessing.controls import Control, Golden, Task
from evalapp.assessing.mixing import Kind, note_work, planned, resting, shares, still_planned
from evalapp.assessing.models import Assignment, Participation, lease_end
from evalapp.comparisons.models import Comparison, Pair

# How many waiting pairs are looked at to find one that balances the assessor's sides and shows another prompt.
LOOKED_AT = 12
# Prompts of so many pairs before are avoided.
REMEMBERED = 6
# Up to how many waiting pairs are counted for the assessor's progress; more are "that many and more".
COUNTED = 200
SHUFFLE_RANGE = 2**31
MET = (Assignment.State.HELD, Assignment.State.SUBMITTED, Assignment.State.RELEASED)


def next_assignment(participation: Participation, after: Task | None = None) -> Task | None:
    """The pair that the assessor holds, or a new one; None when nothing is left for them or they are to rest.

    With `after`, the pair that they are watching now: the one that follows it, handed out ahead so that it can load.
    An assessor thus holds two pairs at most. New pairs come fewest votes first, ties in a random order of this
    assessor's own that the comparison's `rng_seed` fixes. Controls come at the places that `mixing` drew for them.
    """
    # Each lease that ran out is taken back in a transaction of its own: one transaction never locks two pairs.
    Assignment.objects.filter(participation=participation).expire()
    Assignment.objects.filter(pair__comparison=participation.comparison_id).expire(limit=20)
    while True:
        try:
            with transaction.atomic():
                return _held_or_new(participation, after)
        except _TakenMeanwhile:
            continue


class _TakenMeanwhile(Exception):
    """Someone else took a place of the pair between reading and taking.

    It ends the transaction: PostgreSQL keeps the lock of a row that an UPDATE waited for and then left unchanged, and
    going on with such locks in hand is a deadlock among many assessors.
    """


def _held_or_new(participation: Participation, after: Task | None) -> Task | None:
    related = ("comparison", "assessor", "invitation")
    mine = Participation.objects.select_for_update(of=("self",)).select_related(*related).get(pk=participation.pk)
    held: list[Task] = list(mine.assignments.live())
    for control in mine.controls.mixed_in().filter(state=Control.State.HELD) if shares(mine) else ():
        control.renew_lease()
        held.append(control)
    held.sort(key=lambda task: (task.handed_at, task.pk))
    if assignment := next((task for task in held if not after or task.code != after.code), None):
        return assignment
    if mine.comparison.state != Comparison.State.OPEN or mine.paused_at or resting(mine):
        return None
    if (left := mine.quota_left()) is not None and left <= len(held):
        return None
    return _hand_out(mine, watched=after.pair_id if isinstance(after, Assignment) else None)


def remaining(participation: Participation) -> int:
    """How many pairs this assessor can still answer: those in their hands and those with a place left for them.

    No more than COUNTED waiting pairs are counted; controls are, so that none is given away.
    """
    pairs = waiting(participation).order_by()[:COUNTED].count()
    places = participation.assignments.live().count() + pairs
    if mixed := shares(participation):
        place, who = _place(participation)
        places += participation.controls.mixed_in().filter(state=Control.State.HELD).count()
        places += still_planned(mixed, who, place, pairs)
    quota = participation.quota_left()
    return places if quota is None else min(places, quota)


def _place(participation: Participation) -> tuple[int, str]:
    """How much was handed out to this assessor so far, and the name under which chance is drawn for them."""
    comparison = participation.comparison
    came_before = comparison.participations.filter(pk__lt=participation.pk).count()
    handed = participation.assignments.count()
    if shares(participation):
        handed += participation.controls.mixed_in().count()
    return handed, f"{comparison.rng_seed}:{came_before}"


def waiting(participation: Participation) -> QuerySet[Pair]:
    """Pairs of undecided pairings with a free place that this assessor has neither answered, skipped nor in hand."""
    met = Assignment.objects.filter(pair=OuterRef("pk"), participation=participation, state__in=MET)
    pairs = Pair.objects.filter(
        comparison=participation.comparison_id, left_out=False, decided=False, taken__lt=F("overlap")
    )
    return pairs.exclude(Exists(met))


def _hand_out(participation: Participation, watched: int | None) -> Task | None:
    comparison = participation.comparison
    place, who = _place(participation)
    rng = random.Random(f"{who}:{place}")
    lean = _lean(participation)
    pairs = _fewest_votes_first(participation, rng.randrange(SHUFFLE_RANGE), watched)
    if not pairs:
        return None
    note_work(participation)
    kind = planned(shares(participation), who, place)
    if kind and (control := _control(participation, kind, rng)):
        return control
    recent = set(_recent_prompts(participation))
    pair = min(pairs, key=lambda pair: (_free_side(pair, lean) * lean > 0, pair.prompt_id in recent))
    swapped = (_free_side(pair, lean) or rng.choice((1, -1))) > 0
    if not _take(pair, swapped):
        raise _TakenMeanwhile
    return Assignment.objects.create(
        pair=pair, participation=participation, swapped=swapped, lease_until=lease_end(comparison)
    )


def _control(participation: Participation, kind: str, rng: random.Random) -> Control | None:
    """A control of that kind, if there is one that this assessor has not met."""
    comparison, met = participation.comparison, participation.controls
    shown: dict[str, int] = {}
    if kind == Kind.GOLDEN:
        fresh = comparison.goldens.filter(use=Golden.Use.WORK, withdrawn=False)
        choices = list(fresh.exclude(pk__in=met.exclude(golden=None).values("golden")).values_list("pk", flat=True))
        shown = {"golden_id": rng.choice(choices)} if choices else {}
    elif kind == Kind.REPEAT:
        answered = participation.assignments.filter(state=Assignment.State.SUBMITTED).order_by("handed_at", "pk")
        long_ago = list(answered.values_list("pk", flat=True))[: -comparison.repeat_gap or None]
        known = set(met.exclude(repeated=None).values_list("repeated", flat=True))
        choices = [pk for pk in long_ago if pk not in known]
        shown = {"repeated_id": rng.choice(choices)} if choices else {}
    elif pair := comparison.pairs.filter(left_out=False, shuffle__gte=rng.randrange(SHUFFLE_RANGE)).first():
        shown = {"twice_id": rng.choice((pair.first_id, pair.second_id))}
    if not shown:
        return None
    if repeated := shown.get("repeated_id"):
        swapped = not Assignment.objects.get(pk=repeated).swapped
    else:
        sides = list(met.filter(kind=kind).values_list("swapped", flat=True))
        owed = len(sides) - 2 * sum(sides)
        swapped = owed > 0 if owed else rng.random() < 0.5
    return Control.objects.create(
        participation=participation, kind=kind, swapped=swapped, lease_until=lease_end(comparison), **shown
    )


def _fewest_votes_first(participation: Participation, pivot: int, watched: int | None) -> list[Pair]:
    """Some of the pairs with the fewest votes, from a place in their random order on and round to its start.

    Not the pair on their screen: it waits again once its lease has run out, and their answer still takes it.
    """
    pairs = waiting(participation).exclude(pk=watched or 0).order_by("taken", "shuffle", "pk")
    fewest = pairs.values_list("taken", flat=True).first()
    if fewest is None:
        return []
    tied = pairs.filter(taken=fewest).select_related("prompt", "first", "second")  # one of them is shown at once
    found = list(tied.filter(shuffle__gte=pivot)[:LOOKED_AT])
    return found + (list(tied.filter(shuffle__lt=pivot)[: LOOKED_AT - len(found)]) if len(found) < LOOKED_AT else [])


def _recent_prompts(participation: Participation) -> QuerySet[Assignment, int]:
    latest = participation.assignments.order_by("-pk")[:REMEMBERED]
    return latest.values_list("pair__prompt_id", flat=True)


def _lean(participation: Participation) -> int:
    """Above 0 when the assessor has seen more swapped pairs than others, below 0 when fewer."""
    shown = participation.assignments.filter(state__in=MET)
    lean = shown.aggregate(lean=Sum(Case(When(swapped=True, then=1), default=-1)))["lean"]
    return int(lean or 0)


def _free_side(pair: Pair, lean: int) -> int:
    """1: show it swapped, -1: not, 0: either. The pair's own balance goes before the assessor's."""
    owed = pair.taken - 2 * pair.taken_swapped or -lean
    return (owed > 0) - (owed < 0)


def _take(pair: Pair, swapped: bool) -> bool:
    """Take one of the pair's places, if nobody has touched it since it was read."""
    unchanged = Pair.objects.filter(
        pk=pair.pk, taken=pair.taken, taken_swapped=pair.taken_swapped, taken__lt=F("overlap")
    )
    return bool(unchanged.update(taken=F("taken") + 1, taken_swapped=F("taken_swapped") + int(swapped)))
