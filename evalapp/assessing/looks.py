"""Planned looks: each pairing is tested at moments fixed before launch, and not handed out any more once decided.

Look k of K is taken of the first ⌈k/K × planned votes⌉ votes on the headline aspect, in the order in which they came,
whenever the worker gets to it: when it looks changes nothing. Assessors excluded by then do not count. The bounds are
O'Brien and Fleming's; the pairings of a comparison share the 5 % of false alarms evenly (Bonferroni).
"""

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

from django.db import models, transaction
from django.db.models import Sum

from evalapp.assessing.exclusions import Exclusion
from evalapp.assessing.insert_only import InsertOnlyManager
from evalapp.assessing.models import Vote
from evalapp.catalog.models import Contender
from evalapp.comparisons.models import FEWEST_ASSESSORS, FEWEST_PROMPTS, Aspect, Comparison, Pair, sides_are_fixed
from metrics import resolve

if TYPE_CHECKING:
    from metrics.preference.votes import Votes

ALARMS = 0.05
"""False alarms that all looks at all pairings of a comparison may give, at most."""
OUTCOMES = {"first": 1.0, "tie": 0.5, "second": 0.0}
UNDECIDED = "undecided"


class Look(models.Model):
    """One look at one pairing, as it was; never altered. Everything is said of the first contender."""

    comparison = models.ForeignKey(Comparison, on_delete=models.PROTECT, related_name="looks")
    first = models.ForeignKey(Contender, on_delete=models.PROTECT, related_name="+")
    second = models.ForeignKey(Contender, on_delete=models.PROTECT, related_name="+")
    aspect = models.ForeignKey(Aspect, on_delete=models.PROTECT, related_name="+")
    number = models.PositiveSmallIntegerField()
    votes = models.PositiveIntegerField()
    prompts = models.PositiveIntegerField()
    assessors = models.PositiveIntegerField()
    statistic = models.FloatField(
        null=True, help_text="z of 'neither is preferred'; empty where it cannot be computed."
    )
    boundary = models.FloatField(help_text="What the statistic must exceed, above or below zero.")
    level = models.FloatField(help_text="Of the interval.")
    win_rate = models.FloatField()
    low = models.FloatField(null=True)
    high = models.FloatField(null=True)
    verdict = models.CharField(max_length=30, help_text="better, no worse by a margin, worse or undecided")
    reason = models.CharField(max_length=300, blank=True)
    final = models.BooleanField(help_text="No further look is planned.")
    at = models.DateTimeField(auto_now_add=True)

    objects = InsertOnlyManager()

    class Meta:
        ordering = ("comparison", "first", "second", "number")
        constraints = [models.UniqueConstraint("comparison", "first", "second", "number", name="one_look_per_number")]

    def __str__(self) -> str:
        return f"look {self.number} at {self.first} against {self.second}: {self.verdict}"

    @property
    def settles(self) -> bool:
        """Whether nothing more is asked of the pairing."""
        return self.verdict != UNDECIDED or self.final


def planned_counts(comparison: Comparison) -> list[int]:
    """Votes per pairing at each planned look; empty where none is planned."""
    planned, looks = comparison.planned_votes or 0, comparison.planned_looks
    return [ceil(planned * number / looks) for number in range(1, looks + 1)] if planned >= looks else []


def due_looks() -> list[Comparison]:
    """Comparisons in which looks are planned and voting may bring them about."""
    voted_on = (Comparison.State.OPEN, Comparison.State.PAUSED)
    return list(Comparison.objects.filter(planned_looks__gt=0, state__in=voted_on))


@transaction.atomic
def take_looks(comparison: Comparison) -> list[Look]:
    """Take every look that is due and stop handing out pairings that are settled; may be called any number of times.

    Once voting has ended, pairings that were neither decided nor complete get a last look at the votes there are.
    """
    if not planned_counts(comparison) or comparison.state in (Comparison.State.DRAFT, Comparison.State.RENDERING):
        return []
    mine = Comparison.objects.select_for_update().get(pk=comparison.pk)
    taken: list[Look] = []
    for pairing in _pairings(mine):
        while look := _next(mine, pairing):
            look.save(force_insert=True)
            taken.append(look)
            pairing.looks.append(look)
            if look.settles:
                pairs = Pair.objects.filter(
                    comparison=mine, first__contender=pairing.first, second__contender=pairing.second
                )
                pairs.filter(decided=False).update(decided=True)
    return taken


@dataclass
class _Pairing:
    first: int
    second: int
    taken: int
    share: float
    looks: list[Look]


