"""Automatic measures of a comparison's clips, each clip's own and those of whole sets."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.progress import Progress

from evalapp.management.arguments import comparison_named
from evalapp.measuring.asked import REFUSALS, chosen
from evalapp.measuring.files import Unmeasurable, reference_named
from evalapp.measuring.results import results_of
from evalapp.measuring.runs import measure, waiting
from evalapp.measuring.sets import measure_sets
from metrics import METRICS, WITH_WEIGHTS
from metrics.sets import SETS


class Command(BaseCommand):
    help = (
        "Measure the clips of COMPARISON (its name or code) and print each contender's values. Each file is measured "
        "once: an interrupted run goes on where it stopped. With --reference also distances between each contender's "
        "clips and that set. Ends with 1 if a file cannot be read, naming it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("comparison", metavar="COMPARISON")
        known = f"of {', '.join(METRICS)}; with weights of {', '.join(WITH_WEIGHTS)}; of sets {', '.join(SETS)}"
        told = "all that need no weights by default, with --reference also those of sets"
        parser.add_argument("--metric", action="append", default=[], metavar="NAME", help=f"{known}; {told}")
        parser.add_argument("--reference", default="", metavar="SET", help="a contender's name or a folder of files")

    def handle(self, *args: Any, **options: Any) -> None:
        comparison = comparison_named(options["comparison"])
        problems: list[str] = []
        try:
            reference = reference_named(options["reference"], comparison) if options["reference"] else None
            clipwise, sets, absent = chosen(options["metric"], reference is not None)
        except REFUSALS as error:
            raise CommandError(str(error)) from error
        for reason in absent:
            self.stdout.write(f"left out: {reason}")
        stored = 0
        with Progress(transient=True) as progress:
            bar = progress.add_task("Measuring clips", total=len(waiting(comparison, clipwise)))
            try:
                stored += measure(comparison, clipwise, lambda: progress.advance(bar)) if clipwise else 0
            except Unmeasurable as error:
                stored += error.stored
                problems.append(str(error))
            steps = 0

            def ahead(more: int) -> None:
                nonlocal steps
                steps += more
                progress.update(bar, total=steps)

            bar = progress.add_task("Measuring sets", total=None)
            try:
                stored += measure_sets(comparison, sets, reference, lambda: progress.advance(bar), ahead) if sets else 0
            except Unmeasurable as error:
                stored += error.stored
                problems.append(str(error))
        self.stdout.write(f"{stored} new measurements")
        for result in results_of(comparison):
            if result["metric"] in [*clipwise, *sets]:
                for row in result["rows"]:
                    self.stdout.write(_line(result, row))
        if problems:
            raise CommandError("\n".join(problems))


def _line(result: dict[str, Any], row: dict[str, Any]) -> str:
    value = "no value" if row["value"] is None else f"{row['value']:.4g} {result['unit']}"
    interval = " [{:.4g}, {:.4g}]".format(*row["interval"]) if row["interval"] else ""
    missing = f", {row['missing']} without" if row["missing"] else ""
    name, rows = result["metric"], "clips"
    if result["kind"] == "set":
        name += f" against {result['reference']}" if result["reference"] else ""
        rows = f"rows of {row['clips']} clips"
        missing += f"; reference: {row['reference_rows']} rows" if row["reference_rows"] else ""
        interval += f", as published {row['plain']:.4g}" if None not in (row["plain"], row["value"]) else ""
        interval += f", {row['floor']:.4g} between equals" if row["floor"] is not None else ""
    reason = f": {row['reason']}" if row["value"] is None and row["reason"] else ""
    return f"{name}: {row['contender']} {value}{interval} ({row['count']} {rows}{missing}){reason}"
