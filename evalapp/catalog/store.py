"""Where clips' files are kept for good: the media folder itself, or an S3-compatible bucket of which it is a cache.

With a bucket (MEDIA_BUCKET) a clip's folder is stored there before the clip is called ready, and a file that is not in
the media folder of this machine is fetched when it is asked for. The application stays the only one that hands files
out: no address of the bucket ever reaches a browser, since its headers would tell one clip from another.
"""

import logging
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import storages

log = logging.getLogger(__name__)


class BucketFailed(Exception):
    """The bucket does not answer, refuses the keys, is full or gone; the message says which."""


@contextmanager
def _asked() -> Iterator[None]:
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (Boto3Error, BotoCoreError, ClientError) as error:
        raise BucketFailed(f"the bucket {settings.MEDIA_BUCKET} failed: {error}") from error


def free_mib() -> int:
    """Space on the media folder's disk."""
    folder = Path(settings.MEDIA_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    return shutil.disk_usage(folder).free // 2**20


def has_room() -> bool:
    """Whether the media folder's disk has space for more clips: on a full one they would fail one after the other.

    Nothing new is started meanwhile; the sweep's bells have it looked at again.
    """
    return free_mib() >= settings.MEDIA_LEAST_FREE_MIB


def keep(place: Path) -> None:
    """Store a clip's folder, or one file; all of it, or BucketFailed."""
    if not settings.MEDIA_BUCKET:
        return
    for path in sorted(place.iterdir()) if place.is_dir() else [place]:
        with path.open("rb") as file, _asked():
            storages["clips"].save(_key(path), File(file))


def present(path: Path) -> Path:
    """The same path, its file fetched if it is only in the bucket; a file that is nowhere stays missing."""
    if not settings.MEDIA_BUCKET or path.is_file():
        return path
    part = path.with_name(f"{uuid.uuid4().hex}.part{path.suffix}")
    try:
        with _asked(), storages["clips"].open(_key(path), "rb") as kept:
            path.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                shutil.copyfileobj(kept, file)
                file.flush()
                os.fsync(file.fileno())
        part.replace(path)
    except FileNotFoundError:
        pass
    finally:
        part.unlink(missing_ok=True)
    return path


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes] | None]:
    """The file where it is kept for good, to be read once; None where it is not. A bucket's leaves nothing here."""
    if not settings.MEDIA_BUCKET:
        if not path.is_file():
            yield None
            return
        with path.open("rb") as file:
            yield file
        return
    with _asked():
        try:
            kept = storages["clips"].open(_key(path), "rb")
        except FileNotFoundError:
            yield None
            return
        with kept:
            yield cast(IO[bytes], kept)


def remove(folder: Path, names: tuple[str, ...]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if settings.MEDIA_BUCKET:
        try:
            for name in names:
                storages["clips"].delete(_key(folder / name))
        except Exception:  # a leftover that no clip names harms nobody; the reason for removing it must not be lost
            log.exception("%s: could not be removed from the bucket", folder.name)


def forget(file: Path) -> None:
    """One file, here and in the bucket."""
    file.unlink(missing_ok=True)
    if settings.MEDIA_BUCKET:
        with _asked():
            storages["clips"].delete(_key(file))


def _key(path: Path) -> str:
    return path.relative_to(settings.MEDIA_DIR).as_posix()