def _pairings(comparison: Comparison) -> list[_Pairing]:
    met = comparison.pairs.order_by("first__contender", "second__contender").values_list(
        "first__contender", "second__contender"
    )
    counted = list(met.annotate(places=Sum("taken")))
    stored = list(Look.objects.filter(comparison=comparison).order_by("number"))
    return [
        _Pairing(
            first,
            second,
            places,
            ALARMS / len(counted),
            [k for k in stored if (k.first_id, k.second_id) == (first, second)],
        )
        for first, second, places in counted
    ]


def _next(comparison: Comparison, pairing: _Pairing) -> Look | None:
    """The pairing's next look, not stored yet; None where it is not due."""
    counts, number = planned_counts(comparison), len(pairing.looks)
    if number >= len(counts) or (pairing.looks and pairing.looks[-1].settles):
        return None
    ended = comparison.state == Comparison.State.CLOSED
    if pairing.taken < counts[number] and not ended:
        return None
    aspect = comparison.headline
    if aspect is None:
        return None
    votes = _votes(aspect, pairing)
    before = [look.votes for look in pairing.looks]
    if len(votes) < counts[number] and not (ended and len(votes) > (before[-1] if before else 0)):
        return None
    return _look(comparison, pairing, aspect, votes.take(list(range(min(len(votes), counts[number])))), before)


def _look(comparison: Comparison, pairing: _Pairing, aspect: Aspect, votes: "Votes", before: list[int]) -> Look:
    examine = resolve("metrics.preference.stopping:examine")
    counts = planned_counts(comparison)
    planned = counts[-1]
    found = examine(
        votes,
        planned,
        before,
        comparison.margin,
        looks=comparison.planned_looks,
        alpha=pairing.share,
        unit="votes",
    )
    rate = found.win_rate
    few = too_few(rate.prompts, rate.assessors) or sides_fixed(votes)
    return Look(
        comparison=comparison,
        first_id=pairing.first,
        second_id=pairing.second,
        aspect=aspect,
        number=found.number,
        votes=rate.votes,
        prompts=rate.prompts,
        assessors=rate.assessors,
        statistic=found.statistic,
        boundary=found.bound,
        level=found.level,
        win_rate=rate.estimate,
        low=rate.interval.low if rate.interval else None,
        high=rate.interval.high if rate.interval else None,
        verdict=UNDECIDED if few else found.verdict,
        reason=(few or rate.reason)[:300],
        final=found.final or (comparison.state == Comparison.State.CLOSED and rate.votes < counts[len(before)]),
    )


def _votes(aspect: Aspect, pairing: _Pairing) -> "Votes":
    pair = "ballot__assignment__pair"
    sides = {f"{pair}__first__contender": pairing.first, f"{pair}__second__contender": pairing.second}
    cast = Vote.objects.current().filter(aspect=aspect, **sides)
    excluded = Exclusion.objects.active(aspect.comparison).values("participation")
    cast = cast.exclude(ballot__assignment__participation__in=excluded).order_by("ballot")
    asked = ("ballot__assignment__participation", "choice", "ballot__assignment__swapped")
    rows = list(cast.values_list(f"{pair}__prompt", *asked))
    of: Any = resolve("metrics.preference.votes:Votes").of
    prompt, assessor, choice, swapped = list(zip(*rows, strict=True)) or [(), (), (), ()]
    left = [not each for each in swapped] if aspect.comparison.sides_known else None
    found: Votes = of(prompt, assessor, [OUTCOMES[each] for each in choice], left)
    return found


def sides_fixed(votes: "Votes") -> str:
    """Why quality and place cannot be told apart, or nothing: one of the two orders (nearly) never occurred."""
    if votes.first_on_left is None:
        return ""
    left, n = int(votes.first_on_left.sum()), len(votes)
    if not sides_are_fixed(left, n):
        return ""
    placed = f"the first contender stood on the left in {left} of {n} votes"
    return f"{placed}, so its quality and its place cannot be told apart"


def too_few(prompts: int | None, assessors: int | None) -> str:
    """Why nothing may be claimed from so few, or nothing."""
    lacking = []
    if (prompts or 0) < FEWEST_PROMPTS:
        lacking.append(f"{prompts or 0} prompts, where {FEWEST_PROMPTS} are the least")
    if (assessors or 0) < FEWEST_ASSESSORS:
        lacking.append(f"{assessors or 0} assessors, where {FEWEST_ASSESSORS} are the least")
    return " and ".join(lacking)
