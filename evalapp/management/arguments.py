"""What several commands take from the command line."""

import math
import uuid
from argparse import ArgumentTypeError
from contextlib import suppress
from difflib import get_close_matches

from django.core.management.base import CommandError

from evalapp.comparisons.models import Comparison


def comparison_named(name: str) -> Comparison:
    """The comparison of this name or code. Raises CommandError, which names near ones."""
    with suppress(ValueError):
        if found := Comparison.objects.filter(code=uuid.UUID(name)).first():
            return found
    if found := Comparison.objects.filter(name=name).first():
        return found
    known = list(Comparison.objects.values_list("name", flat=True))
    near = get_close_matches(name, known, n=3, cutoff=0.4) or known[:3]
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "there is none yet; try `make demo`"
    raise CommandError(f"there is no comparison named {name!r}: {hint}")


def positive(given: str) -> int:
    """A whole number from 1. Raises ArgumentTypeError."""
    if not (given.isascii() and given.isdigit() and 0 < int(given) < 2**31):
        raise ArgumentTypeError(f"{given!r}: write a whole number, 1 or more")
    return int(given)


def finite(given: str) -> float:
    """Raises ValueError for what is no number, and for nan and inf, which float() takes."""
    value = float(given)
    if not math.isfinite(value):
        raise ValueError(f"{given} is not finite")
    return value
