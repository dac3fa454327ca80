"""Whether what is stored keeps its promises: votes, places, files."""

import hashlib
from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db.models import Count, F, Q
from rich.progress import track

from evalapp.assessing.controls import Golden
from evalapp.assessing.exclusions import BY_RULE, Exclusion
from evalapp.assessing.models import Assignment, Ballot
from evalapp.catalog.models import Prompt, picture_path
from evalapp.comparisons.models import Comparison, Pair
from evalapp.generation.models import Clip
from evalapp.generation.store import opened
from evalapp.people import audit

MASTER_AND_RENDITION = {"video": ("master.mkv", "clip.mp4"), "image": ("master.png", "clip.webp")}
TAKEN = Q(assignments__state__in=(Assignment.State.HELD, Assignment.State.SUBMITTED))


class Command(BaseCommand):
    help = (
        "Check that every acknowledged answer is stored once and whole, that no pair has more assessors than its "
        "overlap, that every clip's files are those that were stored, "
        "and that the audit trail is whole. Changes nothing; ends with 1 if a promise is "
        "broken."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-files", action="store_true", help="leave the files of clips out")

    def handle(self, *args: Any, **options: Any) -> None:
        problems = [*answers(), *exclusions(), *places(), *audit.broken_links()]
        if not options["no_files"]:
            problems += files()
        for problem in problems:
            self.stdout.write(problem)
        if not options["no_files"] and (orphans := orphan_folders()):
            self.stdout.write(f"{len(orphans)} folders belong to no clip: left by rendering that was interrupted.")
        if problems:
            raise CommandError(f"{len(problems)} promises are broken")
        self.stdout.write("Every promise holds.")


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
        cast = mine.annotate(answered=Count("votes")).exclude(viewing__imported=True)
        for ballot in cast.exclude(answered=comparison.asked):
            yield f"{ballot}: {ballot.answered} votes of {comparison.asked} aspects"


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


def files() -> Iterator[str]:
    """Every clip's master and rendition where they are kept for good, and the images of prompts."""
    ready = Clip.objects.filter(state=Clip.State.READY).select_related("contender", "prompt")
    for clip in track(ready.iterator(500), "Reading clips", total=ready.count(), transient=True):
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
