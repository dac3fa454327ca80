"""Goldens asked for by a button: a worker makes them, since clips are decoded and encoded. The row is the truth."""

from typing import Any

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from evalapp.assessing.controls import Golden
from evalapp.assessing.goldens import GoldensRefused, make_goldens
from evalapp.comparisons.models import Comparison
from evalapp.generation.models import attempts_allowed, work_lease


class GoldenOrderQuerySet(models.QuerySet["GoldenOrder"]):
    def claimable(self) -> "GoldenOrderQuerySet":
        """Queued, or running under a lease that ran out; the database's clock decides."""
        died = Q(state=GoldenOrder.State.RUNNING, lease_until__lt=Now())
        return self.filter(Q(state=GoldenOrder.State.QUEUED) | died)


class GoldenOrder(models.Model):
    """So many automatic goldens for each aspect: queued → running → done | failed. All are stored, or none."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    comparison = models.ForeignKey(Comparison, on_delete=models.CASCADE, related_name="golden_orders")
    use = models.CharField(max_length=13, choices=Golden.Use.choices, default=Golden.Use.WORK)
    aspects = models.JSONField(default=list, help_text="Keys; empty: every aspect that can be damaged.")
    per_aspect = models.PositiveIntegerField()
    state = models.CharField(max_length=7, choices=State.choices, default=State.QUEUED)
    made = models.PositiveIntegerField(default=0)
    reason = models.TextField(blank=True, help_text="Why it failed.")
    asked_by = models.CharField(max_length=150)
    attempt = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = GoldenOrderQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"{self.per_aspect} goldens an aspect for {self.comparison}"

    @property
    def ended(self) -> bool:
        return self.state in (self.State.DONE, self.State.FAILED)

    def fulfil(self) -> bool:
        """Make them, unless another worker does. False where one does, or took this over meanwhile, or where so many
        died at it that the next one would too."""
        free = GoldenOrder.objects.claimable().filter(pk=self.pk)
        died = f"{attempts_allowed()} workers died while they made them: see their logs"
        worn_out = {"state": self.State.FAILED, "reason": died, "lease_until": None, "ended_at": Now()}
        if free.filter(attempt__gte=attempts_allowed()).update(**worn_out):
            return False
        claimed = {"state": self.State.RUNNING, "attempt": F("attempt") + 1, "made": 0, "lease_until": work_lease()}
        if not free.update(**claimed):
            return False
        self.refresh_from_db()
        try:
            # Every attempt draws anew, so a clip that stopped one worker need not stop the next.
            seed = self.pk * 1000 + self.attempt
            make_goldens(
                self.comparison, self.per_aspect, self.use, seed, self.aspects, progress=self._going_on, then=self._done
            )
        except TakenOver:
            return False
        except GoldensRefused as refusal:
            self._store(state=self.State.FAILED, reason=str(refusal), lease_until=None, ended_at=Now())
        except Exception as error:
            self._store(
                state=self.State.FAILED, reason=f"{type(error).__name__}: {error}", lease_until=None, ended_at=Now()
            )
            raise
        return True

    def _going_on(self, made: int) -> None:
        self._store(made=made, lease_until=work_lease())

    def _done(self, made: int) -> None:
        self._store(state=self.State.DONE, made=made, reason="", lease_until=None, ended_at=Now())

    def _store(self, **columns: Any) -> None:
        mine = GoldenOrder.objects.filter(pk=self.pk, attempt=self.attempt, state=self.State.RUNNING)
        if not mine.update(**columns):
            raise TakenOver


class TakenOver(Exception):
    """The lease ran out and another worker makes these goldens: nothing of this one's is stored."""
