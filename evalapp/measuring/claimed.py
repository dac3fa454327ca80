"""Work of a comparison that one worker at a time takes up: queued → running → done, or how else it ended."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection, models
from django.db.models import F, Q
from django.db.models.functions import Now

from evalapp.generation.models import attempts_allowed, work_lease

LEFT_BEHIND = "its worker died; the run after it goes on"


class Cancelled(Exception):
    """The run is another's or cancelled by now."""


class RunQuerySet(models.QuerySet[Any]):
    def claimable(self) -> "RunQuerySet":
        """Queued, or running under a lease that ran out; the database's clock decides."""
        return self.filter(Q(state=Run.State.QUEUED) | Q(state=Run.State.RUNNING, lease_until__lt=Now()))

    def unended(self) -> "RunQuerySet":
        return self.filter(state__in=(Run.State.QUEUED, Run.State.RUNNING))

    def end_abandoned(self) -> None:
        """End those whose worker died, so that another run may begin at once."""
        self.filter(state=Run.State.RUNNING, lease_until__lt=Now()).update(
            state=Run.State.CANCELLED, reason=LEFT_BEHIND, lease_until=None, finished_at=Now()
        )


class Run(models.Model):
    """What comes of it is stored as it comes: one that ends early goes on where it was when it is started again."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        STOPPED = "stopped"
        FAILED = "failed"
        CANCELLED = "cancelled"

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    state = models.CharField(max_length=9, choices=State.choices, default=State.QUEUED)
    total = models.PositiveIntegerField(default=0)
    reason = models.TextField(blank=True)
    attempt = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = RunQuerySet.as_manager()

    class Meta:
        abstract = True
        ordering = ("-pk",)

    @property
    def ended(self) -> bool:
        return self.state not in (self.State.QUEUED, self.State.RUNNING)

    def claim(self) -> bool:
        """Take it up: one worker wins; a run whose worker died is taken up again when its lease ran out, at most
        RENDER_ATTEMPTS times in all: what killed those workers would kill the next."""
        most = attempts_allowed()
        claimed = {"state": self.State.RUNNING, "attempt": F("attempt") + 1, "lease_until": work_lease(), "reason": ""}
        died = f"{most} workers died at it: see their logs; what came is kept, and a new run goes on from there"
        worn_out = {"state": self.State.FAILED, "reason": died, "lease_until": None, "finished_at": Now()}
        free = type(self).objects.claimable().filter(pk=self.pk)
        won = not free.filter(attempt__gte=most).update(**worn_out) and free.update(**claimed)
        self.refresh_from_db()
        return bool(won)

    def _mine(self) -> models.QuerySet[Any]:
        return type(self).objects.filter(pk=self.pk, attempt=self.attempt, state=self.State.RUNNING)

    def store(self, **progress: Any) -> bool:
        """Progress, and a new lease; False where it was cancelled or taken over, and the worker stops."""
        return bool(self._mine().update(lease_until=work_lease(), **progress))

    def end(self, state: "Run.State", reason: str = "") -> None:
        self._mine().update(state=state, reason=reason, lease_until=None, finished_at=Now())
        self.refresh_from_db()

    def cancel(self) -> bool:
        """Nothing more is begun; what came stays."""
        done = (
            type(self)
            .objects.unended()
            .filter(pk=self.pk)
            .update(state=self.State.CANCELLED, reason="cancelled by an organizer", lease_until=None, finished_at=Now())
        )
        self.refresh_from_db()
        return bool(done)

    def carry_out(self, act: Callable[[], object], refusals: tuple[type[Exception], ...]) -> bool:
        """Take it up and do it; False where another worker has it. One of the refusals fails it by its own words; what
        else goes wrong fails it too, and is raised."""
        if not self.claim():
            return False
        try:
            with self.lease_kept():
                act()
        except Cancelled:
            pass
        except refusals as error:
            self.end(self.State.FAILED, str(error))
        except Exception as error:
            self.end(self.State.FAILED, f"{type(error).__name__}: {error}")
            raise
        return True

    @contextmanager
    def lease_kept(self) -> Iterator[None]:
        """Renew the lease from a thread while a piece of work takes its time."""
        ended = threading.Event()

        def keep() -> None:
            try:
                while not ended.wait(settings.RENDER_LEASE_SECONDS / 3):
                    try:
                        if not self.store():
                            return
                    except DatabaseError:
                        time.sleep(0.1)
            finally:
                connection.close()

        thread = threading.Thread(target=keep, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


class CountedRun(Run):
    """One that counts its steps as they come, and learns then whether it was cancelled."""

    done = models.PositiveIntegerField(default=0, help_text="Files read and measures of sets reckoned, of `total`.")

    class Meta(Run.Meta):
        abstract = True

    def carry_out(self, act: Callable[[], object], refusals: tuple[type[Exception], ...]) -> bool:
        def anew() -> None:
            self.total = self.done = 0
            act()

        return super().carry_out(anew, refusals)

    def ahead(self, steps: int) -> None:
        """So many more steps than were known. Raises Cancelled."""
        self.total += steps
        self._tell()

    def one_done(self) -> None:
        """Raises Cancelled."""
        self.done += 1
        self._tell()

    def _tell(self) -> None:
        if not self.store(total=self.total, done=self.done):
            raise Cancelled
