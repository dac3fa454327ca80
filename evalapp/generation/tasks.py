"""Doorbells of rendering. A bell may ring twice or be lost; the sweep rings again while work waits.

The Celery queue that a bell rings in bears the name of the hardware class, so a worker takes up the classes it can
serve: `celery -A evalapp worker -P threads -c 1 -Q gpu.80gb,gpu.24gb`.
"""

import logging
import threading
import time
from collections.abc import Collection, Iterable
from itertools import islice

from celery import shared_task
from django.conf import settings
from django.db import transaction

from evalapp.catalog.models import Contender, Recipe
from evalapp.catalog.store import free_mib, has_room
from evalapp.generation.fitting import fits
from evalapp.generation.models import LEASE_RAN_OUT, Clip, Queue
from evalapp.generation.workers import own_name
from evalapp.lasting import Lasting

log = logging.getLogger(__name__)

SHIFT_SECONDS = 30
BELLS_AT_ONCE = 8
KEPT_WARM = 4
"""Weights that this process rendered with last, and so may have loaded still."""

_warm: dict[str, Recipe] = {}
"""Recipes by the key of their weights, the last used first."""
_warming = threading.Lock()
_full = Lasting()
_mine = threading.local()
"""Each worker thread's writer, which outlasts its shifts."""


@shared_task(ignore_result=True)
def render_waiting(hardware: str = "cpu") -> None:
    """Render waiting clips of a hardware class for a shift, then make room for other bells and ring again."""
    from evalapp.generation.rendering import Writer, sample
    from evalapp.generation.trials import try_waiting

    if not fits():
        return
    worker = own_name()
    until = time.monotonic() + SHIFT_SECONDS
    if hardware not in Queue.resting():
        try_waiting(hardware)
    if not hasattr(_mine, "writer"):
        _mine.writer = Writer()
    while has_room() and (clip := Clip.objects.claim_next(worker, [hardware], _loaded())):
        with _warming:
            last = {clip.weights: clip.contender.recipe}
            last |= {key: recipe for key, recipe in _warm.items() if key != clip.weights}
            _warm.clear()
            _warm.update(islice(last.items(), KEPT_WARM))
        if sampled := sample(clip):
            _mine.writer.take(sampled)
        if time.monotonic() > until:
            # One bell for this worker and one for an idle neighbour, so that lost bells cannot leave it idle.
            _ring(hardware, 2)
            return
    if has_room():
        _full.over()
    elif _full.is_news(str(settings.MEDIA_DIR)):
        least = settings.MEDIA_LEAST_FREE_MIB
        log.error("%s: %d MiB are free, no clip is started below %d", settings.MEDIA_DIR, free_mib(), least)


def _loaded() -> list[str]:
    """Keys of the weights among the last used that are still loaded, where the generator tells; else all of them."""
    from generators import load
    from generators.recipe import parse

    with _warming:
        for key, recipe in list(_warm.items()):
            tells = getattr(load(recipe.generator), "holds", None)
            if tells and not tells(parse(recipe.generator, recipe.settings)):
                del _warm[key]
        return list(_warm)


@shared_task(ignore_result=True)
def sweep() -> None:
    """Wake the workers of each hardware class when clips wait and none is at work: bells were lost, or it died.

    A worker at work goes on by itself, so ringing then would only fill the queue.
    """
    busy = set(Clip.objects.at_work().values_list("hardware", flat=True))
    ring(apart_from=busy)
    for hardware in busy.difference(Queue.resting()):
        # A worker that has just come would stay idle beside a busy one: what a dead one left behind is its to take up.
        _ring(hardware, Clip.objects.filter(LEASE_RAN_OUT, hardware=hardware)[:BELLS_AT_ONCE].count())


@shared_task(ignore_result=True)
def store_uploads() -> None:
    """Check and store the clips that came over the API."""
    from evalapp.generation.uploads import store_waiting

    store_waiting()


def ring(apart_from: Collection[str] = ()) -> None:
    """Wake as many workers of each hardware class as waiting clips and recipes can keep busy, once the transaction is
    stored."""
    for hardware, bells in wanted(asked().difference(apart_from), BELLS_AT_ONCE).items():
        _ring(hardware, bells)


def asked() -> set[str]:
    """Hardware classes that contenders ask for."""
    return set(Contender.objects.order_by().values_list("hardware", flat=True).distinct())


def wanted(among: Iterable[str], most: int) -> dict[str, int]:
    """How many workers, and no more than `most`, waiting clips and recipes of these hardware classes can keep busy."""
    from evalapp.generation.trials import waiting

    resting, trials = Queue.resting(), set(waiting().values_list("hardware", flat=True))
    return {
        hardware: Clip.objects.waiting(hardware, most) or hardware in trials
        for hardware in among
        if hardware not in resting
    }


def _ring(hardware: str, bells: int) -> None:
    def ring_bells() -> None:
        for _ in range(bells):
            # A bell that nobody hears in a minute is old: the sweep has rung since.
            render_waiting.apply_async(args=(hardware,), queue=hardware, expires=60)

    # Without a broker what was asked for is stored all the same, and workers look by themselves.
    transaction.on_commit(ring_bells, robust=True)
