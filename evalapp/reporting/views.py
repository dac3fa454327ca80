"""The report's pages. They read the latest snapshot and compute nothing."""

import json
from functools import lru_cache
from time import monotonic, sleep
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.utils.text import slugify
from django.utils.translation import get_language, gettext
from django.views.decorators.http import require_safe

from evalapp.comparisons.models import Comparison
from evalapp.generation.media import media_response
from evalapp.generation.models import Clip
from evalapp.people.access import project_of
from evalapp.people.harvest import TooMuch, take, verdicts_exported
from evalapp.people.views import researchers_only, viewers_only
from evalapp.reporting.behind import ONLY
from evalapp.reporting.build import METHOD, inputs_of, newest
from evalapp.reporting.explore import kept
from evalapp.reporting.exports import FORMATS
from evalapp.reporting.filters import NAMES, Filters, NoSuchFilter, tags_of
from evalapp.reporting.league import inputs_of_league, key_of
from evalapp.reporting.models import Report
from evalapp.reporting.presenting import presented
from evalapp.reporting.tasks import ring, ring_exploration, ring_league
from evalapp.reporting.wording import spoken

WRITTEN = 16
"""So many bodies of reports' pages, of a few 100 KiB, a web process keeps."""
CONTENT_TYPES = {
    **{"json": "application/json", "csv": "text/csv; charset=utf-8", "html": "text/html; charset=utf-8"},
    "parquet": "application/vnd.apache.parquet",
}


def latest(comparison: Comparison) -> tuple[Report | None, bool]:
    """The newest report, and whether votes have come in since; a newer one is then under way.

    A report by an older method stays as it is, but these pages do not know its shape: it counts as none.
    """
    report, behind = newest(comparison)  # the method is one of the inputs
    if report and behind and json.loads(report.snapshot)["provenance"]["method"] != METHOD:
        report = None
    if behind:
        ring(comparison)
    return report, behind


@viewers_only
@require_safe
def report(request: HttpRequest, code: UUID) -> HttpResponse:
    comparison = get_object_or_404(Comparison, code=code)
    found, behind = latest(comparison)
    written = _written.__wrapped__ if settings.DEBUG else _written
    context = {
        "behind": behind,
        "comparison_row": comparison,
        "written": written(found.pk, comparison.code, get_language()) if found else "",
    }
    response = render(request, "reporting/report.html", context)
    response["Cache-Control"] = "private, no-store"
    return response


@lru_cache(WRITTEN)
def _written(report: int, code: UUID, language: str) -> str:
    """The body of a report's page, the same for everyone who may read it: a frozen snapshot is written once."""
    snapshot = json.loads(Report.objects.get(pk=report, comparison__code=code).snapshot)
    return render_to_string("reporting/_written.html", presented(snapshot) | {"code": code})


WAIT_SECONDS, LOOK_SECONDS = 1.0, 0.05


@researchers_only
@require_safe
def exploration(request: HttpRequest, code: UUID) -> HttpResponse:
    """The report of some of the votes, marked exploratory; a worker counts them, the page waits for it."""
    comparison = get_object_or_404(Comparison, code=code)
    given = {key: found for key in NAMES if (found := [each for each in request.GET.getlist(key) if each])}
    context: dict[str, Any] = {
        "comparison": comparison,
        "comparison_row": comparison,
        "known_tags": tags_of(comparison),
    }
    context["given"] = given
    try:
        filters = Filters.read(comparison, given)
    except NoSuchFilter as error:
        return render(request, "reporting/explore.html", context | {"problem": str(error)}, status=400)
    if filters:
        if snapshot := explored(comparison, filters, given):
            context |= presented(snapshot) | {"code": code}
            context["only"] = "&" + urlencode([(ONLY + key, each) for key in given for each in given[key]])
        else:
            context["waiting"] = True
    response = render(request, "reporting/explore.html", context)
    response["Cache-Control"] = "private, no-store"
    return _loaded_once_there(request, response, not context.get("waiting"))


def _loaded_once_there(request: HttpRequest, response: HttpResponse, there: bool) -> HttpResponse:
    """A page that waits asks for itself by htmx, and loads itself when what it waits for is there."""
    if there and request.headers.get("HX-Request"):
        response["HX-Refresh"] = "true"
    return response


