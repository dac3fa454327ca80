"""The report of a comparison, as a file."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from evalapp.management.arguments import comparison_named
from evalapp.reporting.build import build
from evalapp.reporting.exports import FORMATS


class Command(BaseCommand):
    help = "Write the report of COMPARISON (its name or code): win rates with intervals, per pairing and aspect."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("comparison", metavar="COMPARISON")
        parser.add_argument("--format", choices=sorted(FORMATS), default="json", help="default: json")
        parser.add_argument("--output", type=Path, metavar="FILE", help="default: standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        text = FORMATS[options["format"]](build(comparison_named(options["comparison"])))
        if options["output"]:
            options["output"].write_text(text, encoding="utf-8", newline="")
        else:
            self.stdout.write(text, ending="")
