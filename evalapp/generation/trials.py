"""Recipes that were registered on a page or by a program, tried by a worker of their hardware class.

`Contender.trial` says what became of it: {"waits": attempts left, "until": when its worker is given up, "by": that
worker}, then the facts that the generator's preflight told, or {"failed": why, in words an organizer can act on}.
"""

import logging
import time
from typing import Any

from django.db.models import QuerySet

from evalapp.catalog.models import Contender
from evalapp.generation.rendering import in_words, understood
from evalapp.generation.storable import facts
from evalapp.generation.workers import own_name
from generators import GeneratorError, load

log = logging.getLogger(__name__)
PATIENCE_SECONDS = 900
"""A worker that tells nothing for so long has died: another one tries."""


def waiting() -> QuerySet[Contender]:
    """Contenders that are to be tried and are in nobody's hands."""
    return Contender.objects.filter(trial__waits__gte=1, trial__until__lt=time.time())


def try_waiting(hardware: str) -> None:
    """Try all that wait for a worker of this class; what they tell is stored."""
    for contender in waiting().filter(hardware=hardware).select_related("recipe").order_by("pk"):
        mine = {"waits": contender.trial["waits"] - 1, "until": time.time() + PATIENCE_SECONDS, "by": own_name()}
        # Whoever changes the row first has it.
        if Contender.objects.filter(pk=contender.pk, trial=contender.trial).update(trial=mine):
            Contender.objects.filter(pk=contender.pk, trial=mine).update(trial=tried(contender))


def tried(contender: Contender) -> dict[str, Any]:
    """What trying its recipe here tells."""
    recipe = contender.recipe
    try:
        generator: Any = load(recipe.generator)
        told: dict[str, Any] = facts(generator.preflight(understood(recipe)))
        return told
    except Exception as error:
        if not isinstance(error, GeneratorError):
            log.exception("contender %s: its recipe cannot be tried", contender.pk)
        return {"failed": in_words(error)}
