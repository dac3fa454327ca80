"""Files of strangers: kept aside as they came, under names of ours, until a worker has looked at them.

The web process counts bytes and hashes them, and opens nothing. What a worker makes of a file is written anew; the
original is forgotten and never served.
"""

import hashlib
import shutil
import uuid
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from evalapp.catalog.store import BucketFailed

TRIES = 3
LEASE = timedelta(minutes=5)
SPARE_DISK = 2**30  # bytes that an upload leaves free


class UploadRefused(ValueError):
    """The file is not taken; the message says why. `full`: there is no room for it now."""

    def __init__(self, message: str, full: bool = False) -> None:
        super().__init__(message)
        self.full = full


class Received(models.Model):
    """A file that waits to be checked, or what became of it."""

    class State(models.TextChoices):
        WAITING = "waiting"
        STORED = "stored"
        REFUSED = "refused"

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    sha256 = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    reason = models.TextField(blank=True)
    tries = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True

    @property
    def path(self) -> Path:
        return Path(settings.MEDIA_DIR) / "uploads" / self.code.hex

    def take(self, chunks: Iterable[bytes], most: int, wake: Callable[[], Any], **place: Any) -> Self:
        """Keep what comes aside, at most so many bytes, and wake a worker; the same file, known for that place already
        and not refused, is given back. Raises UploadRefused."""
        try:
            self._write(chunks, most)
            known = type(self)._default_manager.filter(sha256=self.sha256, **place)
            if (same := known.first()) and same.state != self.State.REFUSED:
                self.path.unlink()
                return same
            try:
                with transaction.atomic():
                    known.filter(state=self.State.REFUSED).delete()
                    self.save()
                    transaction.on_commit(wake, robust=True)
            except IntegrityError:
                self.path.unlink()
                return known.get()
        except BaseException:
            self.path.unlink(missing_ok=True)
            raise
        return self

    def _write(self, chunks: Iterable[bytes], most: int) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        size, hashed = 0, hashlib.sha256()
        with self.path.open("xb") as file:
            for chunk in chunks:
                size += len(chunk)
                if size > most:
                    raise UploadRefused(_("the file is larger than %(n)s bytes") % {"n": f"{most:,}"})
                if shutil.disk_usage(self.path.parent).free < SPARE_DISK + len(chunk):
                    raise UploadRefused(_("the disk is full: nothing more is taken until there is room"), full=True)
                hashed.update(chunk)
                file.write(chunk)
        if not size:
            raise UploadRefused(_("the file is empty"))
        self.size, self.sha256 = size, hashed.hexdigest()

    @classmethod
    def store_waiting(cls, stored: Callable[[Self], str]) -> None:
        """Those that wait, one by one: `stored` says why one cannot be, "" when it is. What the bucket did not take is
        tried again when its lease has run out, TRIES times in all."""
        while each := cls._claimed():
            try:
                each._settle(stored(each))
            except BucketFailed as failed:
                cls._default_manager.filter(pk=each.pk).update(reason=str(failed))

    @classmethod
    def _claimed(cls) -> Self | None:
        """One that waits, for this worker alone; who dies on it leaves it to the next, at most TRIES times."""
        files = cls._default_manager
        waiting = files.filter(Q(lease_until=None) | Q(lease_until__lt=Now()), state=cls.State.WAITING)
        worn_out = waiting.filter(tries__gte=TRIES)
        worn_out.filter(reason="").update(reason=f"{TRIES} workers died while they stored it")
        worn_out.update(state=cls.State.REFUSED)
        for each in waiting.order_by("pk")[:10]:
            mine = files.filter(pk=each.pk, tries=each.tries, state=cls.State.WAITING)
            if mine.update(tries=F("tries") + 1, lease_until=Now() + LEASE):
                return each
        return None

    def _settle(self, reason: str) -> None:
        """It is stored or, with a reason, refused; the original is forgotten."""
        state = self.State.REFUSED if reason else self.State.STORED
        type(self)._default_manager.filter(pk=self.pk).update(state=state, reason=reason, lease_until=None)
        self.path.unlink(missing_ok=True)
