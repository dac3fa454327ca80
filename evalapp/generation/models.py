"""Clips and their states: queued ⇄ held, queued → rendering → ready | failed | cancelled."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_noop

from evalapp.catalog.models import Contender, Prompt
from evalapp.catalog.store import present
from evalapp.prepared import Given, Prepared, PreparedUpdate

LEASE_RAN_OUT = Q(state="rendering", lease_until__lt=Now())


def work_lease() -> Any:
    """Until when a worker that tells nothing keeps its work, by the database's clock."""
    return Now() + timedelta(seconds=settings.RENDER_LEASE_SECONDS)


def attempts_allowed() -> int:
    return settings.RENDER_ATTEMPTS


class Queue(models.Model):
    """When clips of one hardware class are rendered. Voting knows nothing of it."""

    hardware = models.CharField(max_length=30, unique=True, help_text="As contenders ask for it: cpu, gpu.24gb …")
    paused = models.BooleanField(default=False, help_text="Nothing new is started.")
    quiet_from = models.TimeField(null=True, blank=True, help_text="Nothing new is started from this time of day …")
    quiet_until = models.TimeField(null=True, blank=True, help_text="… until this one, in the house's time zone.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(quiet_from=None, quiet_until=None)
                | Q(quiet_from__isnull=False, quiet_until__isnull=False) & ~Q(quiet_from=F("quiet_until")),
                name="quiet_hours_have_two_different_ends",
            )
        ]

    def __str__(self) -> str:
        return self.hardware

    def rests(self, now: datetime) -> bool:
        """Whether it is paused, or the time of day lies in its quiet hours, which may span midnight."""
        if self.paused or self.quiet_from is None or self.quiet_until is None:
            return self.paused
        time = timezone.localtime(now).time()
        if self.quiet_from < self.quiet_until:
            return self.quiet_from <= time < self.quiet_until
        return time >= self.quiet_from or time < self.quiet_until

    @classmethod
    def resting(cls) -> list[str]:
        """Hardware classes for which nothing new is started now."""
        now = timezone.now()
        return [queue.hardware for queue in _QUEUES(now=now) if queue.rests(now) or vars(queue)["waits"]]

    def next_window(self, now: datetime) -> "Window | None":
        """The window that it works in now or next; None where its table says nothing more, and it works."""
        return self.windows.filter(ends_at__gt=now).order_by("starts_at").first()

    @transaction.atomic
    def give_windows(self, windows: "Sequence[Window]") -> None:
        """Replace its table of windows; an empty one means that it always works."""
        self.windows.all().delete()
        for window in windows:
            window.queue = self
        Window.objects.bulk_create(windows)


class Window(models.Model):
    """When a queue works, by a table that the operator gives, as of hours in which power is clean. As long as a window
    lies ahead, nothing is started outside of them."""

    queue = models.ForeignKey(Queue, on_delete=models.CASCADE, related_name="windows")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    grams_per_kwh = models.FloatField(null=True, blank=True, help_text="CO2 of the power in this window, if known.")

    class Meta:
        ordering = ("queue", "starts_at")
        constraints = [
            models.CheckConstraint(condition=Q(starts_at__lt=F("ends_at")), name="window_ends_after_it_starts")
        ]

    def __str__(self) -> str:
        return f"{self.queue}: {self.starts_at:%Y-%m-%d %H:%M} – {self.ends_at:%H:%M}"


class ClipQuerySet(models.QuerySet["Clip"]):
    def claimable(self) -> "ClipQuerySet":
        """Queued, or rendering under a lease that ran out; the database's clock decides, not the worker's."""
        return self.filter(Q(state=Clip.State.QUEUED) | LEASE_RAN_OUT)

    def at_work(self) -> "ClipQuerySet":
        return self.filter(state=Clip.State.RENDERING, lease_until__gte=Now())

    def in_hand(self) -> "ClipQuerySet":
        """Those at work, and cancelled ones whose workers have not come to their next step yet."""
        return self.filter(state__in=(Clip.State.RENDERING, Clip.State.CANCELLED), lease_until__gte=Now())

    def waiting(self, hardware: str, most: int) -> int:
        """How many clips of a hardware class wait, counting no further than `most`."""
        mine = self.filter(hardware=hardware).order_by()
        return min(most, sum(mine.filter(each)[:most].count() for each in (Q(state=Clip.State.QUEUED), LEASE_RAN_OUT)))

    def retry(self) -> int:
        """Queue the failed and cancelled ones again, with as many attempts as new ones; returns how many."""
        return self.filter(state__in=(Clip.State.FAILED, Clip.State.CANCELLED)).update(
            state=Clip.State.QUEUED,
            attempt_limit=F("attempt") + attempts_allowed(),
            lease_until=None,
            reason="",
            finished_at=None,
        )

    def cancel(self, reason: str = "cancelled by an organizer") -> int:
        """None of them starts any more, and those that render stop at their next step (until then the lease tells that
        a worker has them in hand); returns how many."""
        return self.filter(state__in=(Clip.State.QUEUED, Clip.State.HELD, Clip.State.RENDERING)).update(
            state=Clip.State.CANCELLED, reason=reason, finished_at=Now()
        )

    def hold(self) -> int:
        """Start none of those that wait before they are released; what renders goes on. Returns how many."""
        return self.filter(state=Clip.State.QUEUED).update(state=Clip.State.HELD)

    def prioritise(self, priority: int) -> int:
        """Start those that are not ready yet before others of a lower priority; returns how many."""
        return self.exclude(state=Clip.State.READY).update(priority=priority)

    def release(self) -> int:
        return self.filter(state=Clip.State.HELD).update(state=Clip.State.QUEUED)


