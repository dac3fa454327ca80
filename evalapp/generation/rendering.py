"""Rendering one claimed clip: generate, write, store, while its lease is kept alive."""

import errno
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection

from evalapp.generation.files import discard, write_files
from evalapp.generation.models import Clip
from generators import Cancelled, GeneratorError, Watch, load
from generators.recipe import parse

log = logging.getLogger(__name__)


def render(clip: Clip) -> bool:
    """Render a clip that this worker has claimed. False when it failed (the clip says why) or another took it over."""
    started = time.monotonic()
    try:
        with lease_kept(clip) as lease:
            stored = _generate(clip, lease.watch)
    except Cancelled:
        log.warning("clip %s: cancelled or taken over by another attempt; stopped", clip.pk)
        return False
    except Exception as error:
        log.exception("clip %s: %s", clip.pk, error)
        clip.fail(_in_words(error))
        return False
    stored["seconds"] = round(time.monotonic() - started, 3)
    if clip.finish(**stored):
        return True
    log.warning("clip %s: another attempt took over or it was cancelled; this result is thrown away", clip.pk)
    discard(Clip(folder=stored["folder"]))
    return False


def _generate(clip: Clip, watch: Watch) -> dict[str, Any]:
    recipe = clip.contender.recipe
    settings = parse(recipe.generator, recipe.settings)
    take = load(recipe.generator).generate(clip.prompt.text, clip.seed, settings, watch)
    stored = write_files(take.frames, take.fps)
    stored["facts"] |= {"generator": take.facts}
    return stored


class Lease:
    """The clip's lease, kept alive by a thread while the generator works and looks at it between its steps."""

    def __init__(self, clip: Clip) -> None:
        self.clip = clip
        self.ended, self.lost = threading.Event(), threading.Event()

    def watch(self, done: float) -> None:
        """Raises Cancelled once the clip was cancelled or another worker took it over."""
        if self.lost.is_set():
            raise Cancelled

    def keep(self) -> None:
        while not self.ended.wait(settings.RENDER_LEASE_SECONDS / 3):
            try:
                if not self.clip.renew_lease():
                    self.lost.set()
                    break
            except DatabaseError:
                log.exception("clip %s: its lease could not be renewed; trying again", self.clip.pk)
        connection.close()


@contextmanager
def lease_kept(clip: Clip) -> Iterator[Lease]:
    """Renew the clip's lease from a thread until the block ends."""
    lease = Lease(clip)
    thread = threading.Thread(target=lease.keep, daemon=True)
    thread.start()
    try:
        yield lease
    finally:
        lease.ended.set()
        thread.join()


def _in_words(error: Exception) -> str:
    """Why rendering failed, and what to do, for the organizer."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "the disk is full: free some space under the media folder, then retry"
    if isinstance(error, MemoryError):
        return "not enough memory: render smaller or fewer frames, or use a larger worker, then retry"
    if isinstance(error, GeneratorError):
        return str(error)
    return f"{type(error).__name__}: {error} (the whole story is in the worker's log)"
