"""A backup back in place."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from evalapp.management.archive import NotRestored, restore


class Command(BaseCommand):
    help = (
        "Put the backup FILE in place of what is here, then verify it. Stop web server and workers first. Refuses to "
        "lose comparisons unless told to --replace them."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--replace", action="store_true", help="lose what is here")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            manifest = restore(options["file"], options["replace"])
        except NotRestored as refused:
            raise CommandError(str(refused)) from refused
        self.stdout.write(f"{manifest['comparisons']} comparisons and {manifest['clips']} clips are back.")
        call_command("verify", stdout=self.stdout)
