"""Asking a judge: in batches, each item for itself, and nothing believed that the declaration does not allow."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from metrics.judges.interface import (
    Declaration,
    JudgeUnavailable,
    Outcome,
    PairwiseJudge,
    PointwiseJudge,
    Shown,
    ShownPair,
    Status,
)


def ask(
    judge: PointwiseJudge | PairwiseJudge, items: Sequence[Shown] | Sequence[ShownPair]
) -> Iterator[tuple[int, Outcome]]:
    """The place of each item and its outcome, as they come; clips for a pointwise judge, pairs for a pairwise one.

    A batch that fails is asked again one by one, so that one broken item costs no other. Raises JudgeUnavailable, which
    is of the judge and not of an item; every other error becomes the outcome "error" of its item.
    """
    declaration = judge.declaration
    possible = []
    given: list[Shown | ShownPair] = [*items]
    for place, item in enumerate(given):
        if outcome := _skipped(declaration, item):
            yield place, outcome
        else:
            possible.append(place)
    for start in range(0, len(possible), declaration.max_batch):
        places = possible[start : start + declaration.max_batch]
        yield from zip(places, _answers(judge, [given[place] for place in places]), strict=True)


def _answers(judge: Any, items: list[Any]) -> list[Outcome]:
    began = time.perf_counter()
    try:
        outcomes = judge.score(items) if judge.declaration.mode == "pointwise" else judge.prefer(items)
        if len(outcomes) != len(items):
            raise RuntimeError(f"{judge.declaration.name} gave {len(outcomes)} outcomes for {len(items)} items")
    except JudgeUnavailable:
        raise
    except Exception as error:
        if len(items) > 1:
            return [outcome for item in items for outcome in _answers(judge, [item])]
        return [Outcome("error", reason=f"{type(error).__name__}: {error}")]
    each = (time.perf_counter() - began) / len(items)
    return [_checked(judge.declaration, outcome, each) for outcome in outcomes]


def _checked(declaration: Declaration, outcome: Outcome, seconds: float) -> Outcome:
    usage = outcome.usage if outcome.usage.seconds else replace(outcome.usage, seconds=seconds)
    if unknown := sorted(set(outcome.values) - set(declaration.natives)):
        return Outcome("error", raw=outcome.raw, reason=f"it answered {', '.join(unknown)}, undeclared", usage=usage)
    if bad := sorted(name for name, value in outcome.values.items() if not math.isfinite(value)):
        return Outcome("error", raw=outcome.raw, reason=f"{', '.join(bad)} is no finite number", usage=usage)
    return replace(outcome, usage=usage)


def _skipped(declaration: Declaration, item: Shown | ShownPair) -> Outcome | None:
    for clip in (item,) if isinstance(item, Shown) else (item.first, item.second):
        if clip.kind not in declaration.media:
            return Outcome("skipped", reason=f"{declaration.name} judges no {clip.kind}")
        if declaration.needs_prompt and not clip.prompt.strip():
            return Outcome("skipped", reason=f"{declaration.name} needs a prompt")
    return None


@dataclass(frozen=True)
class Told:
    """What a judge says of a pair. natives and aspects: first − second; status: "ok", or the worse one of its parts.

    inconsistent: natives on which a pairwise judge contradicts itself when the order is turned, which are ties here.
    """

    status: Status
    natives: dict[str, float]
    aspects: dict[str, float]
    inconsistent: frozenset[str] = frozenset()
    reason: str = ""


def told_of_scores(declaration: Declaration, first: Outcome, second: Outcome) -> Told:
    """A pointwise judge on a pair, from its outcome on either clip: the differences of what both have."""
    if bad := next((outcome for outcome in (first, second) if outcome.status != "ok"), None):
        return Told(bad.status, {}, {}, reason=bad.reason)
    natives = {name: first.values[name] - second.values[name] for name in first.values if name in second.values}
    return Told("ok", natives, declaration.scores(natives))


def told_in_both_orders(declaration: Declaration, forward: Outcome, turned: Outcome) -> Told:
    """A pairwise judge on a pair, from (first, second) and (second, first): the mean where both orders go along, a tie
    where they contradict each other. A judge that always says "the one shown first" ties everywhere."""
    if bad := next((outcome for outcome in (forward, turned) if outcome.status != "ok"), None):
        return Told(bad.status, {}, {}, reason=bad.reason)
    both = [name for name in forward.values if name in turned.values]
    against = frozenset(name for name in both if forward.values[name] * turned.values[name] > 0)
    natives = {name: 0.0 if name in against else (forward.values[name] - turned.values[name]) / 2 for name in both}
    return Told("ok", natives, declaration.scores(natives), against)
