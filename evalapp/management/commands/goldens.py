"""Goldens: pairs whose right answer is known, made from a comparison's own clips."""

import csv
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from evalapp.assessing.controls import Golden
from evalapp.assessing.goldens import GoldensRefused, known_goldens, make_goldens, sheet
from evalapp.management.arguments import comparison_named, positive


class Command(BaseCommand):
    help = (
        "Make goldens for COMPARISON (its name or code): one clip damaged in exactly one aspect beside the intact one, "
        "or, with --known, pairs whose right answers you know. They are mixed into the work at the comparison's golden "
        "share, or are shown before it as training (explained) or qualification (counted against the pass mark)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("comparison", metavar="COMPARISON")
        parser.add_argument("--per-aspect", type=positive, default=4, help="how many for each aspect (default: 4)")
        parser.add_argument("--aspect", action="append", default=[], help="only this one (repeatable; default: all)")
        parser.add_argument("--use", choices=Golden.Use.values, default="work", help="default: work")
        parser.add_argument("--known", type=Path, metavar="CSV", help="prompt_id, first, second, aspect, choice, …")
        parser.add_argument("--seed", type=int, default=0, help="of all chance in it (default: 0)")
        parser.add_argument("--sheets", type=Path, metavar="FOLDER", help="write a picture of each, to look at")
        parser.add_argument("--withdraw", action="store_true", help="hand the present ones of this use out no more")

    def handle(self, *args: Any, **options: Any) -> None:
        comparison, use = comparison_named(options["comparison"]), options["use"]
        if options["withdraw"]:
            gone = comparison.goldens.filter(use=use, withdrawn=False).update(withdrawn=True)
            self.stdout.write(f"{gone} goldens are handed out no more; what was answered stays.")
            return
        try:
            if options["known"]:
                with options["known"].open(newline="", encoding="utf-8-sig") as file:
                    made = known_goldens(comparison, csv.DictReader(file), use)
            else:
                made = make_goldens(comparison, options["per_aspect"], use, options["seed"], options["aspect"])
        except (GoldensRefused, OSError) as refusal:
            raise CommandError(str(refusal)) from refusal
        for number, golden in enumerate(made, 1):
            self.stdout.write(f"{number:3}  {golden}  ({golden.prompt})")
            if options["sheets"]:
                options["sheets"].mkdir(parents=True, exist_ok=True)
                aspect = "-".join(golden.answers)
                name = f"{number:03}-{aspect}-{golden.damage or 'known'}.webp"
                (options["sheets"] / name).write_bytes(sheet(golden))
        self.stdout.write(f"{len(made)} goldens are ready for {use}.")
        if use == Golden.Use.WORK and not comparison.golden_share:
            self.stdout.write("The comparison's golden share is 0: set it, or nobody meets them (0.1 is one in ten).")
