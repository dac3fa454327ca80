"""Values of measures reckoned elsewhere in, beside those measured here."""

import csv
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from evalapp.management.arguments import comparison_named
from evalapp.measuring.imported import ValuesRefused, import_values
from evalapp.measuring.results import results_of


class Command(BaseCommand):
    help = (
        "Import values of measures from a CSV file with a row per contender and metric: contender (or system), metric, "
        "value, better (lower or higher), clips (how many are behind it); reference, unit and protocol if known. "
        "Several rows of one contender and metric are runs. The report shows them as imported and holds them against "
        "people; importing a metric again replaces it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("comparison", metavar="COMPARISON")
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--source", help="where the values come from, shown beside them (default: the file's name)")

    def handle(self, *args: Any, **options: Any) -> None:
        comparison, path = comparison_named(options["comparison"]), options["file"]
        try:
            with path.open(newline="", encoding="utf-8-sig") as file:
                count = import_values(comparison, csv.DictReader(file), options["source"] or path.name)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise CommandError(f"{path}: cannot be read as a CSV file in UTF-8 ({error})") from error
        except ValuesRefused as refused:
            listed = "\n".join(f"  {problem}" for problem in refused.problems)
            raise CommandError(f"Nothing was stored: {len(refused.problems)} problems\n{listed}") from refused
        self.stdout.write(f"{count} values imported")
        for result in results_of(comparison):
            if result["metric"].startswith("imported "):
                for row in result["following"]:
                    self.stdout.write(f"{result['title']} against people on {row['aspect']}: {_said(row)}")


def _said(row: dict[str, Any]) -> str:
    if row["tau"] is None:
        return f"no order of {row['contenders']} contenders to compare"
    chance = (
        "" if row["order_p_value"] is None else f", {100 * row['order_p_value']:.0f} of 100 orders do as well by chance"
    )
    return f"τ {row['tau']:.2f}, ρ {row['rho']:.2f} over {row['contenders']} contenders{chance}"
