"""What several commands take from the command line."""

import uuid
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
