"""The organizer's live page of rendering: who is how far, what it costs, what failed, what the clips look like."""

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, FloatField, Max, Q, Sum
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Now
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from evalapp.catalog.store import has_room
from evalapp.comparisons.models import Comparison, Entry
from evalapp.generation.media import media_response
from evalapp.generation.models import Clip, ClipQuerySet, Queue
from evalapp.generation.tasks import ring
from evalapp.people.views import organizers_only
from evalapp.reporting.progress import failures_of

NEWEST = 12
SCENES_PER_PAGE = 20
VERBS = {"hold": Comparison.hold_rendering, "release": Comparison.release_rendering}
VERBS |= {"cancel": Comparison.cancel_rendering}
STATES = {state: Count("pk", filter=Q(state=state)) for state in Clip.State.values}


class Priority(forms.Form):
    priority = forms.IntegerField(min_value=-100, max_value=100)


@dataclass(frozen=True)
class Line:
    """A contender's clips in one comparison."""

    contender: Any
    counts: dict[str, Any]
    resting: bool
    minutes_left: int | None = None
    at_least: bool = False
    """The minutes leave out contenders of which nothing is rendered yet."""

    @property
    def unfinished(self) -> int:
        return int(self.counts["queued"] + self.counts["rendering"] + self.counts["held"])

    @property
    def coming(self) -> int:
        return self.unfinished - int(self.counts["held"])


def minutes_left(lines: list[Line], hardware: str, workers: int) -> tuple[int | None, bool]:
    """Until a hardware class is through with them all, as they advance together: from each one's mean so far and the
    workers now at work there; and whether that is the least, since of some nothing is known yet. None where nothing
    can be said."""
    coming = [line for line in lines if line.contender.hardware == hardware and line.coming]
    known = [line for line in coming if line.counts["mean"] is not None]
    if not workers or not known:
        return None, False
    seconds = sum(line.coming * float(line.counts["mean"]) for line in known)
    return max(1, round(seconds / workers / 60)), len(known) < len(coming)


def lines_of(comparison: Comparison) -> list[Line]:
    """Every contender, in four queries."""
    mine = Clip.objects.filter(pk__in=comparison.clips().values("pk"))
    energy = Cast(KT("facts__provenance__energy_wh"), FloatField())
    cost = Cast(KT("facts__provenance__cost__amount"), FloatField())
    summed = {"seconds_sum": Sum("seconds"), "seconds_of": Count("seconds")}
    summed |= {"priority": Max("priority", filter=~Q(state=Clip.State.READY))}
    # JSON's null would count as 0.
    told = Q(facts__provenance__has_key="energy_wh") & ~Q(facts__provenance__energy_wh=None)
    priced = Q(facts__provenance__cost__has_key="amount")
    summed |= {"energy": Sum(energy, filter=told), "energy_of": Count("pk", filter=told)}
    summed |= {"cost": Sum(cost, filter=priced)}
    found: dict[int, dict[str, Any]] = {
        row["contender"]: dict(row) for row in mine.order_by().values("contender").annotate(**STATES, **summed)
    }
    at_work = Clip.objects.at_work().order_by().values_list("hardware")
    workers = dict(at_work.annotate(Count("worker", distinct=True)))
    resting = set(Queue.resting())
    lines = []
    for entry in Entry.objects.filter(comparison=comparison).select_related("contender__recipe"):
        contender = entry.contender
        row = found.get(contender.pk, {})
        counts: dict[str, Any] = {name: row.get(name) for name in summed}
        counts |= {name: row.get(name) or 0 for name in STATES}
        counts["total"] = sum(counts[name] for name in STATES)
        counts["mean"] = counts["seconds_sum"] / counts["seconds_of"] if counts["seconds_of"] else None
        counts["hours"] = counts["seconds_sum"] / 3600 if counts["seconds_of"] else None
        lines.append(Line(contender, counts, contender.hardware in resting))
    classes = {line.contender.hardware for line in lines}
    left = {name: minutes_left(lines, name, workers.get(name, 0)) for name in classes}
    for place, line in enumerate(lines):
        if line.coming:
            minutes, at_least = left[line.contender.hardware]
            lines[place] = replace(line, minutes_left=minutes, at_least=at_least)
    return lines


