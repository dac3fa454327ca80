"""Whether what is stored keeps its promises: votes, controls, places, files, the audit trail. A worker looks every
night, and what it found is kept."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from itertools import groupby
from pathlib import Path

from django.conf import settings
from django.db import models
from django.db.models import Count, F, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import ngettext

from evalapp.assessing.choices import on_screen, turned_back
from evalapp.assessing.controls import Control, ControlAnswer, Golden
from evalapp.assessing.exclusions import BY_RULE, Exclusion
from evalapp.assessing.models import Assignment, Ballot, Vote, fingerprint_of
from evalapp.catalog.models import Prompt, picture_path
from evalapp.catalog.store import opened
from evalapp.comparisons.models import Comparison, Pair
from evalapp.generation.models import Clip
from evalapp.people import audit
from evalapp.reporting import seals

NIGHT_FROM = 3  # o'clock, in the house's time zone; whoever sleeps then is looked at later in the day
GIVEN_UP = timedelta(hours=6)
KEPT_SENTENCES = 100
Watched = Callable[[Iterable[Clip], int], Iterable[Clip]]
MASTER_AND_RENDITION = {"video": ("master.mkv", "clip.mp4"), "image": ("master.png", "clip.webp")}
TAKEN = Q(assignments__state__in=(Assignment.State.HELD, Assignment.State.SUBMITTED))


class NightsQuerySet(models.QuerySet["Verification"]):
    def begin(self) -> "Verification | None":
        """Tonight's, for this worker alone; None before its hour and where it was done, or another is at it."""
        now = timezone.localtime()
        if now.hour < NIGHT_FROM:
            return None
        mine, new = self.get_or_create(night=now.date())
        interrupted = self.filter(pk=mine.pk, finished_at=None, began_at__lt=Now() - GIVEN_UP)
        return mine if new or interrupted.update(began_at=Now()) else None


class Verification(models.Model):
    """What one night's look found."""

    night = models.DateField(unique=True)
    began_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    broken = models.PositiveIntegerField(default=0, help_text="Promises that do not hold.")
    sentences = models.JSONField(default=list, help_text=f"Of them, the first {KEPT_SENTENCES}.")

    objects = NightsQuerySet.as_manager()

    class Meta:
        ordering = ("-night",)
        get_latest_by = "night"

    def __str__(self) -> str:
        return f"night of {self.night}: {self.broken} broken" if self.finished_at else f"night of {self.night}"

    @classmethod
    def alerts(cls) -> list[str]:
        """What an organizer should hear of the last night that was looked at; nothing where all was well."""
        last = cls.objects.exclude(finished_at=None).values_list("night", "broken").first()
        if last is None or not last[1]:
            return []
        told = ngettext(
            "The check of %(night)s found %(n)d broken promise: an administrator sees it under Verifications.",
            "The check of %(night)s found %(n)d broken promises: an administrator sees them under Verifications.",
            last[1],
        )
        return [told % {"night": date_format(last[0]), "n": last[1]}]

    def look(self) -> None:
        """Everything, media included; keep what was found, and seal what came."""
        found = list(broken_promises())
        seals.seal()
        self.broken, self.sentences, self.finished_at = len(found), found[:KEPT_SENTENCES], timezone.now()
        self.save()


def broken_promises(with_files: bool = True, watched: Watched = lambda clips, total: clips) -> Iterator[str]:
    """A sentence for each promise that does not hold."""
    yield from answers()
    yield from controls()
    yield from seals.broken()
    yield from exclusions()
    yield from places()
    yield from audit.broken_links()
    if with_files:
        yield from files(watched)


def answers() -> Iterator[str]:
    """Each submitted assignment has its ballots, numbered from one, each with a vote for every aspect."""
    submitted = Assignment.objects.filter(state=Assignment.State.SUBMITTED)
    counted = submitted.annotate(stored=Count("ballots")).exclude(stored=F("version"))
    for code, stored, acknowledged in counted.values_list("code", "stored", "version"):
        yield f"assignment {code}: {stored} ballots stored, {acknowledged} acknowledged"
    for assignment in Assignment.objects.exclude(state=Assignment.State.SUBMITTED).filter(ballots__isnull=False):
        yield f"assignment {assignment.code}: has a ballot, yet counts as {assignment.state}"
    for comparison in Comparison.objects.annotate(asked=Count("aspects")):
        mine = Ballot.objects.filter(assignment__pair__comparison=comparison)
        # Not exclude(viewing__imported=True): where the key lacks, that is neither true nor false, and nothing is left.
        cast = mine.exclude(viewing__has_key="imported").annotate(answered=Count("votes"))
        for ballot in cast.exclude(answered=comparison.asked):
            yield f"{ballot}: {ballot.answered} votes of {comparison.asked} aspects"
    yield from altered()


