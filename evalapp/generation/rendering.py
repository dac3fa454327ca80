"""Rendering one claimed clip: generate, write, store, while its lease is kept alive."""

import errno
import logging
import platform
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection

from evalapp.generation.files import discard, write_files
from evalapp.generation.metering import Meter, gpu_and_driver
from evalapp.generation.models import Clip
from evalapp.generation.store import present
from generators import Cancelled, GeneratorError, Take, Watch, load, unwatched
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
    contender, meter = clip.contender, Meter()
    take, seconds = generated(clip, watch)
    started = time.monotonic()
    stored = write_files(take.frames, take.fps)
    seconds["encode"] = round(time.monotonic() - started, 3)
    stored["facts"] |= {
        "generator": take.facts,
        "provenance": {
            "generator": contender.recipe.generator,
            "recipe": contender.recipe.identity,
            "checkpoint": contender.checkpoint.sha256 or None,
            "prompt": clip.prompt.text,
            "seed": clip.seed,
            "image": clip.prompt.image or None,
            "noise_sha256": take.facts.get("noise_sha256"),
            "seconds": seconds,
            "machine": machine(take.facts.get("versions", {})),
            "cost": take.facts.get("cost"),
            **meter.read(),
        },
    }
    return stored


def generated(clip: Clip, watch: Watch = unwatched) -> tuple[Take, dict[str, float | None]]:
    """The clip's frames anew, and the seconds that the generator's parts took (None where it does not tell)."""
    recipe = clip.contender.recipe
    started = time.monotonic()
    settings: Any = parse(recipe.generator, recipe.settings)
    if hasattr(settings, "with_image"):
        picture = clip.prompt.picture
        settings = settings.with_image(present(picture) if picture else None)
    take = load(recipe.generator).generate(clip.prompt.text, clip.seed, settings, watch)
    seconds: dict[str, float | None] = {
        part: take.facts.get(f"{part}_seconds") for part in ("load", "sample", "decode")
    }
    seconds["generate"] = round(time.monotonic() - started, 3)
    return take, seconds


def machine(versions: dict[str, str]) -> dict[str, Any]:
    """What clips may differ by between workers: versions, processor, GPU and driver."""
    libraries = {name: version(name) for name in ("visavis", "numpy", "pillow", "av") if _installed(name)}
    return {
        "host": socket.gethostname(),
        "processor": platform.machine(),
        "gpu": gpu_and_driver(),
        "versions": {"python": platform.python_version()} | libraries | versions,
    }


def _installed(name: str) -> bool:
    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False


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
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return "not enough memory: render smaller or fewer frames, or use a larger worker, then retry"
    if isinstance(error, GeneratorError):
        return str(error)
    return f"{type(error).__name__}: {error} (the whole story is in the worker's log)"