@organizers_only
@require_safe
def rendering(request: HttpRequest, code: UUID) -> HttpResponse:
    """The page; htmx asks for its live part alone."""
    comparison = get_object_or_404(Comparison, code=code)
    lines = lines_of(comparison)
    mine = Clip.objects.filter(pk__in=comparison.clips().values("pk"))
    resting = set(Queue.resting())
    shown = {
        "comparison": comparison,
        "lines": lines,
        "unfinished": sum(line.unfinished for line in lines),
        "waiting": sum(line.counts["queued"] for line in lines),
        "held": sum(line.counts["held"] for line in lines),
        "cancelled": sum(line.counts["cancelled"] for line in lines),
        "queues": [
            (queue, queue.hardware in resting, queue.rests(timezone.now()))
            for queue in Queue.objects.order_by("hardware")
        ],
        "least_free": 0 if has_room() else settings.MEDIA_LEAST_FREE_MIB,
        "slow": mine.filter(state=Clip.State.RENDERING, lease_until__lt=Now()).count(),
        "failures": failures_of(comparison) if any(line.counts["failed"] for line in lines) else [],
        "renders": comparison.state == Comparison.State.RENDERING,
        "lossy": comparison.lossy_clips(),
        "made_apart": comparison.made_apart(),
        "priority": max((line.counts["priority"] or 0 for line in lines), key=abs, default=0),
        "noise": {gettext(kind): pairs for kind, pairs in comparison.shared_noise().items() if pairs},
        "newest": _newest(mine),
    }
    template = "rendering/_queue.html" if request.headers.get("HX-Request") else "rendering/queue.html"
    response = render(request, template, shown)
    response["Cache-Control"] = "no-store"
    response["Vary"] = "HX-Request, Cookie"
    return response


def _newest(mine: ClipQuerySet) -> list[Clip]:
    ready = mine.filter(state=Clip.State.READY).select_related("contender", "prompt")
    return list(ready.order_by("-finished_at", "-pk")[:NEWEST])


@organizers_only
@require_POST
def tell(request: HttpRequest, code: UUID, verb: str) -> HttpResponse:
    """Hold, release, cancel or move ahead the comparison's clips that are not finished."""
    comparison = get_object_or_404(Comparison, code=code)
    if verb == "prioritise":
        form = Priority(request.POST)
        if not form.is_valid():
            messages.error(request, _("Give a priority from −100 to 100."))
            return redirect("rendering", code)
        count = comparison.prioritise_rendering(form.cleaned_data["priority"])
    elif verb in VERBS:
        count = VERBS[verb](comparison)
    else:
        raise Http404
    if verb == "release":
        ring()
    said = {
        "hold": ngettext("%(count)d clip is held.", "%(count)d clips are held.", count),
        "release": ngettext("%(count)d clip waits again.", "%(count)d clips wait again.", count),
        "prioritise": ngettext("%(count)d clip has the priority.", "%(count)d clips have the priority.", count),
        "cancel": ngettext("%(count)d clip is cancelled.", "%(count)d clips are cancelled.", count),
    }[verb]
    messages.success(request, said % {"count": count})
    return redirect("rendering", code)


@organizers_only
@require_safe
def sheets(request: HttpRequest, code: UUID) -> HttpResponse:
    """Contact sheets before voting opens: each prompt and seed, every contender's clip below the other."""
    comparison = get_object_or_404(Comparison, code=code)
    entries = list(Entry.objects.filter(comparison=comparison).select_related("contender"))
    scenes = (
        comparison.pairs.order_by("prompt__position", "seed").values_list("prompt", "seed", "prompt__text").distinct()
    )
    page = Paginator(scenes, SCENES_PER_PAGE).get_page(request.GET.get("page"))
    wanted = {(prompt, seed) for prompt, seed, _text in page}
    clips = comparison.clips().filter(prompt__in={prompt for prompt, _seed in wanted})
    found = {(clip.prompt_id, clip.seed, clip.contender_id): clip for clip in clips}
    rows = [
        (text, seed, [(entry.contender, found.get((prompt, seed, entry.contender_id))) for entry in entries])
        for prompt, seed, text in page
    ]
    return render(request, "rendering/sheets.html", {"comparison": comparison, "rows": rows, "page": page})


@organizers_only
@require_safe
def sheet(request: HttpRequest, folder: UUID) -> HttpResponseBase:
    """A clip's contact sheet; of an image, the image."""
    clip = get_object_or_404(Clip, folder=folder, state=Clip.State.READY)
    path = clip.sheet if clip.kind == Clip.Kind.VIDEO else clip.rendition
    if not path.is_file():
        raise Http404(_("this clip was stored before contact sheets were made"))
    return media_response(request, path)
