"""The votes of a comparison as CSV."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from evalapp.assessing.exchange import export_votes
from evalapp.management.arguments import comparison_named, whole_file
from evalapp.people.audit import COMMAND_LINE
from evalapp.people.harvest import exported

ELSEWHERE = {
    ".jsonl": "visavis votes COMPARISON > FILE",
    ".parquet": "manage.py report COMPARISON --format parquet --table votes --output FILE",
}


class Command(BaseCommand):
    help = "Write the votes of COMPARISON (its name or code) as CSV, a row per vote; import_votes reads the same table."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("comparison", metavar="COMPARISON")
        parser.add_argument("--output", type=Path, metavar="FILE", help="default: standard output")
        parser.add_argument("--superseded", action="store_true", help="also answers that were corrected later")
        parser.add_argument("--controls", action="store_true", help="also answers to goldens, repeats, identical pairs")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["output"] and (how := ELSEWHERE.get(options["output"].suffix)):
            raise CommandError(f"this writes CSV; {options['output'].suffix} is written by: {how}")
        comparison = comparison_named(options["comparison"])
        table = options["superseded"], options["controls"], exported("votes", comparison, COMMAND_LINE)
        if not options["output"]:
            export_votes(comparison, sys.stdout, *table)
            return
        with whole_file(options["output"]) as file:
            written = export_votes(comparison, file, *table)
        self.stdout.write(f"{written} votes written to {options['output']}")
