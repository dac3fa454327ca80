"""Workers of the house, as they tell of themselves: what they serve, what they run, and why one renders nothing.

A worker's own look (looking.py) tells every few seconds; one that ends in order takes its row away, one that was killed
is shown as silent for a day.
"""

import logging
import os
import platform
import socket
import time
from collections.abc import Iterable
from datetime import timedelta
from functools import cache
from pathlib import Path

from django.db import DatabaseError, models
from django.db.models import Count, ExpressionWrapper, Q
from django.db.models.functions import Now

from evalapp.catalog.models import Contender
from evalapp.generation.classes import gigabytes, serves
from evalapp.generation.models import Clip
from evalapp.lasting import Lasting

log = logging.getLogger(__name__)
SILENT_AFTER = timedelta(seconds=60)
FORGOTTEN_AFTER = timedelta(days=1)
_untold = Lasting()


def own_name() -> str:
    """This process, as its clips name it."""
    return f"{socket.gethostname()}:{os.getpid()}"


class WorkerQuerySet(models.QuerySet["Worker"]):
    def lately(self) -> list["Worker"]:
        """Those heard of within a day, by name, each with whether it still tells and what it has in hand."""
        recent = ExpressionWrapper(Q(seen_at__gte=Now() - SILENT_AFTER), output_field=models.BooleanField())
        in_hand = Clip.objects.in_hand().order_by().values_list("worker", "state").annotate(Count("pk"))
        found = list(self.filter(seen_at__gte=Now() - FORGOTTEN_AFTER).annotate(recent=recent).order_by("name"))
        mine = in_hand.filter(worker__in=[each.name for each in found]) if found else ()
        clips = {(worker, state): count for worker, state, count in mine}
        tried = Contender.objects.filter(trial__until__gt=time.time()).values_list("trial__by", flat=True)
        tries = set(tried) if found else set()
        for each in found:
            each.heard, each.tries = bool(vars(each)["recent"]), each.name in tries
            each.clips = clips.get((each.name, Clip.State.RENDERING), 0)
            each.stops = clips.get((each.name, Clip.State.CANCELLED), 0)
        return found


class Worker(models.Model):
    """One worker process, as it last told of itself."""

    name = models.CharField(max_length=100, unique=True, help_text="Host and process, as its clips name it.")
    queues = models.JSONField(default=list, help_text="Those it listens to, by name.")
    version = models.CharField(max_length=60, help_text="Its newest migration, and the hash of its generators.")
    device = models.CharField(max_length=100)
    gigabytes = models.PositiveIntegerField(
        null=True, help_text="Memory of its one GPU, 10⁹ bytes; null where it is not known."
    )
    lacks = models.JSONField(default=list, help_text="Migrations that its code has and the database has not.")
    full = models.BooleanField(default=False, help_text="Too little room under its media folder to start a clip.")
    seen_at = models.DateTimeField()

    objects = WorkerQuerySet.as_manager()
    heard: bool
    clips: int
    stops: int
    tries: bool

    def __str__(self) -> str:
        return self.name

    @property
    def refuses(self) -> str:
        """Why it renders nothing, by its key; empty where it would."""
        return "behind" if self.lacks else "full" if self.full else ""

    @property
    def too_large(self) -> list[str]:
        """Classes that it listens to though its GPU has less memory than their names tell."""
        has = self.gigabytes
        return [] if has is None else [each for each in self.queues if has < (gigabytes(each) or 0)]

    def serves(self, hardware: str) -> bool:
        """Whether it listens to that class or a larger one."""
        return any(serves(queue, hardware) for queue in self.queues)


def differing(workers: Iterable[Worker]) -> bool:
    """Whether those that still tell run different code."""
    return len({each.version for each in workers if each.heard}) > 1


def tell(queues: Iterable[str]) -> None:
    """Write down that this worker is here. A database that knows no such table yet leaves it to the log."""
    from evalapp.catalog.store import has_room
    from evalapp.generation.fitting import fits, lacking
    from evalapp.generation.metering import gpu_gigabytes

    here = {"queues": sorted(queues), "version": _version(), "seen_at": Now()}
    here |= {"device": _device(), "gigabytes": gpu_gigabytes()}
    try:
        here |= {"lacks": [] if fits() else lacking(), "full": not has_room()}
        if not Worker.objects.filter(name=own_name()).update(**here):
            Worker.objects.filter(seen_at__lt=Now() - FORGOTTEN_AFTER).delete()
            Worker.objects.update_or_create(name=own_name(), defaults=here)
        _untold.over()
    except DatabaseError as error:
        if _untold.is_news(type(error).__name__):
            log.warning("this worker cannot tell of itself on the page of queues: %s", error)


def leave() -> None:
    """It ends in order."""
    Worker.objects.filter(name=own_name()).delete()


@cache
def _version() -> str:
    """The newest migration that its code has, and the hash of the code that makes clips."""
    from evalapp.generation.machines import machine

    newest = max(path.stem for path in (Path(__file__).parents[1] / "migrations").glob("[0-9]*.py"))
    return f"{newest[:4]}, {machine({})['versions']['generators']}"


@cache
def _device() -> str:
    from evalapp.generation.metering import gpu_and_driver

    gpu = gpu_and_driver()
    return gpu["name"] if gpu else f"{platform.machine()}, {os.cpu_count()} CPU"
