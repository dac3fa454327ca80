"""Prompts of a set that say the same in other words or another language, by a sentence encoder where one is given.
Looking needs heavy libraries: pages only ask a worker for it."""

from pathlib import Path

from django.conf import settings
from django.core.cache import cache

from evalapp.catalog.models import PromptSet
from evalapp.catalog.tasks import KEPT_SECONDS, alike_of, ring_alike
from evalapp.people import audit
from metrics import resolve

LEAST = 0.8  # a choice of ours: look at what a lower one finds


class NoEncoder(Exception):
    """The message says what the folder lacks."""


def encoder_given() -> bool:
    return (settings.SENTENCE_ENCODER / "config.json").is_file()


def ask(prompt_set: PromptSet) -> None:
    """Have a worker look; what it finds is kept under `alike_of`. Raises NoEncoder where none is given."""
    if not encoder_given():
        raise NoEncoder(
            f"{settings.SENTENCE_ENCODER} holds no sentence encoder: copy a folder of LaBSE there, or name another "
            "in SENTENCE_ENCODER"
        )
    cache.set(alike_of(prompt_set.pk), {"asked": True}, KEPT_SECONDS)
    audit.record("asked for the same in two languages in", f"prompt set {prompt_set}")
    ring_alike(prompt_set.pk)


def near_in_meaning(prompt_set: PromptSet, folder: Path, least: float = LEAST) -> list[tuple[str, str, float]]:
    """Keys of prompts whose cosine is at least that, the nearest first. Raises NoEncoder."""
    prompts = prompt_set.texts()
    try:
        encoder = resolve("metrics.sentences:LaBSE")(folder)
    except resolve("metrics.sentences:EncoderMissing") as error:
        raise NoEncoder(str(error)) from error
    pairs = resolve("metrics.sentences:near")(encoder.embed([prompt.text for prompt in prompts]), least)
    return [(prompts[first].key, prompts[second].key, likeness) for first, second, likeness in pairs]
