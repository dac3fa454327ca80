"""What an organizer should look at now, and when voting will be done at the present pace."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count, Min, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext

from evalapp.assessing.evidence import Share
from evalapp.assessing.models import Assignment
from evalapp.assessing.quality import Standing
from evalapp.comparisons.models import Comparison

FAILED_CLIPS, FAILED_SHARE = 3, 0.2
EVEN = (0.45, 0.55)  # of pairs answered mostly on the left, over all assessors
PACE_HOURS = 6


@dataclass(frozen=True)
class Alert:
    """What needs a look, in a sentence, and the page (with the place on it) where it is dealt with."""

    said: str
    page: str
    superusers: bool = False  # they alone may open that page


def alerts(comparison: Comparison, clips: Iterable[tuple[str, int, int]]) -> list[Alert]:
    """`clips` are (contender, ready, failed). One query."""
    return failing(comparison, clips) + of_assessors([comparison]).get(comparison.pk, [])


def at_assessors(comparison: Comparison, said: str) -> Alert:
    """Dealt with where each assessor's standing, lean and rules are."""
    return Alert(said, reverse("assessors", args=[comparison.code]))


def of_assessors(comparisons: Sequence[Comparison]) -> dict[int, list[Alert]]:
    """By comparison: how many assessors are paused or watched, and that answers lean to a side, over all assessors as
    they were last looked at. One query."""
    by_key = {each.pk: each for each in comparisons}
    found = Standing.objects.filter(participation__comparison__in=by_key)
    rows: defaultdict[int, list[tuple[Any, bool, bool]]] = defaultdict(list)
    for key, side, fired, at in found.values_list(
        "participation__comparison", "numbers__side", "fired", "participation__paused_at"
    ):
        rows[key].append((side or [0, 0], at is not None, bool(fired)))
    told = {}
    for key, looked_at in rows.items():
        paused = sum(stopped for _, stopped, _ in looked_at)
        watched = sum(fired and not stopped for _, stopped, fired in looked_at)
        lean = lean_of(sum(side[0] for side, _, _ in looked_at), sum(side[1] for side, _, _ in looked_at))
        sentences = [lean] if lean else []
        if watched:
            said = ngettext("%(n)d assessor is watched.", "%(n)d assessors are watched.", watched)
            sentences.insert(0, said % {"n": watched})
        if paused:
            said = ngettext("%(n)d assessor is paused.", "%(n)d assessors are paused.", paused)
            sentences.insert(0, said % {"n": paused})
        told[key] = [at_assessors(by_key[key], said) for said in sentences]
    return told


def failing(comparison: Comparison, clips: Iterable[tuple[str, int, int]]) -> list[Alert]:
    """Of which contenders too many clips fail; (contender, ready, failed) without a name is all of them."""
    page, found = reverse("comparison", args=[comparison.code]) + "#failures", []
    for name, ready, failed in clips:
        if failed >= FAILED_CLIPS and failed > FAILED_SHARE * (ready + failed):
            told = {"name": name, "failed": failed, "done": ready + failed}
            whose = gettext("%(name)s fails: %(failed)d of %(done)d clips.")
            found.append(Alert((whose if name else gettext("Clips fail: %(failed)d of %(done)d.")) % told, page))
    return found


def lean_of(left: float, pairs: int) -> str:
    """That answers lean to a side, or ""."""
    if not pairs or ((share := Share(left, pairs)).low <= EVEN[1] and share.high >= EVEN[0]):
        return ""
    return gettext("Answers lean to a side: %(share)s of the pairs mostly to the left (%(low)s to %(high)s).") % {
        "share": f"{share.share:.0%}",
        "low": f"{share.low:.0%}",
        "high": f"{share.high:.0%}",
    }


@dataclass(frozen=True)
class Pace:
    """Answers of an open comparison in the last hours; `hours` to the finish is None where nothing can be said."""

    per_hour: float
    hours: float | None


def paces(places_left: dict[int, int]) -> dict[int, Pace]:
    """By comparison, of how many places are still to be answered in each. One query."""
    now = timezone.now()
    recent = Q(state=Assignment.State.SUBMITTED, closed_at__gte=now - timedelta(hours=PACE_HOURS))
    given = Assignment.objects.filter(recent, participation__comparison__in=places_left).order_by()
    counted = given.values_list("participation__comparison").annotate(Count("pk"), Min("closed_at"))
    found = {}
    for comparison, answers, first in counted:
        per_hour = answers / max((now - first).total_seconds() / 3600, 1 / 60)
        left = places_left[comparison]
        found[comparison] = Pace(per_hour, left / per_hour if answers > 1 and left > 0 else None)
    return found


def hours_left(comparison: Comparison, left: int) -> float | None:
    """Hours until every place is answered, at the pace of the last hours; None without answers in them. One query."""
    pace = paces({comparison.pk: left}).get(comparison.pk) if comparison.is_open else None
    return pace.hours if pace else None
