"""Automatic measures of a comparison's clips."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.progress import Progress

from evalapp.management.arguments import comparison_named
from evalapp.measuring.results import results_of
from evalapp.measuring.runs import UnknownMetric, Unmeasurable, measure, names_of, waiting
from metrics import METRICS


class Command(BaseCommand):
    help = (
        "Measure the clips of COMPARISON (its name or code) and print each contender's mean. Each file is measured "
        "once: an interrupted run goes on where it stopped. Ends with 1 if a clip cannot be read, naming it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("comparison", metavar="COMPARISON")
        parser.add_argument("--metric", action="append", default=[], metavar="NAME", help=f"of {', '.join(METRICS)}")

    def handle(self, *args: Any, **options: Any) -> None:
        comparison = comparison_named(options["comparison"])
        problem = None
        try:
            names = names_of(options["metric"])
            with Progress(transient=True) as progress:
                bar = progress.add_task("Measuring clips", total=len(waiting(comparison, names)))
                stored = measure(comparison, names, lambda: progress.advance(bar))
            self.stdout.write(f"{stored} new measurements")
        except UnknownMetric as error:
            raise CommandError(str(error)) from error
        except Unmeasurable as error:
            problem = error
        for result in results_of(comparison):
            if result["metric"] in names:
                for row in result["rows"]:
                    self.stdout.write(_line(result, row))
        if problem:
            raise CommandError(str(problem))


def _line(result: dict[str, Any], row: dict[str, Any]) -> str:
    value = "no value" if row["value"] is None else f"{row['value']:.4g} {result['unit']}"
    interval = " [{:.4g}, {:.4g}]".format(*row["interval"]) if row["interval"] else ""
    missing = f", {row['missing']} without" if row["missing"] else ""
    return f"{result['metric']}: {row['contender']} {value}{interval} ({row['count']} clips{missing})"
