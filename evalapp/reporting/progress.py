"""The organizer's pages: what is running, what failed and why, who votes and how fast."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.db import connection
from django.db.models import Case, Count, Max, Min, Q, QuerySet, Sum, When
from django.db.models.functions import Now, TruncHour
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from evalapp.assessing.forms import SKIP_REASONS
from evalapp.assessing.models import Assignment, Participation, Vote
from evalapp.assessing.votes_files import imported
from evalapp.catalog.models import IMPORT
from evalapp.catalog.refusals import spoken
from evalapp.comparisons.models import Comparison, Entry, Pair
from evalapp.generation.models import Clip
from evalapp.people.access import access_of, project_of
from evalapp.people.views import organizers_only, viewers_only
from evalapp.reporting.alerts import Alert, Pace, alerts, hours_left, paces
from evalapp.reporting.dashboard import Dashboard, budgets_spent, dashboard, side_by_day, side_drift

COMPARISONS_PER_PAGE = 20
LISTED = 50  # reasons, assessors and invitations on one page
HOURS = 24
FIRST_ON_THE_LIST = (
    *(Comparison.State.RENDERING, Comparison.State.OPEN, Comparison.State.PAUSED),
    *(Comparison.State.DRAFT, Comparison.State.CLOSED),
)


@dataclass
class Rendering:
    """How many clips are in which state, and seconds per rendered clip (None before the first)."""

    states: dict[str, int] = field(default_factory=lambda: dict.fromkeys(Clip.State.values, 0))
    seconds_total: float = 0.0
    seconds_of: int = 0

    def add(self, state: str, count: int, seconds_total: float | None, seconds_of: int) -> None:
        self.states[state] += count
        self.seconds_total += seconds_total or 0.0
        self.seconds_of += seconds_of

    @property
    def total(self) -> int:
        return sum(self.states.values())

    @property
    def ready(self) -> int:
        return self.states[Clip.State.READY]

    @property
    def failed(self) -> int:
        return self.states[Clip.State.FAILED]

    @property
    def unfinished(self) -> int:
        return self.states[Clip.State.QUEUED] + self.states[Clip.State.RENDERING]

    @property
    def missing(self) -> int:
        return self.total - self.ready

    @property
    def seconds(self) -> float | None:
        return self.seconds_total / self.seconds_of if self.seconds_of else None


@dataclass
class Answers:
    """Pairs answered, of so many places (pairs × overlap, without those left out)."""

    pairs: int = 0
    left_out: int = 0
    places: int = 0
    answered: int = 0
    simulated: int = 0
    at_work: int = 0

    @property
    def complete(self) -> bool:
        return self.places > 0 and self.answered >= self.places


@dataclass(frozen=True)
class Bar:
    """One hour of the chart; heights and positions in the units of its viewBox."""

    hour: datetime
    answers: int
    simulated: int
    x: float
    y: float
    height: float
    simulated_y: float
    simulated_height: float


def rendering_of(comparisons: list[int]) -> dict[tuple[int, int], Rendering]:
    """Clips by comparison and contender, in one query: a clip counts once, however many pairs show it."""
    if not comparisons:
        return {}
    pair, clip = Pair._meta.db_table, Clip._meta.db_table
    marks = ", ".join(["%s"] * len(comparisons))
    statement = f"""
        SELECT shown.comparison_id, clip.contender_id, clip.state, COUNT(*), SUM(clip.seconds), COUNT(clip.seconds)
        FROM (SELECT comparison_id, first_id AS clip_id FROM {pair} WHERE comparison_id IN ({marks})
              UNION SELECT comparison_id, second_id FROM {pair} WHERE comparison_id IN ({marks})) AS shown
        JOIN {clip} AS clip ON clip.id = shown.clip_id
        GROUP BY shown.comparison_id, clip.contender_id, clip.state"""
    found: dict[tuple[int, int], Rendering] = defaultdict(Rendering)
    with connection.cursor() as cursor:
        cursor.execute(statement, [*comparisons, *comparisons])
        for comparison, contender, *counts in cursor.fetchall():
            found[comparison, contender].add(*counts)
    return found


def answers_of(comparisons: list[int]) -> dict[int, Answers]:
    """Answers by comparison, in two queries."""
    found: dict[int, Answers] = {comparison: Answers() for comparison in comparisons}
    pairs = Pair.objects.filter(comparison__in=comparisons).order_by().values("comparison")
    for row in pairs.annotate(
        pairs=Count("pk"),
        out=Count("pk", filter=Q(left_out=True)),
        places=Sum("overlap", filter=Q(left_out=False), default=0),
    ):
        answers = found[row["comparison"]]
        answers.pairs, answers.left_out, answers.places = row["pairs"], row["out"], row["places"]
    live = Q(state=Assignment.State.HELD, lease_until__gte=Now())
    given = Assignment.objects.filter(participation__comparison__in=comparisons)
    for count in given.values("participation__comparison", "participation__assessor__simulated").annotate(
        answered=Count("pk", filter=Q(state=Assignment.State.SUBMITTED)),
        at_work=Count("participation", filter=live, distinct=True),
    ):
        answers = found[count["participation__comparison"]]
        answers.answered += count["answered"]
        answers.at_work += count["at_work"]
        if count["participation__assessor__simulated"]:
            answers.simulated += count["answered"]
    return found


def failures_of(comparison: Comparison) -> list[dict[str, Any]]:
    """Failed clips by reason, the most frequent first; imported ones cannot be rendered again."""
    failed = Clip.objects.filter(pk__in=comparison.clips().values("pk"), state=Clip.State.FAILED)
    counted = failed.values("reason").annotate(
        clips=Count("pk"),
        contenders=Count("contender", distinct=True),
        one_of_them=Min("contender__name"),
        renderable=Count("pk", filter=~Q(contender__recipe__generator=IMPORT)),
    )
    return [row | {"said": spoken(row["reason"])} for row in counted.order_by("-clips", "reason")[:LISTED]]


def answers_per_hour(comparison: Comparison, width: float = 720, height: float = 90) -> list[Bar]:
    """The last 24 hours in which something may have happened: up to now while voting runs, else to the last answer."""
    rows = (
        Assignment.objects.filter(participation__comparison=comparison, state=Assignment.State.SUBMITTED)
        .annotate(hour=TruncHour("closed_at"))
        .values("hour")
        .annotate(answers=Count("pk"), simulated=Count("pk", filter=Q(participation__assessor__simulated=True)))
        .order_by("-hour")[:HOURS]
    )
    counted = {row["hour"]: (row["answers"], row["simulated"]) for row in rows}
    if not counted:
        return []
    now = timezone.localtime().replace(minute=0, second=0, microsecond=0)
    last = now if comparison.is_open else max(counted)
    hours = [last - timedelta(hours=back) for back in reversed(range(HOURS))]
    most = max((counted.get(hour, (0, 0))[0] for hour in hours), default=0) or 1
    bars = []
    for place, hour in enumerate(hours):
        answers, simulated = counted.get(hour, (0, 0))
        tall = round(height * answers / most, 1)
        bars.append(
            Bar(
                hour=hour,
                answers=answers,
                simulated=simulated,
                x=round(place * width / HOURS, 1),
                y=round(height - tall, 1),
                height=tall,
                simulated_y=round(height - height * simulated / most, 1),
                simulated_height=round(height * simulated / most, 1),
            )
        )
    return bars


def skips_of(comparison: Comparison) -> list[tuple[int, str]]:
    """How many pairs were skipped for which reason, the most frequent first."""
    skipped = Assignment.objects.filter(participation__comparison=comparison, state=Assignment.State.RELEASED)
    counted = skipped.values("skip_reason").annotate(skips=Count("pk")).order_by("-skips", "skip_reason")
    return [(row["skips"], _told(row["skip_reason"])) for row in counted[:LISTED]]


def _told(reason: str) -> str:
    """The form's own reasons in words; the assessor's words after them."""
    key, colon, words = reason.partition(":")
    return f"{SKIP_REASONS.get(key, key)}{colon}{words}" or "no reason given"


def assessors_of(comparison: Comparison) -> QuerySet[Participation]:
    """Who takes part, the busiest first, with answers, skips and when they last answered."""
    return (
        comparison.participations.select_related("assessor", "invitation")
        .annotate(
            answers=Count("assignments", filter=Q(assignments__state=Assignment.State.SUBMITTED)),
            skips=Count("assignments", filter=Q(assignments__state=Assignment.State.RELEASED)),
            last_answer=Max("assignments__closed_at", filter=Q(assignments__state=Assignment.State.SUBMITTED)),
        )
        .order_by("-answers", "pk")
    )


def votes_of(comparison: Comparison) -> dict[str, int]:
    """Votes that count, and how many of them a program cast."""
    simulated = Q(ballot__assignment__participation__assessor__simulated=True)
    return Vote.objects.of(comparison).current().aggregate(all=Count("pk"), simulated=Count("pk", filter=simulated))


def minutes_left(rendering: Rendering, workers: int) -> int | None:
    """A rough guess, from the mean so far; None where nothing can be said."""
    if not (workers and rendering.seconds and rendering.unfinished):
        return None
    return max(1, round(rendering.unfinished * rendering.seconds / workers / 60))


def by_urgency(project: int) -> QuerySet[Comparison]:
    """What runs first, then drafts, then what is over."""
    urgency = Case(*(When(state=state, then=place) for place, state in enumerate(FIRST_ON_THE_LIST)), default=9)
    found = Comparison.objects.filter(project=project).select_related("prompt_set").annotate(imported=imported())
    return found.order_by(urgency, "-created_at", "-pk")


Row = tuple[Comparison, Answers, Rendering]


def glance(
    project: int, shown: list[Comparison], organizes: bool = True
) -> tuple[list[Row], dict[int, Pace], Dashboard | None]:
    """Answers, clips and pace of these comparisons, and the dashboard over them; to who does not organize, answers."""
    keys = [comparison.pk for comparison in shown]
    answers = answers_of(keys)
    clips: dict[int, Rendering] = defaultdict(Rendering)
    for (comparison, _), counted in (rendering_of(keys) if organizes else {}).items():
        for state, count in counted.states.items():
            clips[comparison].add(state, count, None, 0)
    rows = [(comparison, answers[comparison.pk], clips[comparison.pk]) for comparison in shown]
    places = {each.pk: given.places - given.answered for each, given, _ in rows if each.is_open}
    pace = paces(places) if organizes else {}
    return rows, pace, dashboard(project, rows, pace) if organizes else None


def alerts_of(comparison: Comparison, clips: Iterable[tuple[str, int, int]]) -> list[Alert]:
    """All that an organizer should look at now; `clips` are (contender, ready, failed)."""
    return alerts(comparison, clips) + side_drift(comparison) + budgets_spent(comparison.project_id)


@viewers_only
@require_safe
def comparisons(request: HttpRequest) -> HttpResponse:
    """Every comparison of the project, what runs first; organizers see its progress, others the way to its report."""
    found = by_urgency(project_of(request).pk)
    page = Paginator(found, COMPARISONS_PER_PAGE).get_page(request.GET.get("page"))
    organizes = access_of(request).organizes
    rows, pace, at_a_glance = glance(project_of(request).pk, list(page), organizes)
    moving = any(
        comparison.is_open or (comparison.state == Comparison.State.RENDERING and rendering.unfinished)
        for comparison, _, rendering in rows
    )
    template = "comparisons/_list.html" if request.headers.get("HX-Request") else "comparisons/list.html"
    return _fresh(
        render(
            request,
            template,
            {
                "rows": [(*row, pace.get(row[0].pk)) for row in rows],
                "dashboard": at_a_glance,
                "page": page,
                "moving": moving,
            },
        )
    )


@organizers_only
@require_safe
def comparison(request: HttpRequest, code: UUID) -> HttpResponse:
    """One comparison. htmx asks for the live part alone; when the buttons must change, it is told to load the page."""
    known = Comparison.objects.select_related("prompt_set").prefetch_related("aspects").annotate(imported=imported())
    comparison = get_object_or_404(known, code=code)
    rendering = rendering_of([comparison.pk])
    whole = Rendering()
    entries = Entry.objects.filter(comparison=comparison).select_related("contender__recipe", "contender__checkpoint")
    contenders = [
        (entry.contender, rendering.get((comparison.pk, entry.contender_id), Rendering())) for entry in entries
    ]
    for _, counted in contenders:
        whole.seconds_total += counted.seconds_total
        whole.seconds_of += counted.seconds_of
        for state, count in counted.states.items():
            whole.states[state] += count
    stage = f"{comparison.state}-{'missing' if whole.missing else 'ready'}-{'some' if whole.ready else 'none'}"
    if request.headers.get("HX-Request") and request.GET.get("stage") != stage:
        return HttpResponse(headers={"HX-Refresh": "true"})
    answers = answers_of([comparison.pk])[comparison.pk]
    bars = answers_per_hour(comparison)
    running = Clip.objects.at_work().aggregate(workers=Count("worker", distinct=True))["workers"]
    shown: dict[str, Any] = {
        "comparison": comparison,
        "stage": stage,
        "contenders": contenders,
        "rendering": whole,
        "renders": comparison.state == Comparison.State.RENDERING,
        "workers": running,
        "minutes_left": minutes_left(whole, running),
        "failures": failures_of(comparison) if whole.failed else [],
        "answers": answers,
        "votes": votes_of(comparison),
        "bars": bars,
        "alerts": alerts_of(comparison, [(each.name, counted.ready, counted.failed) for each, counted in contenders]),
        "days": side_by_day(comparison),
        "hours_left": hours_left(comparison, answers.places - answers.answered),
        "most_per_hour": max((bar.answers for bar in bars), default=0),
        "skips": skips_of(comparison),
        "assessors": list(assessors_of(comparison)[:LISTED]),
        "assessor_count": comparison.participations.count(),
        "moving": comparison.is_open
        or (comparison.state == Comparison.State.RENDERING and whole.unfinished > 0)
        or (comparison.state == Comparison.State.PAUSED and answers.at_work > 0),
    }
    if request.headers.get("HX-Request"):
        return _fresh(render(request, "comparisons/_progress.html", shown))
    shown["invitations"] = list(comparison.invitations.order_by("withdrawn", "-pk")[:LISTED])
    shown["aspects"] = list(comparison.aspects.all())
    return _fresh(render(request, "comparisons/comparison.html", shown))


def _fresh(response: HttpResponse) -> HttpResponse:
    """Never from a cache: the back button would show a live part as a page."""
    response["Cache-Control"] = "no-store"
    response["Vary"] = "HX-Request, Cookie"
    return response
