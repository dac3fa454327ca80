"""Set distances of a comparison: features once per file, then each contender's clips against the reference."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from typing import Any

import numpy as np
from django.conf import settings

from evalapp.comparisons.models import Comparison
from evalapp.measuring import pairs
from evalapp.measuring.files import Item, Reference, Unmeasurable, items_of
from evalapp.measuring.models import HALF, Features, SetMeasurement
from metrics import resolve, weights
from metrics.sets import LPIPS, SETS, SetMetric

MOST_ROWS = 20_000
"""Rows of a set beyond these are left out of its measures, by the order of the files' checksums: a random sample that
does not depend on who measured first. Memory and time stay flat; the result says how many rows it rests on."""


class UnknownMetric(Exception):
    """No such metric; the message names near ones."""


def set_names_of(asked: Iterable[str], referenced: bool) -> tuple[list[str], list[str]]:
    """The set metrics asked for; where none is, all whose weights are here and, second, why others are not.

    Raises UnknownMetric, and WeightsMissing or WeightsWrong for what was asked for.
    """
    names = list(dict.fromkeys(asked))
    for name in names:
        if name not in SETS:
            raise UnknownMetric(
                f"no metric is called {name!r}; known: {', '.join(get_close_matches(name, SETS) or SETS)}"
            )
        if SETS[name].asks_reference and not referenced:
            raise UnknownMetric(f"{name} compares with a reference set: choose a contender (--reference CONTENDER)")
    if names:
        for name in names:
            _find_weights(SETS[name])
        return names, []
    absent: dict[str, str] = {}
    for name, metric in SETS.items():
        try:
            _find_weights(metric)
        except (weights.WeightsMissing, weights.WeightsWrong) as problem:
            absent[name] = str(problem)
    here = [name for name, metric in SETS.items() if name not in absent and (referenced or not metric.asks_reference)]
    return here, sorted(set(absent.values()))


def weights_of(metric: SetMetric) -> tuple[str, ...]:
    """The names of those that it needs."""
    if metric.extractor == LPIPS:
        return pairs.WEIGHTS
    return () if metric.extractor == "builtin" else (resolve("metrics.features:EXTRACTORS")[metric.extractor].weights,)


def _find_weights(metric: SetMetric) -> None:
    for name in weights_of(metric):
        weights.find(name, settings.WEIGHTS_DIR)


def extractor_named(name: str) -> Any:
    """The extractor with its weights, named for how its rows are kept; tests put another one in its place."""
    if name == LPIPS:
        return pairs.Lpips()
    using = resolve("metrics.features.extracting:extractor")(name, settings.WEIGHTS_DIR)
    if settings.FEATURES_DTYPE == "float16":
        using.identity += HALF
    return using


def measure_sets(
    comparison: Comparison,
    names: list[str],
    reference: Reference | None,
    done: Callable[[], object] = lambda: None,
    ahead: Callable[[int], object] = lambda steps: None,
) -> int:
    """Reckon what is not known yet; returns how many values are new. `done` is called after each file and each metric,
    `ahead`, before the work with an extractor, with how many calls of `done` that will be.

    Raises Unmeasurable after all was tried: it names each file without features, and the values rest on the others.
    """
    itself = reference.contender if reference else None
    contenders = comparison.entries.values_list("contender_id", flat=True)
    sets = {key: items_of(comparison, key) for key in contenders if key != itself}
    stored, problems = 0, []
    for extractor_name in dict.fromkeys(SETS[name].extractor for name in names):
        using = extractor_named(extractor_name)
        files = {
            item.sha256: item for items in [*sets.values(), reference.items if reference else []] for item in items
        }
        with_it = [name for name in names if SETS[name].extractor == extractor_name]
        ahead(len(with_it))
        if extractor_name == LPIPS:
            problems += pairs.store_pairs(using, sets.values(), done, ahead)
        else:
            problems += store_features(using, list(files.values()), done, ahead)
        for name in with_it:
            stored += _compare(comparison, name, using, sets, reference)
            done()
    if problems:
        raise Unmeasurable("\n".join(problems), stored)
    return stored


def store_features(
    using: Any,
    items: list[Item],
    done: Callable[[], object] = lambda: None,
    ahead: Callable[[int], object] = lambda steps: None,
) -> list[str]:
    """Features of files that have none of this extractor yet; returns what could not be read, by name.

    Each row is stored as it comes: killed and started again, this goes on where it was.
    """
    known = set(Features.objects.filter(extractor=using.identity).values_list("sha256", flat=True))
    waiting = [item for item in items if item.sha256 not in known]
    ahead(len(waiting))
    problems = []

    def read(item: Item) -> tuple[Any, float]:
        footage = item.read()
        return footage.frames, footage.fps

    for item, rows in resolve("metrics.features.extracting:extract")(using, waiting, read):
        row = Features(sha256=item.sha256, extractor=using.identity)
        if isinstance(rows, Unmeasurable):
            problems.append(str(rows))
        elif isinstance(rows, ValueError):
            row.reason = str(rows)[:200]
        elif isinstance(rows, Exception):
            raise rows
        elif not np.isfinite(rows).all():
            problems.append(f"{item.called}: its features are not finite; look at the clip and at the weights")
        else:
            try:
                row.keep(rows)
            except ValueError as error:
                problems.append(f"{item.called}: {error}")
        if row.width or row.reason:
            Features.objects.bulk_create([row], ignore_conflicts=True)
        done()
    return problems


def sample_of(items: list[Item], identity: str) -> tuple[Any, list[str]]:
    """The rows of these files, and why others have none. In the order of checksums, up to MOST_ROWS."""
    sample = resolve("metrics.set_values:Sample")
    parts, clusters, reasons, rows = [], [], [], 0
    clips: list[Any] = []
    width = 0
    codes = {cluster: code for code, cluster in enumerate(sorted({item.cluster for item in items}))}
    for item, found in _stored(sorted(items, key=lambda item: item.sha256), identity):
        if found is None:
            reasons.append(f"{item.called}: it could not be read")
        elif found.reason:
            reasons.append(f"{item.called}: {found.reason}")
        elif rows < MOST_ROWS:
            each = found.rows()
            parts.append(each)
            clusters.append(np.full(len(each), codes[item.cluster]))
            clips.append(np.full(len(each), len(clips)))
            rows, width = rows + len(each), found.width
    if not parts:
        return sample(np.empty((0, width or 1), dtype=np.float32), np.empty(0, dtype=int)), reasons
    return sample(np.concatenate(parts), np.concatenate(clusters), np.concatenate(clips)), reasons


def _stored(items: list[Item], identity: str, *columns: str) -> Iterator[tuple[Item, Features | None]]:
    """Each file with its features, or None; only these columns of them where some are named."""
    for some in (items[start : start + 500] for start in range(0, len(items), 500)):
        found = Features.objects.filter(extractor=identity, sha256__in=[item.sha256 for item in some])
        by_sum = {each.sha256: each for each in (found.only(*columns) if columns else found)}
        for item in some:
            yield item, by_sum.get(item.sha256)


def _compare(
    comparison: Comparison, name: str, using: Any, sets: dict[int, list[Item]], reference: Reference | None
) -> int:
    metric = SETS[name]
    against = reference if metric.asks_reference else None
    protocol = f"{using.identity}; {metric.estimator}; features {metric.columns[0]} to {metric.columns[1]}"
    label = against.name if against else ""
    prompts: dict[str, set[str]] = {}
    for item in (item for items in sets.values() for item in items):
        for tag in item.tags:
            prompts.setdefault(tag, set()).add(item.cluster)
    tags = ["", *sorted(tag for tag, found in prompts.items() if len(found) > 1)]
    known = {
        (row.contender_id, row.tag): row.inputs
        for row in SetMeasurement.objects.filter(comparison=comparison, metric=name, reference=label)
    }
    stored = 0
    for tag in tags:
        other = [item for item in against.items if tag in item.tags or not tag] if against else []
        if against and not against.shares_prompts:
            other = against.items
        opposite, _ = sample_of(other, using.identity)
        for contender, items in sets.items():
            own = [item for item in items if tag in item.tags or not tag]
            inputs = _digest(protocol, own, other, using.identity, metric.extractor == LPIPS)
            if known.get((contender, tag)) == inputs:
                continue
            if metric.extractor == LPIPS:
                found, reasons = pairs.value_of_pairs(own, using.identity)
            else:
                sample, reasons = sample_of(own, using.identity)
                found = resolve("metrics.set_values:measure")(name, sample, opposite if against else None)
            result = found.as_json() | {"clips": len(own) - len(reasons), "missing": len(reasons)}
            result |= {"reference_clips": len(other), "without": reasons[:20]}
            named = sorted({item.cluster for item in own})
            result["by_prompt"] = {named[code]: value for code, value in result.pop("by_cluster").items()}
            SetMeasurement.objects.update_or_create(
                comparison=comparison,
                contender_id=contender,
                metric=name,
                reference=label,
                tag=tag,
                defaults={"protocol": protocol, "inputs": inputs, "result": result},
            )
            stored += 1
    return stored


def _digest(protocol: str, own: list[Item], other: list[Item], identity: str, by_pairs: bool) -> str:
    """Of all that the value depends on: the files, the prompts they belong to, and which have features."""
    facts = [protocol, *(pairs.facts_of_pairs(own, identity) if by_pairs else [])]
    for side in () if by_pairs else (own, other):
        ordered = sorted(side, key=lambda item: item.sha256)
        facts += [
            f"{item.sha256} {item.cluster} {row is not None}" for item, row in _stored(ordered, identity, "sha256")
        ]
        facts.append("against")
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()
