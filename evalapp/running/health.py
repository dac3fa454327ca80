"""Is it alive, can it work, and how much: for load balancers and Prometheus."""

import hmac
import os
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import DatabaseError
from django.db.models import Avg, Count, F, Q
from django.db.models.functions import Now
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.views.decorators.cache import never_cache
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Histogram, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily, Metric

from evalapp.assessing.models import Assignment, Ballot, Vote
from evalapp.comparisons.models import Comparison
from evalapp.generation.fitting import lacking as migrations_lacking
from evalapp.generation.models import Clip
from evalapp.reporting.promises import Verification

SECONDS = Histogram(
    "visavis_request_seconds",
    "Time from a request's arrival to its answer.",
    ("route", "method", "status"),
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)

PORTS = {"redis": 6379, "rediss": 6379, "amqp": 5672, "pyamqp": 5672, "amqps": 5671, "http": 80, "https": 443}


class Timed:
    """Measures each request by the name of its route: addresses with codes in them would be endless."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        start = time.perf_counter()
        response = self.get_response(request)
        match = request.resolver_match
        route = (match.view_name if match else "") or "none"
        method = request.method if request.method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE") else "other"
        SECONDS.labels(route, method, str(response.status_code)).observe(time.perf_counter() - start)
        return response


@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return HttpResponse("ok", content_type="text/plain")


@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when it can take votes; 503 says what lacks.

    `without`: what does not answer though votes are taken all the same. Without the broker no bell rings and nothing is
    lost; without the bucket those clips are shown that the media folder has.
    """
    if why := lacking() or _unreadable():
        return JsonResponse({"ready": False, "why": why}, status=503)
    servers = {"the broker": settings.CELERY_BROKER_URL, "the bucket": settings.MEDIA_ENDPOINT}
    silent = [name for name, url in servers.items() if not _listens(url)]
    return JsonResponse({"ready": True} | ({"without": silent} if silent else {}))


def lacking() -> str:
    """What the database lacks to take votes: it answers and has the schema of this code, or a sentence."""
    try:
        waiting = migrations_lacking()
    except DatabaseError:
        return "the database does not answer"
    return f"{len(waiting)} migrations are to be applied" if waiting else ""


def _unreadable() -> str:
    try:
        settings.MEDIA_DIR.mkdir(parents=True, exist_ok=True)
        os.listdir(settings.MEDIA_DIR)
    except OSError as error:
        return f"the media folder cannot be read ({error.strerror})"
    return ""


def _listens(url: str) -> bool:
    """Whether a server takes connections; of addresses that name none it is not asked."""
    server = urlsplit(url)
    if server.scheme not in PORTS or not server.hostname:
        return True
    try:
        with closing(socket.create_connection((server.hostname, server.port or PORTS[server.scheme]), timeout=1)):
            return True
    except OSError:
        return False


@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus' text format, for organizers and for whoever sends METRICS_TOKEN as a bearer."""
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    known = bool(settings.METRICS_TOKEN) and hmac.compare_digest(given.encode(), settings.METRICS_TOKEN.encode())
    if not known and not request.user.is_staff:
        raise Http404
    registry = CollectorRegistry()
    registry.register(Work())
    told = generate_latest(registry) + _requests()
    return HttpResponse(told, content_type=CONTENT_TYPE_LATEST)


def _requests() -> bytes:
    """The request histogram, of all web processes where PROMETHEUS_MULTIPROC_DIR is set, else of this one."""
    registry = CollectorRegistry()
    if settings.PROMETHEUS_MULTIPROC_DIR:
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry.register(SECONDS)
    return generate_latest(registry)


class Work:
    """What the database knows, counted when asked: right whatever process asks and however often it restarts."""

    def collect(self) -> Iterable[Metric]:
        clips = GaugeMetricFamily("visavis_clips", "Clips by state.", labels=["state"])
        depth = GaugeMetricFamily(
            "visavis_queue_clips", "Clips that wait, or are at work, by hardware class.", labels=["hardware", "state"]
        )
        states: dict[str, int] = {}
        of_state = Clip.objects.order_by().values_list("hardware", "state").annotate(Count("pk"))
        for hardware, state, count in of_state.order_by("hardware", "state"):
            states[state] = states.get(state, 0) + count
            if state in (Clip.State.QUEUED, Clip.State.HELD, Clip.State.RENDERING):
                depth.add_metric([hardware, state], count)
        for state, count in states.items():
            clips.add_metric([state], count)
        yield clips
        yield depth
        comparisons = GaugeMetricFamily("visavis_comparisons", "Comparisons by state.", labels=["state"])
        for state, count in Comparison.objects.order_by().values_list("state").annotate(Count("pk")):
            comparisons.add_metric([state], count)
        yield comparisons
        held: dict[str, Any] = Assignment.objects.aggregate(
            held=Count("pk", filter=Q(state=Assignment.State.HELD, lease_until__gte=Now()))
        )
        yield GaugeMetricFamily("visavis_assignments_held", "Pairs in assessors' hands.", value=held["held"])
        yield GaugeMetricFamily(
            "visavis_answers", "Answers stored, corrections included.", value=Ballot.objects.count()
        )
        yield GaugeMetricFamily("visavis_votes", "Votes stored, superseded ones included.", value=Vote.objects.count())
        night = Verification.objects.exclude(finished_at=None).first()
        if night and night.finished_at:
            yield GaugeMetricFamily("visavis_promises_broken", "Found by the last nightly check.", value=night.broken)
            yield GaugeMetricFamily(
                "visavis_promises_checked_timestamp_seconds", "When it ended.", value=night.finished_at.timestamp()
            )
        seconds = Clip.objects.filter(state=Clip.State.READY).aggregate(mean=Avg(F("seconds")))["mean"]
        yield GaugeMetricFamily("visavis_clip_seconds_mean", "Seconds to render a clip.", value=seconds or 0)
