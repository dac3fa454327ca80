"""Whether what is stored keeps its promises: votes, places, files."""

from argparse import ArgumentParser
from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.progress import track

from evalapp.generation.models import Clip
from evalapp.reporting.promises import broken_promises, orphan_folders


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
        def watched(clips: Iterable[Clip], total: int) -> Iterable[Clip]:
            return track(clips, "Reading clips", total=total, transient=True)

        problems = list(broken_promises(not options["no_files"], watched))
        for problem in problems:
            self.stdout.write(problem)
        if not options["no_files"] and (orphans := orphan_folders()):
            self.stdout.write(f"{len(orphans)} folders belong to no clip: left by rendering that was interrupted.")
        if problems:
            raise CommandError(f"{len(problems)} promises are broken")
        self.stdout.write("Every promise holds.")
