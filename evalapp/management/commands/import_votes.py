"""Votes cast elsewhere in, a closed comparison out."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from evalapp.assessing.intake import ImportedAlready, VotesRefused
from evalapp.assessing.votes_files import import_table
from evalapp.comparisons.launch import InvalidPlan
from evalapp.generation import layouts
from evalapp.management.arguments import add_project, in_project


class Command(BaseCommand):
    help = (
        "Import votes from a CSV file with a row per vote: prompt_id (or prompt), assessor, aspect, the two contenders "
        "(first and second, or left and right), choice (first, second, tie, left, right, same or a contender's name); "
        "left (who was on the left), seed, prompt, simulated and answered_at if known. Makes a closed comparison. With "
        "--ratings a row is a rating: assessor, prompt_id, contender (or system), aspect, rating; where an assessor "
        "rated two contenders on the same prompt, the higher rating wins and equal ones tie."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--name", help="of the comparison (default: the file's name)")
        parser.add_argument("--ratings", action="store_true", help="rows are absolute ratings")
        parser.add_argument(
            "--prompts",
            type=Path,
            metavar="FILE",
            help="prompts.jsonl with texts and tags; clips that import_clips stored for the same list are shown",
        )
        parser.add_argument(
            "--again",
            action="store_true",
            help="although these very votes were imported before: the league counts both",
        )
        add_project(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with in_project(options):
            self.work(options)

    def work(self, options: dict[str, Any]) -> None:
        path: Path = options["file"]
        listed = layouts.Layout()
        if options["prompts"]:
            layouts.read_prompts(options["prompts"], listed)
        if listed.problems:
            raise _refused(VotesRefused(listed.problems))
        try:
            comparison = import_table(
                path.read_bytes(),
                options["name"] or path.stem,
                list(listed.prompts.values()),
                options["prompts"].stem if options["prompts"] else "",
                options["ratings"],
                again=options["again"],
            )
        except OSError as error:
            raise CommandError(f"{path}: cannot be read ({error.strerror})") from error
        except VotesRefused as refused:
            raise _refused(refused) from refused
        except ImportedAlready as error:
            raise CommandError(
                f"Nothing was stored: {error}; pass --again and another --name to import them"
            ) from error
        except InvalidPlan as error:
            raise CommandError(f"Nothing was stored: {error}; pass another --name") from error
        pairs, people = comparison.pairs.count(), comparison.participations.count()
        told = f"votes of {people} assessor{'s' * (people != 1)} on {pairs} pair{'s' * (pairs != 1)}"
        self.stdout.write(f"{comparison.name!r}: {told}.")


def _refused(refused: VotesRefused) -> CommandError:
    listed = "\n".join(f"  {problem}" for problem in refused.listed)
    return CommandError(f"Nothing was stored: {len(refused.problems)} problems\n{listed}")
