"""Measuring the clips of a comparison: each file once, resumable, no clip passed over in silence."""

import hashlib
import math
import os
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from difflib import get_close_matches
from typing import Any

from django.conf import settings

from evalapp.comparisons.models import Comparison
from evalapp.generation.models import Clip
from evalapp.measuring.files import Unmeasurable, item_of
from evalapp.measuring.models import Measurement
from evalapp.measuring.sets import UnknownMetric
from metrics import METRICS, WITH_WEIGHTS, Metric, resolve, weights

PROTOCOL = "1: lossless master, every frame, RGB"
"""Version of every measurement; raised when the same file would give another value."""
THREADS = min(4, os.cpu_count() or 1)
__all__ = ["PROTOCOL", "UnknownMetric", "Unmeasurable", "measure", "measured_values", "names_of", "waiting"]
KNOWN = METRICS | WITH_WEIGHTS


def names_of(asked: Iterable[str]) -> list[str]:
    """The metrics asked for, all that need no weights where none is. Raises UnknownMetric, and WeightsMissing or
    WeightsWrong for what was asked for."""
    names = list(dict.fromkeys(asked)) or list(METRICS)
    for name in names:
        if name not in KNOWN:
            near = get_close_matches(name, KNOWN) or sorted(KNOWN)
            raise UnknownMetric(f"no metric is called {name!r}; known: {', '.join(near)}")
        _sha256_for(KNOWN[name])
    return names


def _sha256_for(metric: Metric) -> str:
    return weights.find(metric.weights, settings.WEIGHTS_DIR).sha256 if metric.weights else ""


def _version(metric: Metric, sha256: str, clip: Clip) -> str:
    """All that another value must share: for a measure of text and picture, the text or what the tags say too."""
    if not metric.weights:
        return PROTOCOL
    text = f"; text {hashlib.sha256(_told(metric, clip).encode()).hexdigest()[:8]}" if _asks(metric) else ""
    return f"{_protocol(metric)}{sha256[:8]}{text}"


def _asks(metric: Metric) -> bool:
    return metric.asks_text or bool(metric.asks_tags)


def _told(metric: Metric, clip: Clip) -> str:
    return metric.told(clip.prompt.text, clip.prompt.tags)


def _protocol(metric: Metric) -> str:
    return f"{PROTOCOL}; {metric.protocol}; weights " if metric.weights else PROTOCOL


def measured_values(clips: list[Clip]) -> dict[str, tuple[str, dict[int, float | None]]]:
    """What is stored of these clips: per metric its version and the value by clip, None where it has a reason instead.

    Values of two versions are never mixed: of several weights those that measured last are shown.
    """
    stored: dict[str, dict[tuple[str, str], float | None]] = defaultdict(dict)
    rows = Measurement.objects.filter(sha256__in={clip.sha256 for clip in clips}, metric__in=KNOWN).order_by("pk")
    for name, sha256, version, value in rows.values_list("metric", "sha256", "version", "value"):
        if version == PROTOCOL or (KNOWN[name].weights and version.startswith(_protocol(KNOWN[name]))):
            stored[name][sha256, version] = value
    found = {}
    for name in KNOWN:
        if name in stored:
            metric = KNOWN[name]
            _, last = next(reversed(stored[name]))
            used = last.partition("; weights ")[2].partition(";")[0]
            keys = {clip.pk: (clip.sha256, _version(metric, used, clip)) for clip in clips}
            mine = {pk: stored[name][key] for pk, key in keys.items() if key in stored[name]}
            found[name] = (_protocol(metric) + used, mine)
    return found


def waiting(comparison: Comparison, names: list[str]) -> dict[Clip, list[str]]:
    """One clip of each file (and text, where one counts) that lacks a measurement, and the metrics that it lacks."""
    ready = comparison.clips().filter(state=Clip.State.READY).select_related("contender", "prompt").order_by("pk")
    clips = {(clip.sha256, *(_told(KNOWN[name], clip) for name in names)): clip for clip in reversed(ready)}
    sums_of_files = {clip.sha256 for clip in clips.values()}
    known = set(
        Measurement.objects.filter(metric__in=names, sha256__in=sums_of_files).values_list(
            "sha256", "metric", "version"
        )
    )
    sums = {name: _sha256_for(KNOWN[name]) for name in names}
    lacking = {
        clip: [name for name in names if (clip.sha256, name, _version(KNOWN[name], sums[name], clip)) not in known]
        for clip in clips.values()
    }
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
        raise Unmeasurable("\n".join(problems), stored)
    return stored


def _ahead(work: list[tuple[Clip, list[str]]]) -> Iterator[list[Measurement] | Unmeasurable]:
    """Measurements of each file in order; threads decode and measure the next ones, the database is this thread's."""
    used = {name for _, names in work for name in names}
    networks = {KNOWN[name].weights: _loaded(KNOWN[name]) for name in used if KNOWN[name].weights}
    items = [(clip, names, networks) for clip, names in work]
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


def _loaded(metric: Metric) -> tuple[Any, str]:
    """The network that it needs, and the checksum of its weights."""
    found = weights.find(metric.weights, settings.WEIGHTS_DIR)
    return resolve(metric.network)(found.paths), found.sha256


def _measured(clip: Clip, names: list[str], networks: dict[str, tuple[Any, str]]) -> list[Measurement]:
    item = item_of(clip)
    footage = item.read()
    whole = resolve("metrics.frames:Prepared")(footage.frames)
    rows = []
    for name in names:
        metric = KNOWN[name]
        network, sha256 = networks.get(metric.weights, (None, ""))
        row = Measurement(sha256=item.sha256, metric=name, version=_version(metric, sha256, clip))
        asked = (network, _told(metric, clip)) if metric.weights else ()
        try:
            row.value = float(metric.load()(whole, footage.fps, *asked))
        except ValueError as error:
            row.reason = str(error)[:200]
        if row.value is not None and not math.isfinite(row.value):
            raise Unmeasurable(f"{item.called}: {name} gave {row.value}, which is no measurement")
        rows.append(row)
    return rows
