"""Votes of simulated assessors, marked as such."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from evalapp.assessing.simulate import PREFERENCES, simulate_votes
from evalapp.management.arguments import comparison_named, finite, positive


class Command(BaseCommand):
    help = (
        "Let simulated assessors vote in COMPARISON (its name or code) by known preferences. Whatever shows their "
        "votes says that they are simulated."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("comparison", metavar="COMPARISON")
        parser.add_argument("--assessors", type=positive, default=6, help="how many (default: 6)")
        parser.add_argument(
            "--prefer",
            action="append",
            default=[],
            metavar="ASPECT=LOGODDS",
            help="log-odds for the contender listed first; 0 is no preference (repeatable)",
        )
        parser.add_argument("--seed", type=int, default=0, help="of all chance in it (default: 0)")

    def handle(self, *args: Any, **options: Any) -> None:
        comparison = comparison_named(options["comparison"])
        preferences = dict(PREFERENCES)
        known = set(comparison.aspects.values_list("key", flat=True))
        for given in options["prefer"]:
            aspect, _, value = given.partition("=")
            try:
                preferences[aspect] = finite(value)
            except ValueError as error:
                raise CommandError(f"--prefer {given}: write ASPECT=NUMBER, as in movement=1.2") from error
            if aspect not in known:
                raise CommandError(f"--prefer {given}: no such aspect; there are {', '.join(sorted(known))}")
        if not comparison.is_open:
            raise CommandError(f"{comparison.name} is {comparison.state}: votes are taken only while it is open")
        answered = simulate_votes(comparison, options["assessors"], preferences, options["seed"])
        self.stdout.write(f"{options['assessors']} simulated assessors answered {answered} pairs.")