class Waiting(NamedTuple):
    """A clip that may be claimed, and its place in the queue."""

    pk: int
    attempt: int
    priority: int
    turn: int
    weights: str


class ClipManager(models.Manager["Clip"]):
    def claim_next(self, worker: str, hardware: Sequence[str] = ("cpu",), warm: Sequence[str] = ()) -> "Clip | None":
        """The next clip for a worker of these hardware classes, rendering under its lease; None when there is none.

        Clips whose worker died come first, then the highest priority, then the earliest turn: the clips of one prompt
        and seed share a turn, so that complete pairs appear early. A clip whose weights are loaded already (`warm`)
        is preferred as long as `_ahead` of the earliest waiting one allows. Each look is at the first row of an index,
        so a claim costs the same however many clips wait.
        """
        lease = timedelta(seconds=settings.RENDER_LEASE_SECONDS)
        while True:
            resting = Queue.resting()
            with transaction.atomic():
                found = _next([each for each in hardware if each not in resting], warm)
                if not found:
                    return None
                won = _CLAIM(clip=found.pk, attempt=found.attempt, worker=worker, lease=lease)
            if won:
                (clip,) = _CLAIMED(clip=found.pk)
                if clip.attempt <= clip.attempt_limit:
                    return clip
                clip.fail(gettext_noop("its worker died at every attempt to render this clip: see the worker's log"))


def _next(hardware: Sequence[str], warm: Sequence[str]) -> Waiting | None:
    for each in hardware:
        for abandoned in _ABANDONED(hardware=each):
            return Waiting(*abandoned)
    first = _earliest(_QUEUED(hardware=each) for each in hardware)
    if not first or not warm or first.weights in warm:
        return first
    near = {"priority": first.priority, "turn": first.turn + _ahead(first.turn)}
    return _earliest(_QUEUED_WARM(hardware=each, weights=key, **near) for each in hardware for key in warm) or first


def _ahead(turn: int) -> int:
    """How many turns later a clip may be to go before the earliest waiting one, since its weights are loaded: as many
    as are done of every contender and one, so that pairs are complete early also where prompts are few."""
    return min(settings.RENDER_AHEAD, turn + 1)


def _earliest(looks: Iterable[list[Any]]) -> Waiting | None:
    """The first clip of these queues, each of which is looked at through its index alone."""
    clips = (Waiting(*row) for rows in looks for row in rows)
    return min(clips, key=lambda clip: (-clip.priority, clip.turn, clip.pk), default=None)


