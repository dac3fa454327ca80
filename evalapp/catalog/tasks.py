"""Doorbell of the catalog."""

from typing import Any

from celery import shared_task
from django.conf import settings
from django.core.cache import cache

from evalapp.catalog.models import PromptSet

KEPT_SECONDS = 3600
KEPT_LONG = 30 * 24 * 3600


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


def alike_of(prompt_set: int) -> str:
    """Where it is kept which prompts of a set say the same."""
    return f"same-meaning-in-{prompt_set}"


@shared_task(ignore_result=True)
def find_alike(prompt_set: int) -> None:
    """Look for prompts that say the same in whichever languages; what was found, or lacked, is kept for the page."""
    from evalapp.catalog.meanings import NoEncoder, near_in_meaning

    if not (whole := PromptSet.objects.filter(pk=prompt_set).first()):
        return
    try:
        told: dict[str, Any] = {"pairs": near_in_meaning(whole, settings.SENTENCE_ENCODER)}
    except NoEncoder as error:
        told = {"problem": str(error)}
    except Exception as error:
        cache.set(alike_of(prompt_set), {"problem": f"{type(error).__name__}: {error}"[:600]}, KEPT_SECONDS)
        raise
    cache.set(alike_of(prompt_set), told, KEPT_LONG)


@shared_task(ignore_result=True)
def store_pictures() -> None:
    """Check and store the images that were sent."""
    from evalapp.catalog.pictures import store_waiting

    store_waiting()