def altered() -> Iterator[str]:
    """The votes of each ballot are those that were sent, by its fingerprint; imported ones stood on no screen."""
    cast = Vote.objects.exclude(ballot__viewing__has_key="imported").order_by("ballot_id", "aspect__key")
    rows = cast.values_list(
        *("ballot_id", "ballot__version", "ballot__fingerprint", "ballot__assignment__swapped"),
        *("aspect__key", "choice", "both_bad", "strength"),
    )
    for (ballot, version, fingerprint, swapped), votes in groupby(rows.iterator(2000), key=lambda row: row[:4]):
        sheet = ((row[4], on_screen(row[5], swapped, *row[6:])) for row in votes)
        if fingerprint_of(sheet) != fingerprint:
            yield f"{Ballot(pk=ballot, version=version)}: its votes are not those that were sent"


def controls() -> Iterator[str]:
    """Each answered control has its answers, and each answer says what was sent, by its fingerprint."""
    counted = Control.objects.annotate(stored=Count("answers"))
    answered, empty = Q(state=Control.State.SUBMITTED, version__gt=0), Q(version=0) & ~Q(state=Control.State.SUBMITTED)
    wrong = counted.exclude(Q(answered | empty, stored=F("version")))
    for code, stored, counts, state in wrong.values_list("code", "stored", "version", "state"):
        yield f"control {code}: {stored} answers stored, {counts} counted, {state}"
    rows = ControlAnswer.objects.order_by("pk").values_list(
        *("pk", "version", "fingerprint", "choices", "screen", "control__swapped")
    )
    for pk, version, fingerprint, choices, screen, swapped in rows.iterator(2000):
        shown = screen or choices  # before "both bad" was asked, what stood on the screen was not kept
        turned = {key: turned_back(choice, swapped) for key, choice in screen.items()} or choices
        if fingerprint_of(shown.items()) != fingerprint or turned != choices:
            yield f"{ControlAnswer(pk=pk, version=version)}, to a control: is not what was sent"


def exclusions() -> Iterator[str]:
    """What a rule excluded names the rule; nothing was lifted before it began; those excluded keep their votes."""
    for each in Exclusion.objects.filter(Q(by=BY_RULE, rule="") | Q(lifted_at__lt=F("at") - timedelta(minutes=1))):
        yield f"exclusion {each.pk} ({each}): names no rule, or was lifted before it began"


def places() -> Iterator[str]:
    """A pair's count of taken places is that of its assignments, and within its overlap."""
    counted = Pair.objects.annotate(
        held=Count("assignments", filter=TAKEN),
        turned=Count("assignments", filter=TAKEN & Q(assignments__swapped=True)),
    )
    wrong = counted.exclude(held=F("taken"), turned=F("taken_swapped")) | counted.filter(held__gt=F("overlap"))
    for pair in wrong.select_related("comparison"):
        yield (
            f"pair {pair.pk} of {pair.comparison}: {pair.held} places are taken ({pair.turned} with sides turned), "
            f"{pair.taken} ({pair.taken_swapped}) are counted, of {pair.overlap}"
        )


def files(watched: Watched = lambda clips, total: clips) -> Iterator[str]:
    """Every clip's master and rendition where they are kept for good, and the images of prompts."""
    ready = Clip.objects.filter(state=Clip.State.READY).select_related("contender", "prompt")
    for clip in watched(ready.iterator(500), ready.count()):
        names = MASTER_AND_RENDITION[clip.kind]
        for name, stored in zip(names, (clip.sha256, clip.rendition_sha256), strict=True):
            with opened(clip.directory / name) as file:
                found = hashlib.file_digest(file, "sha256").hexdigest() if file else None  # type: ignore[arg-type]
            if found is None:
                yield f"clip {clip.pk} ({clip}): {name} is gone from {_home(clip.directory)}"
            elif found != stored:
                yield f"clip {clip.pk} ({clip}): {name} is not the file that was stored"
    for image in Prompt.objects.exclude(image="").order_by().values_list("image", flat=True).distinct():
        with opened(picture_path(image)) as file:
            if file is None:
                yield f"image {image} of a prompt is gone from {_home(picture_path(image).parent)}"


def _home(folder: Path) -> str:
    return f"bucket {settings.MEDIA_BUCKET}" if settings.MEDIA_BUCKET else str(folder)


def orphan_folders() -> list[Path]:
    known = {str(folder) for table in (Clip, Golden) for folder in table.objects.values_list("folder", flat=True)}
    media = Path(settings.MEDIA_DIR)
    return [folder for folder in media.glob("??/*") if folder.name not in known] if media.is_dir() else []
