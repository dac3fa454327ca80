"""Doorbells of the catalog. What was asked is kept in the cache; who waits for it rings again (`ring_again`)."""

from typing import Any

from celery import shared_task
from django.conf import settings
from django.core.cache import cache
from django.db import transaction

from evalapp.catalog.models import PromptSet

KEPT_SECONDS = 3600
KEPT_LONG = 30 * 24 * 3600
AGAIN_SECONDS = 60
HELD_SECONDS = 600
"""A worker that looks for longer may meet a second one; one that was killed keeps others waiting as long."""


def told_of(prompt_set: int) -> str:
    """Where it is kept what became of the last sample that was drawn from a set."""
    return f"sample-of-{prompt_set}"


@shared_task(ignore_result=True)
def draw_sample(prompt_set: int, count: int, name: str) -> None:
    """Freeze a balanced sample under that name; the same one twice is one set. A refusal is kept for the page."""
    from evalapp.catalog.sampling import draw

    if not (whole := PromptSet.objects.filter(pk=prompt_set).first()):
        return
    try:
        sample = draw(whole.texts(), count, name, whole.project_id)
    except ValueError as error:
        cache.set(told_of(prompt_set), {"problem": str(error)}, KEPT_SECONDS)
        return
    except Exception as error:
        cache.set(told_of(prompt_set), {"problem": f"{type(error).__name__}: {error}"[:600]}, KEPT_SECONDS)
        raise
    cache.set(told_of(prompt_set), {"drawn": sample.prompt_set.pk, "groups": sample.groups}, KEPT_SECONDS)


def ring_sample(prompt_set: int, count: int, name: str) -> None:
    cache.set(f"rung-for-{told_of(prompt_set)}", True, AGAIN_SECONDS)
    transaction.on_commit(lambda: draw_sample.delay(prompt_set, count, name), robust=True)


def alike_of(prompt_set: int) -> str:
    """Where it is kept which prompts of a set say the same."""
    return f"same-meaning-in-{prompt_set}"


@shared_task(ignore_result=True)
def find_alike(prompt_set: int) -> None:
    """Look for prompts that say the same in whichever languages; what was found, or lacked, is kept for the page. A
    bell that rings while another worker looks, or after it has, does nothing."""
    from evalapp.catalog.meanings import NoEncoder, near_in_meaning

    held = f"looked-for-{alike_of(prompt_set)}"
    whole = PromptSet.objects.filter(pk=prompt_set).first()
    if not (whole and "asked" in (cache.get(alike_of(prompt_set)) or {}) and cache.add(held, True, HELD_SECONDS)):
        return
    try:
        told: dict[str, Any] = {"pairs": near_in_meaning(whole, settings.SENTENCE_ENCODER)}
    except NoEncoder as error:
        told = {"problem": str(error)}
    except Exception as error:
        cache.set(alike_of(prompt_set), {"problem": f"{type(error).__name__}: {error}"[:600]}, KEPT_SECONDS)
        raise
    finally:
        cache.delete(held)
    cache.set(alike_of(prompt_set), told, KEPT_LONG)


def ring_alike(prompt_set: int) -> None:
    cache.set(f"rung-for-{alike_of(prompt_set)}", True, AGAIN_SECONDS)
    transaction.on_commit(lambda: find_alike.delay(prompt_set), robust=True)


def ring_again(prompt_set: int) -> None:
    """Whoever waits for a sample, or for prompts that say the same, rings again once a minute: bells may be lost."""
    drawn, alike = cache.get(told_of(prompt_set)) or {}, cache.get(alike_of(prompt_set)) or {}
    if "asked" in drawn and not cache.get(f"rung-for-{told_of(prompt_set)}"):
        ring_sample(prompt_set, drawn["count"], drawn["asked"])
    if "asked" in alike and not cache.get(f"rung-for-{alike_of(prompt_set)}"):
        ring_alike(prompt_set)


@shared_task(ignore_result=True)
def store_pictures() -> None:
    """Check and store the images that were sent."""
    from evalapp.catalog.pictures import store_waiting

    store_waiting()
