"""Which pair an assessor gets next, and on which side each clip is shown."""

import random

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet

from evalapp.assessing.models import Assignment, Participation, lease_end
from evalapp.comparisons.models import Comparison, Pair

# How many waiting pairs are looked at to find one whose free side also balances the assessor's sides.
LOOKED_AT = 8
# Up to how many waiting pairs are counted for the assessor's progress; more are "that many and more".
COUNTED = 200
SHUFFLE_RANGE = 2**31
MET = (Assignment.State.HELD, Assignment.State.SUBMITTED, Assignment.State.RELEASED)


def next_assignment(participation: Participation, after: Assignment | None = None) -> Assignment | None:
    """The pair that the assessor holds, or a new one; None when nothing is left for them.

    With `after`, the pair that they are watching now: the one that follows it, handed out ahead so that it can load.
    An assessor thus holds two pairs at most. New pairs come fewest votes first, ties in a random order that the
    comparison's `rng_seed` fixes.
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


def _held_or_new(participation: Participation, after: Assignment | None) -> Assignment | None:
    mine = Participation.objects.select_for_update(of=("self",)).select_related("comparison").get(pk=participation.pk)
    held = mine.assignments.live().exclude(pk__in=[after.pk] if after else []).order_by("handed_at", "pk")
    if assignment := held.first():
        return assignment
    if mine.comparison.state != Comparison.State.OPEN or mine.paused_at:
        return None
    return _hand_out(mine)


def remaining(participation: Participation) -> int:
    """How many pairs this assessor can still answer: those in their hands and those with a place left for them.

    Of the latter no more than COUNTED are counted: nobody answers a million pairs, and counting them would take longer
    than handing one out.
    """
    return participation.assignments.live().count() + waiting(participation)[:COUNTED].count()


def waiting(participation: Participation) -> QuerySet[Pair]:
    """Pairs of undecided pairings with a free place that this assessor has neither answered, skipped nor in hand."""
    met = Assignment.objects.filter(pair=OuterRef("pk"), participation=participation, state__in=MET)
    pairs = Pair.objects.filter(
        comparison=participation.comparison_id, left_out=False, decided=False, taken__lt=F("overlap")
    )
    return pairs.exclude(Exists(met))


def _hand_out(participation: Participation) -> Assignment | None:
    comparison, handed = participation.comparison, participation.assignments.count()
    came_before = comparison.participations.filter(pk__lt=participation.pk).count()
    rng = random.Random(f"{comparison.rng_seed}:{came_before}:{handed}")
    lean = _lean(participation)
    pairs = _fewest_votes_first(participation, rng.randrange(SHUFFLE_RANGE))
    if not pairs:
        return None
    pair = next((pair for pair in pairs if _free_side(pair, lean) * lean <= 0), pairs[0])
    swapped = (_free_side(pair, lean) or rng.choice((1, -1))) > 0
    if not _take(pair, swapped):
        raise _TakenMeanwhile
    return Assignment.objects.create(
        pair=pair, participation=participation, swapped=swapped, lease_until=lease_end(comparison)
    )


def _fewest_votes_first(participation: Participation, pivot: int) -> list[Pair]:
    pairs = waiting(participation).order_by("taken", "shuffle", "pk")
    fewest = pairs.values_list("taken", flat=True).first()
    if fewest is None:
        return []
    tied = pairs.filter(taken=fewest)
    return list(tied.filter(shuffle__gte=pivot)[:LOOKED_AT]) or list(tied[:LOOKED_AT])


def _lean(participation: Participation) -> int:
    """Above 0 when the assessor has seen more swapped pairs than others, below 0 when fewer."""
    shown = participation.assignments.filter(state__in=MET).values_list("swapped", flat=True)
    return sum(1 if swapped else -1 for swapped in shown)


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
