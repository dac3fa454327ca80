"""Rendering one claimed clip: generate, write, store, while its lease is kept alive."""

import errno
import logging
import socket
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.utils.translation import gettext_noop

from evalapp.catalog.models import Recipe
from evalapp.catalog.store import BucketFailed, present
from evalapp.generation.files import discard, write_files
from evalapp.generation.machines import machine
from evalapp.generation.metering import Meter
from evalapp.generation.models import Clip, work_lease
from evalapp.generation.storable import facts, words
from generators import Cancelled, GeneratorError, Take, Watch, load, unwatched
from generators.recipe import parse

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sampled:
    """A clip's frames in memory, its lease still kept."""

    clip: Clip
    lease: "Lease"
    began: float
    take: Take
    provenance: dict[str, Any]


def render(clip: Clip) -> bool:
    """Render a clip that this worker has claimed. False when it failed (the clip says why) or another took it over."""
    sampled = sample(clip)
    return sampled is not None and store(sampled)


def sample(clip: Clip) -> Sampled | None:
    """The frames of a claimed clip, for `store`; None when it failed (the clip says why) or is no longer wanted."""
    began, meter, lease = time.monotonic(), Meter(), Lease(clip)
    try:
        take, seconds = generated(clip, lease.watch)
        return Sampled(clip, lease, began, take, _provenance(clip, take) | {"seconds": seconds} | meter.read())
    except BaseException as error:
        lease.end()
        if isinstance(error, Cancelled):
            clip.stopping(None)
            log.warning("clip %s: cancelled or taken over by another attempt; stopped", clip.pk)
        elif isinstance(error, Exception):
            _failed(clip, error)
        else:
            raise
        return None


def store(sampled: Sampled, held: float | None = None) -> bool:
    """Write the clip's files and its result; False when that failed or another took the clip over.

    `held` is how many seconds the clip kept its worker busy, where that is known already: else until now.
    """
    clip, started = sampled.clip, time.monotonic()
    try:
        stored = write_files(sampled.take.frames, sampled.take.fps)
    except Exception as error:
        _failed(clip, error)
        return False
    finally:
        sampled.lease.end()
    now = time.monotonic()
    sampled.provenance["seconds"]["encode"] = round(now - started, 3)
    stored["facts"] |= facts({"generator": sampled.take.facts, "provenance": sampled.provenance})
    stored["seconds"] = round(now - sampled.began if held is None else held, 3)
    if clip.finish(**stored):
        return True
    log.warning("clip %s: another attempt took over or it was cancelled; this result is thrown away", clip.pk)
    discard(Clip(folder=stored["folder"]))
    return False


class Writer:
    """Stores one worker thread's clips in a thread beside it, so that its device is at the next one meanwhile.

    It is one clip behind at most: the frames of more would fill the memory. An orderly end of the process waits for it.
    """

    def __init__(self) -> None:
        self._beside = ThreadPoolExecutor(1)
        self._last: Future[None] | None = None

    def take(self, sampled: Sampled) -> None:
        """Once the clip before is stored, begin with this one."""
        self.wait()
        self._last = self._beside.submit(self._store, sampled, time.monotonic() - sampled.began)

    def wait(self) -> None:
        if self._last:
            self._last.result()

    def _store(self, sampled: Sampled, held: float) -> None:
        try:
            store(sampled, held)
        except Exception:
            log.exception("clip %s: could not be stored; it is rendered again once its lease ran out", sampled.clip.pk)
        finally:
            connection.close()


def _failed(clip: Clip, error: Exception) -> None:
    log.error("clip %s: %s", clip.pk, error, exc_info=error)
    clip.fail(in_words(error))


def _provenance(clip: Clip, take: Take) -> dict[str, Any]:
    contender = clip.contender
    return {
        "generator": contender.recipe.generator,
        "recipe": contender.recipe.identity,
        "checkpoint": contender.checkpoint.sha256 or None,
        "prompt": clip.prompt.text,
        "seed": clip.seed,
        "image": clip.prompt.image or None,
        "noise_sha256": take.facts.get("noise_sha256"),
        "machine": machine(take.facts.get("versions", {})),
        "cost": take.facts.get("cost"),
    }


def generated(clip: Clip, watch: Watch = unwatched) -> tuple[Take, dict[str, float | None]]:
    """The clip's frames anew, and the seconds that the generator's parts took (None where it does not tell)."""
    recipe = clip.contender.recipe
    started = time.monotonic()
    settings: Any = understood(recipe)
    if hasattr(settings, "with_image"):
        picture = clip.prompt.picture
        settings = settings.with_image(present(picture) if picture else None)
    take = load(recipe.generator).generate(clip.prompt.text, clip.seed, settings, watch)
    seconds: dict[str, float | None] = {
        part: take.facts.get(f"{part}_seconds") for part in ("load", "sample", "decode")
    }
    seconds["generate"] = round(time.monotonic() - started, 3)
    return take, seconds


def understood(recipe: Recipe) -> Any:
    """The recipe's settings. Raises GeneratorError: what was stored was right by the code that stored it."""
    load(recipe.generator)
    try:
        return parse(recipe.generator, recipe.settings)
    except GeneratorError as error:
        raise GeneratorError(
            f"{error} (the recipe was right when it was registered: {socket.gethostname()} runs other code of the "
            "house, or of this generator: bring it to the house's version, then retry)"
        ) from error


class Lease:
    """The clip's lease, renewed by a thread until `end`; the generator looks at it between its steps."""

    def __init__(self, clip: Clip) -> None:
        self.clip = clip
        self.ended, self.lost = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self._keep, daemon=True)
        self.thread.start()

    def watch(self, done: float) -> None:
        """Raises Cancelled once the clip was cancelled or another worker took it over."""
        if self.lost.is_set():
            raise Cancelled

    def end(self) -> None:
        self.ended.set()
        self.thread.join()

    def _keep(self) -> None:
        while not self.ended.wait(settings.RENDER_LEASE_SECONDS / 3):
            try:
                if self.lost.is_set() or not self.clip.renew_lease():
                    self.lost.set()
                    self.clip.stopping(work_lease())
            except DatabaseError:
                log.exception("clip %s: its lease could not be renewed; trying again", self.clip.pk)
        connection.close()


def in_words(error: Exception) -> str:
    """Why rendering failed, and what to do, for the organizer."""
    return words(_in_words(error))


def _in_words(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return gettext_noop("the disk is full: free some space under the media folder, then retry")
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return gettext_noop(
            "not enough memory: render smaller (of a video, also fewer frames), or use a larger worker, then retry"
        )
    if isinstance(error, GeneratorError | BucketFailed):
        return str(error)
    return f"{type(error).__name__}: {error} (the whole story is in the worker's log)"
