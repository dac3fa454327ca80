"""Seals on what was answered: each night one on the audit trail for the rows that came since.

A fingerprint finds a vote that was altered, and not one whose fingerprint was written anew beside it, or that was moved
to another assessor or pair: its seal does. The trail seals its own entries in turn, so that whoever hides an old vote's
change would have to write the whole trail anew from that night on.

A seal reaches to the newest row of the night before: what had a lower number is stored by then, or never will be.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

from django.db.models import Max, QuerySet

from evalapp.assessing.controls import ControlAnswer
from evalapp.assessing.models import Vote
from evalapp.people import audit
from evalapp.people.audit import AuditEntry

SHOWN, PAIR = "ballot__assignment__", "ballot__assignment__pair__"
SEALED: dict[str, Callable[[], QuerySet[Any, tuple[Any, ...]]]] = {
    "votes": lambda: Vote.objects.values_list(
        *("pk", "aspect", "choice", "both_bad", "strength"),
        *("ballot", "ballot__version", "ballot__key", "ballot__fingerprint", "ballot__created_at"),
        *(f"{SHOWN}pk", f"{SHOWN}participation", f"{SHOWN}swapped"),
        *(f"{PAIR}pk", f"{PAIR}prompt", f"{PAIR}seed", f"{PAIR}first", f"{PAIR}second"),
    ),
    "answers to controls": lambda: ControlAnswer.objects.values_list(
        *("pk", "version", "key", "fingerprint", "choices", "screen", "created_at"),
        *("control", "control__participation", "control__kind", "control__swapped"),
        *("control__golden", "control__repeated", "control__twice"),
    ),
}
"""Columns that no verb of this house ever changes."""


def seal() -> None:
    """What was there a night ago and bears no seal yet; nothing where nothing came."""
    for what, rows in SEALED.items():
        last = _seals(what).last()
        after, to = (last.detail["to"], last.detail["seen"]) if last else (0, 0)
        seen = rows().aggregate(newest=Max("pk"))["newest"] or 0
        if seen > after:
            count, digest = _digest(what, after, to)
            audit.record("sealed", what, after=after, to=to, rows=count, digest=digest, seen=seen)


def broken() -> Iterator[str]:
    """What is no longer as it was sealed, in words."""
    for what in SEALED:
        for each in _seals(what):
            told = each.detail
            count, digest = _digest(what, told["after"], told["to"])
            if (count, digest) != (told["rows"], told["digest"]):
                yield (
                    f"{what} numbered {told['after'] + 1} to {told['to']}: {count} are there, {told['rows']} were "
                    f"sealed; since {each.at:%Y-%m-%d} at least one was altered, taken out or put in"
                )


def _seals(what: str) -> QuerySet[AuditEntry]:
    return AuditEntry.objects.filter(verb="sealed", subject=what, project=None).order_by("number")


def _digest(what: str, after: int, to: int) -> tuple[int, str]:
    """How many rows have a number within, and the sha256 of them all."""
    count, hashed = 0, hashlib.sha256()
    for row in SEALED[what]().filter(pk__gt=after, pk__lte=to).order_by("pk").iterator(2000):
        count += 1
        hashed.update(json.dumps(row, default=str, sort_keys=True).encode())
    return count, hashed.hexdigest()