def explored(comparison: Comparison, filters: Filters, given: dict[str, list[str]]) -> dict[str, Any] | None:
    """An exploration as soon as a worker has it, if that is soon: otherwise whoever wants it asks again."""
    inputs = inputs_of(comparison, filters)
    if not kept(inputs):
        ring_exploration(comparison, inputs, given)
    until = monotonic() + WAIT_SECONDS
    while not (found := kept(inputs)) and monotonic() < until:
        sleep(LOOK_SECONDS)
    return found


def latest_league(project: int) -> tuple[dict[str, Any] | None, bool]:
    """The snapshot, and whether a newer one is under way."""
    found = kept(key_of(project))
    behind = found is None or found["inputs"] != inputs_of_league(project)
    if behind:
        ring_league(project)
    return found, behind


@viewers_only
@require_safe
def league(request: HttpRequest) -> HttpResponse:
    """All contenders that people compared in this project; the last snapshot is shown while a newer one is built."""
    found, behind = latest_league(project_of(request).pk)
    context: dict[str, Any] = {"behind": behind, "league": found}
    if found:
        names = {key: gettext(name) for key, name in found["names"].items()}
        found = context["league"] = spoken(found, names)
        context["rows"] = [
            row
            | {"title": names[row["aspect"]]}
            | {"rated": [each | {"met": _met(found, each["contender"], row["aspect"])} for each in row["rated"]]}
            for row in found["aspects"]
        ]
    response = render(request, "reporting/league.html", context)
    response["Cache-Control"] = "private, no-store"
    return _loaded_once_there(request, response, not behind)


def _met(league: dict[str, Any], contender: str, aspect: str) -> list[dict[str, Any]]:
    """The comparisons that asked of an aspect and in which a contender met others."""
    met = [each for each in league["comparisons"] if contender in each["contenders"] and aspect in each["asked"]]
    return [each | {"counted": each["votes"][aspect][contender]} for each in met]


@viewers_only
@require_safe
def freshness(request: HttpRequest, code: UUID) -> HttpResponse:
    """Asked by the page while it is behind: once the newer report is there, the page loads it."""
    comparison = get_object_or_404(Comparison, code=code)
    _, behind = latest(comparison)
    response = render(request, "reporting/_freshness.html", {"comparison_row": comparison, "behind": behind})
    if not behind:
        response["HX-Refresh"] = "true"
    return response


@researchers_only
@require_safe
def report_file(request: HttpRequest, code: UUID, kind: str) -> HttpResponse:
    """The latest report as JSON, CSV, Parquet or one HTML file."""
    comparison = get_object_or_404(Comparison, code=code)
    found, _ = latest(comparison)
    if kind not in FORMATS:
        raise Http404
    if not found:
        return HttpResponse(
            "The report is being built: try again in a few seconds.\n", status=503, content_type="text/plain"
        )
    try:
        mark = verdicts_exported(request, "report", comparison, project=comparison.project_id, kind=kind)
    except TooMuch as refusal:
        return refused(refusal)
    return as_file(found, kind, mark)


def as_file(report: Report, kind: str, mark: str) -> HttpResponse:
    """To be kept, not shown: the page of a report runs scripts."""
    response = HttpResponse(FORMATS[kind](report, mark), content_type=CONTENT_TYPES[kind])
    name = slugify(report.comparison.name) or "report"
    response["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    return response


def refused(refusal: TooMuch) -> HttpResponse:
    return HttpResponse(str(refusal), status=429, content_type="text/plain", headers={"Retry-After": refusal.wait})


@viewers_only
@require_safe
def clip_media(request: HttpRequest, folder: UUID, poster: bool = False) -> HttpResponseBase:
    """A clip for those who may read reports; its address is random and tells nothing."""
    clip = get_object_or_404(Clip, folder=folder, state=Clip.State.READY)
    path = clip.poster if poster else clip.rendition
    if not path.is_file():
        raise Http404
    if not poster:  # each piece counts: a clip but for its first byte is a clip
        try:
            take("clips", request.user, project=project_of(request).pk)
        except TooMuch as refusal:
            return refused(refusal)
    return media_response(request, path)


@viewers_only
@require_safe
def clip_reference(request: HttpRequest, folder: UUID) -> HttpResponseBase:
    """The image that the prompt of a clip came with."""
    clip = get_object_or_404(Clip.objects.select_related("prompt"), folder=folder, state=Clip.State.READY)
    path = clip.prompt.picture
    if path is None or not path.is_file():
        raise Http404
    return media_response(request, path)
