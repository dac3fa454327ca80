"""Everything in one file."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from evalapp.management.archive import NotRestored, back_up
from evalapp.people import audit


class Command(BaseCommand):
    help = (
        "Write the database, the media and the secret key into one tar FILE, readable by you alone. Work may go on "
        "meanwhile: the backup holds one moment."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")

    def handle(self, *args: Any, **options: Any) -> None:
        target: Path = options["file"].resolve()
        if target.exists():
            raise CommandError(f"{target} exists already: choose another name")
        audit.record("backed up", "everything")
        try:
            manifest = back_up(target)
        except NotRestored as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{manifest['comparisons']} comparisons and {manifest['clips']} clips are in {target}.")
