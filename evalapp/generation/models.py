"""Clips and their states: queued → rendering → ready | failed | cancelled."""

import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from evalapp.catalog.models import Contender, Prompt


def attempts_allowed() -> int:
    return settings.RENDER_ATTEMPTS


class ClipQuerySet(models.QuerySet["Clip"]):
    def claimable(self) -> "ClipQuerySet":
        """Queued, or rendering under a lease that ran out; the database's clock decides, not the worker's."""
        expired = Q(state=Clip.State.RENDERING, lease_until__lt=Now())
        return self.filter(Q(state=Clip.State.QUEUED) | expired)

    def at_work(self) -> "ClipQuerySet":
        return self.filter(state=Clip.State.RENDERING, lease_until__gte=Now())

    def claim_next(self, worker: str) -> "Clip | None":
        """The next clip for this worker, now rendering under its lease; None when there is nothing to do.

        Clips of one prompt come after each other, so that complete pairs appear early.
        """
        while clip := self.claimable().order_by("-priority", "prompt__position", "seed", "pk").first():
            won = (
                self.claimable()
                .filter(pk=clip.pk, attempt=clip.attempt)
                .update(
                    state=Clip.State.RENDERING,
                    attempt=F("attempt") + 1,
                    worker=worker,
                    lease_until=Now() + timedelta(seconds=settings.RENDER_LEASE_SECONDS),
                )
            )
            if won:
                clip.refresh_from_db()
                if clip.attempt <= clip.attempt_limit:
                    return clip
                clip.fail(
                    f"its worker died {settings.RENDER_ATTEMPTS} times while rendering this clip: see the worker's log"
                )
        return None

    def retry(self) -> int:
        """Queue the failed and cancelled ones again, with as many attempts as new ones; returns how many."""
        return self.filter(state__in=(Clip.State.FAILED, Clip.State.CANCELLED)).update(
            state=Clip.State.QUEUED, attempt_limit=F("attempt") + attempts_allowed(), reason="", finished_at=None
        )


class Clip(models.Model):
    """One generated video or image of a contender, prompt and seed."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RENDERING = "rendering"
        READY = "ready"
        FAILED = "failed"
        CANCELLED = "cancelled"

    class Kind(models.TextChoices):
        VIDEO = "video"
        IMAGE = "image"

    contender = models.ForeignKey(Contender, on_delete=models.PROTECT)
    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT)
    seed = models.BigIntegerField(default=0)
    kind = models.CharField(max_length=5, choices=Kind.choices, default=Kind.VIDEO)
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    priority = models.IntegerField(default=0)
    attempt = models.PositiveIntegerField(default=0, help_text="Counts claims and never falls: results carry it.")
    attempt_limit = models.PositiveIntegerField(default=attempts_allowed)
    worker = models.CharField(max_length=100, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    reason = models.TextField(blank=True, help_text="Why it failed, in words an organizer can act on.")
    folder = models.UUIDField(
        default=uuid.uuid4, editable=False, help_text="Where its files lie, under the media folder."
    )
    sha256 = models.CharField(max_length=64, blank=True, help_text="Of the master file.")
    rendition_sha256 = models.CharField(max_length=64, blank=True, help_text="Of the file that browsers get.")
    facts = models.JSONField(default=dict, help_text="Frames, size, fps, seconds, versions, what the generator noted.")
    seconds = models.FloatField(null=True, blank=True, help_text="Rendering time, without waiting.")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = ClipQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint("contender", "prompt", "seed", name="one_clip_per_contender_prompt_seed")
        ]
        indexes = [
            models.Index("state", "lease_until", name="clip_claimable"),
            models.Index("prompt", "seed", name="clip_prompt_seed"),
        ]

    def __str__(self) -> str:
        return f"{self.contender}: {self.prompt} (seed {self.seed})"

    @property
    def directory(self) -> Path:
        name = str(self.folder)
        return Path(settings.MEDIA_DIR) / name[:2] / name

    @property
    def master(self) -> Path:
        """Lossless, for metrics."""
        return self.directory / ("master.png" if self.kind == self.Kind.IMAGE else "master.mkv")

    @property
    def rendition(self) -> Path:
        """What browsers get."""
        return self.directory / ("clip.webp" if self.kind == self.Kind.IMAGE else "clip.mp4")

    @property
    def poster(self) -> Path:
        return self.directory / "poster.webp"

    def _while_mine(self) -> ClipQuerySet:
        """This row while the attempt that claimed it still holds it: late results of a lost lease change nothing."""
        return Clip.objects.filter(pk=self.pk, attempt=self.attempt, state=self.State.RENDERING)

    def renew_lease(self) -> bool:
        """False when the clip was cancelled or taken over; the worker then stops."""
        return bool(self._while_mine().update(lease_until=Now() + timedelta(seconds=settings.RENDER_LEASE_SECONDS)))

    def finish(self, **stored: Any) -> bool:
        """Store the result; False when another attempt has taken over."""
        done = self._while_mine().update(
            state=self.State.READY, lease_until=None, reason="", finished_at=Now(), **stored
        )
        self.refresh_from_db()
        return bool(done)

    def fail(self, reason: str) -> None:
        self._while_mine().update(state=self.State.FAILED, lease_until=None, reason=reason, finished_at=Now())
        self.refresh_from_db()
