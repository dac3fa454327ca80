"""What runs in a project, at a glance: pace and finish, rendering, who is at work, and what needs a look."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from math import sqrt
from typing import Any

from django.core.cache import cache
from django.db.models import Count, Max, Q
from django.db.models.functions import TruncDate
from django.urls import reverse
from django.utils.translation import gettext

from evalapp.assessing.evidence import Share
from evalapp.assessing.models import Assignment, Vote
from evalapp.comparisons.models import Comparison
from evalapp.people.harvest import reached_today
from evalapp.reporting.alerts import EVEN, Alert, Pace, at_assessors, failing, of_assessors
from evalapp.reporting.promises import Verification

LATEST, LEAST = 600, 100  # decided votes that are looked at, and the fewest in each half of them
CLEARLY = 3.0  # standard errors
DAYS, WIDTH, HEIGHT = 30, 720, 90  # days of the chart, and its viewBox


def side_drift(comparison: Comparison) -> list[Alert]:
    """That the newest decided votes on the headline aspect lean to another side than those before them.

    The latest votes are cut in two halves by their time; shares of the left side are compared by the pooled test of two
    proportions (Fleiss, Levin & Paik, Statistical Methods for Rates and Proportions, 3rd ed., 3.1). Votes of one
    assessor are taken as independent, which makes it a reason to look and not a finding. Two queries.
    """
    aspect = comparison.headline
    cast = Vote.objects.filter(aspect=aspect).exclude(choice="tie").current().order_by("-pk")
    rows = cast.values_list("choice", "ballot__assignment__swapped")[:LATEST]
    left = [(choice == "second") == swapped for choice, swapped in rows]
    half = len(left) // 2
    if half < LEAST:
        return []
    now, before = sum(left[:half]) / half, sum(left[half : 2 * half]) / half
    pooled = (now + before) / 2
    error = sqrt(2 * pooled * (1 - pooled) / half)
    if abs(now - before) <= CLEARLY * error or EVEN[0] <= now <= EVEN[1]:
        return []
    told = gettext("The side bias drifts: left won %(now)s of the newest %(n)d decided votes, %(before)s before that.")
    return [at_assessors(comparison, told % {"now": f"{now:.0%}", "before": f"{before:.0%}", "n": half})]


def budgets_spent(project: int | None) -> list[Alert]:
    """Of the last 24 hours. One query."""
    return [Alert(said, reverse("audit") + "?kind=budgets") for said in reached_today(project)]


def promises_broken() -> list[Alert]:
    """That the last night's check found. One query."""
    page = reverse("admin:evalapp_verification_changelist")
    return [Alert(said, page, superusers=True) for said in Verification.alerts()]


@dataclass(frozen=True)
class Day:
    """How decided votes of one day leaned; places in the chart's viewBox, at whose top the left side always wins."""

    day: date
    left: Share
    x: float
    y: float
    top: float
    bottom: float

    @property
    def from_x(self) -> float:
        return self.x - 5

    @property
    def percent(self) -> list[int]:
        """The share and the ends of its interval."""
        return [round(100 * share) for share in (self.left.share, self.left.low, self.left.high)]


def side_by_day(comparison: Comparison) -> list[Day]:
    """The share of decided votes on the headline aspect for the left side, with Wilson's interval (votes taken as
    independent), on each of the last days with votes. One query, kept for a minute: it counts every vote of those days.
    """
    key = f"side-by-day-{comparison.pk}"
    counted = cache.get(key)
    if counted is None:
        decided = Vote.objects.filter(aspect=comparison.headline).exclude(choice="tie").current()
        decided = decided.exclude(ballot__assignment__swapped=None)
        on_left = Q(choice="second", ballot__assignment__swapped=True) | Q(
            choice="first", ballot__assignment__swapped=False
        )
        days = decided.annotate(day=TruncDate("ballot__created_at")).order_by().values("day")
        of_each = days.annotate(left=Count("pk", filter=on_left), votes=Count("pk")).order_by("-day")
        counted = list(of_each.values_list("day", "left", "votes")[:DAYS])[::-1]
        cache.set(key, counted, 60)
    found = []
    for number, (day, left, votes) in enumerate(counted):
        share = Share(left, votes)
        places = (round(HEIGHT * (1 - each), 1) for each in (share.share, share.high, share.low))
        found.append(Day(day, share, round((number + 0.5) * WIDTH / len(counted), 1), *places))
    return found


@dataclass(frozen=True)
class Dashboard:
    """Totals over the comparisons shown, and alerts with the comparison each is of (None: of the project)."""

    per_hour: float
    at_work: int
    waiting: int
    rendering: int
    last_answer: Any
    alerts: list[tuple[Comparison | None, Alert]]


def dashboard(project: int, rows: Sequence[tuple[Comparison, Any, Any]], pace: dict[int, Pace]) -> Dashboard:
    """Of (comparison, answers, clips) rows. Four queries, however many comparisons are shown."""
    keys = [comparison.pk for comparison, _, _ in rows]
    assessors = of_assessors([comparison for comparison, _, _ in rows if comparison.is_open])
    last = Assignment.objects.filter(participation__comparison__in=keys, state=Assignment.State.SUBMITTED)
    alerts: list[tuple[Comparison | None, Alert]] = [
        (None, each) for each in budgets_spent(project) + promises_broken()
    ]
    for comparison, _, clips in rows:
        mine = failing(comparison, [("", clips.ready, clips.failed)]) + assessors.get(comparison.pk, [])
        alerts += [(comparison, each) for each in mine]
    return Dashboard(
        per_hour=sum(each.per_hour for each in pace.values()),
        at_work=sum(answers.at_work for _, answers, _ in rows),
        waiting=sum(clips.states["queued"] for _, _, clips in rows),
        rendering=sum(clips.states["rendering"] for _, _, clips in rows),
        last_answer=last.aggregate(last=Max("closed_at"))["last"],
        alerts=alerts,
    )