class Clip(models.Model):
    """One generated video or image of a contender, prompt and seed."""

    class State(models.TextChoices):
        QUEUED = "queued"
        HELD = "held"
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
    hardware = models.CharField(max_length=30, default="cpu", help_text="The class of worker that may render it.")
    weights = models.CharField(max_length=64, blank=True, help_text="Names what must be loaded to render it.")
    priority = models.IntegerField(default=0, help_text="Higher ones are rendered first.")
    turn = models.PositiveIntegerField(
        default=0, help_text="Among clips of one priority; those of one prompt and seed share it."
    )
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

    objects = ClipManager.from_queryset(ClipQuerySet)()

    class Meta:
        constraints = [
            models.UniqueConstraint("contender", "prompt", "seed", name="one_clip_per_contender_prompt_seed")
        ]
        indexes = [
            models.Index("state", "lease_until", name="clip_claimable"),
            models.Index(fields=("state", "hardware", "-priority", "turn", "id"), name="clip_waiting"),
            models.Index(fields=("state", "hardware", "weights", "-priority", "turn", "id"), name="clip_waiting_warm"),
            models.Index("prompt", "seed", name="clip_prompt_seed"),
        ]

    def __str__(self) -> str:
        return f"{self.contender}: {self.prompt} (seed {self.seed})"

    @property
    def directory(self) -> Path:
        name = str(self.folder)
        return Path(settings.MEDIA_DIR) / name[:2] / name

    def _file(self, name: str) -> Path:
        """Of a stored clip: fetched here first where a bucket keeps it."""
        return present(self.directory / name) if self.pk else self.directory / name

    @property
    def master(self) -> Path:
        """Lossless, for metrics."""
        return self._file("master.png" if self.kind == self.Kind.IMAGE else "master.mkv")

    @property
    def rendition(self) -> Path:
        """What browsers get."""
        return self._file("clip.webp" if self.kind == self.Kind.IMAGE else "clip.mp4")

    @property
    def poster(self) -> Path:
        return self._file("poster.webp")

    @property
    def sheet(self) -> Path:
        """Frames evenly over the clip, side by side; videos have one."""
        return self._file("sheet.webp")

    def _while_mine(self) -> ClipQuerySet:
        """This row while the attempt that claimed it still holds it: late results of a lost lease change nothing."""
        return Clip.objects.filter(pk=self.pk, attempt=self.attempt, state=self.State.RENDERING)

    def renew_lease(self) -> bool:
        """False when the clip was cancelled or taken over; the worker then stops."""
        return bool(self._while_mine().update(lease_until=work_lease()))

    def stopping(self, until: Any) -> None:
        """Cancelled, it is in this worker's hand until then; None: it is out of it."""
        mine = Clip.objects.filter(pk=self.pk, attempt=self.attempt, state=self.State.CANCELLED)
        mine.update(lease_until=until)

    def finish(self, **stored: Any) -> bool:
        """Store the result; False when another attempt has taken over."""
        return self._end(state=self.State.READY, reason="", **stored)

    def fail(self, reason: str) -> None:
        self._end(state=self.State.FAILED, reason=reason)

    def _end(self, **columns: Any) -> bool:
        done = self._while_mine().update(lease_until=None, finished_at=Now(), **columns)
        if not done:
            self.stopping(None)
        self.refresh_from_db()
        return bool(done)


# What a claim asks is written once in a process: Django takes longer to write it than the database to answer.


def _queues() -> models.QuerySet[Queue]:
    """Every queue, and whether a window lies ahead of it while none is open."""
    now = Given("now", models.DateTimeField())
    windows = Window.objects.filter(queue=OuterRef("pk"), ends_at__gt=now)
    return Queue.objects.annotate(waits=Q(Exists(windows)) & ~Q(Exists(windows.filter(starts_at__lte=now))))


def _free(*which: Q, **more: Any) -> Any:
    """Clips of one hardware class to take, without joins and long columns: a look reads one row of an index and that
    row's place in the queue."""
    clips = Clip.objects.filter(*which, hardware=Given("hardware", models.CharField()), **more)
    if connection.features.has_select_for_update_skip_locked:
        # What another worker is just taking is passed over, not waited for.
        clips = clips.select_for_update(skip_locked=True)
    return clips.values_list(*Waiting._fields)


def _queued(**more: Any) -> Any:
    return _free(state=Clip.State.QUEUED, **more).order_by("-priority", "turn", "pk")[:1]


def _claim() -> tuple[models.QuerySet[Clip], dict[str, Any]]:
    number = models.PositiveIntegerField()
    clip = Clip.objects.claimable().filter(pk=Given("clip", models.BigIntegerField()), attempt=Given("attempt", number))
    return clip, {
        "state": Clip.State.RENDERING,
        "attempt": F("attempt") + 1,
        "worker": Given("worker", models.CharField()),
        "lease_until": Now() + Given("lease", models.DurationField()),
    }


_QUEUES = Prepared(_queues)
_ABANDONED = Prepared(lambda: _free(LEASE_RAN_OUT).order_by("lease_until")[:1])
_QUEUED = Prepared(_queued)
_QUEUED_WARM = Prepared(
    lambda: _queued(
        weights=Given("weights", models.CharField()),
        priority=Given("priority", models.IntegerField()),
        turn__lte=Given("turn", models.PositiveIntegerField()),
    )
)
_CLAIM = PreparedUpdate(_claim)
_CLAIMED = Prepared(
    lambda: Clip.objects.select_related("contender__recipe", "contender__checkpoint", "prompt").filter(
        pk=Given("clip", models.BigIntegerField())
    )
)
