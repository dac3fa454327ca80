"""Votes cast elsewhere in, a closed comparison out."""

import csv
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from evalapp.assessing.intake import VotesRefused, import_votes
from evalapp.comparisons.launch import InvalidPlan


class Command(BaseCommand):
    help = (
        "Import votes from a CSV file with a row per vote: prompt_id (or prompt), assessor, aspect, the two contenders "
        "(first and second, or left and right), left (who was on the left), choice (first, second, tie, left, right, "
        "same or a contender's name); seed, prompt, simulated and answered_at if known. Makes a closed comparison."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--name", help="of the comparison (default: the file's name)")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            with path.open(newline="", encoding="utf-8-sig") as file:
                comparison = import_votes(csv.DictReader(file), options["name"] or path.stem)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise CommandError(f"{path}: cannot be read as a CSV file in UTF-8 ({error})") from error
        except VotesRefused as refused:
            listed = "\n".join(f"  {problem}" for problem in refused.problems)
            raise CommandError(f"Nothing was stored: {len(refused.problems)} problems\n{listed}") from refused
        except InvalidPlan as error:
            raise CommandError(f"Nothing was stored: {error}; pass another --name") from error
        pairs, people = comparison.pairs.count(), comparison.participations.count()
        self.stdout.write(f"{comparison.name!r}: votes of {people} assessors on {pairs} pairs.")
