"""Measuring the clips of a comparison: each file once, resumable, no clip passed over in silence."""

import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from difflib import get_close_matches

from evalapp.comparisons.models import Comparison
from evalapp.generation.models import Clip
from evalapp.measuring.files import Item, Unmeasurable, item_of
from evalapp.measuring.models import Measurement
from evalapp.measuring.sets import UnknownMetric
from metrics import METRICS, resolve

PROTOCOL = "1: lossless master, every frame, RGB"
"""Version of every measurement; raised when the same file would give another value."""
THREADS = min(4, os.cpu_count() or 1)
__all__ = ["PROTOCOL", "UnknownMetric", "Unmeasurable", "measure", "names_of", "waiting"]


def names_of(asked: Iterable[str]) -> list[str]:
    """The metrics asked for, all where none is. Raises UnknownMetric."""
    names = list(dict.fromkeys(asked)) or list(METRICS)
    for name in names:
        if name not in METRICS:
            near = get_close_matches(name, METRICS) or sorted(METRICS)
            raise UnknownMetric(f"no metric is called {name!r}; known: {', '.join(near)}")
    return names


def waiting(comparison: Comparison, names: list[str]) -> dict[Clip, list[str]]:
    """One clip of each file that lacks a measurement, and the metrics that it lacks."""
    ready = comparison.clips().filter(state=Clip.State.READY).select_related("contender", "prompt").order_by("pk")
    clips = {clip.sha256: clip for clip in reversed(ready)}
    known = set(
        Measurement.objects.filter(version=PROTOCOL, metric__in=names, sha256__in=clips).values_list("sha256", "metric")
    )
    lacking = {clip: [name for name in names if (clip.sha256, name) not in known] for clip in clips.values()}
    return {clip: missing for clip, missing in lacking.items() if missing}


def measure(comparison: Comparison, metrics: Iterable[str] = (), done: Callable[[], object] = lambda: None) -> int:
    """Measure what was not measured yet; returns how many values are new. `done` is called after each file.

    Raises UnknownMetric before, Unmeasurable after all files were tried: calling again tries only those that failed.
    """
    stored, problems = 0, []
    for found in _ahead(list(waiting(comparison, names_of(metrics)).items())):
        if isinstance(found, Unmeasurable):
            problems.append(str(found))
        else:
            Measurement.objects.bulk_create(found, ignore_conflicts=True)
            stored += len(found)
        done()
    if problems:
        raise Unmeasurable("\n".join(problems))
    return stored


def _ahead(work: list[tuple[Clip, list[str]]]) -> Iterator[list[Measurement] | Unmeasurable]:
    """Measurements of each file in order; threads decode and measure the next ones, the database is this thread's."""
    items = [(item_of(clip), names) for clip, names in work]
    with ThreadPoolExecutor(THREADS) as pool:
        futures: deque[Future[list[Measurement]]] = deque()
        try:
            for place in range(len(items) + THREADS):
                if place < len(items):
                    futures.append(pool.submit(_measured, *items[place]))
                if place >= THREADS:
                    future = futures.popleft()
                    problem = future.exception()
                    if isinstance(problem, Unmeasurable):
                        yield problem
                    else:
                        yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _measured(item: Item, names: list[str]) -> list[Measurement]:
    footage = item.read()
    clip = resolve("metrics.frames:Prepared")(footage.frames)
    rows = []
    for name in names:
        row = Measurement(sha256=item.sha256, metric=name, version=PROTOCOL)
        try:
            row.value = float(METRICS[name].load()(clip, footage.fps))
        except ValueError as error:
            row.reason = str(error)[:200]
        if row.value is not None and not math.isfinite(row.value):
            raise Unmeasurable(f"{item.called}: {name} gave {row.value}, which is no measurement")
        rows.append(row)
    return rows
