"""Finished clips in, a comparison to vote on out."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.progress import Progress

from evalapp.assessing.invitations import new_link
from evalapp.comparisons.launch import InvalidPlan, create, launch
from evalapp.comparisons.models import Comparison
from evalapp.generation import layouts
from evalapp.generation.imports import Imported, ImportRefused, import_clips
from evalapp.management.arguments import add_project, in_project
from evalapp.people.projects import first_project


class Command(BaseCommand):
    help = (
        "Import finished clips (mp4, mov, webm, mkv, gif, png, jpg, webp) and open a comparison of them. SOURCE is a "
        "folder with a folder per contender, whose files are named <prompt id>.mp4 (prompts.jsonl beside them) or, as "
        "VBench samples, <prompt>-<index>.mp4; or a manifest (.csv or .jsonl) with the columns contender, file, "
        "prompt_id or prompt, and seed. Benchmarks' samples come in as they lie: VBench by dimension, T2V-CompBench "
        "and EvalCrafter with their own lists of prompts as --prompts (a folder of .txt files, prompt700.txt). A "
        "prompt's line may name its reference image. Everything wrong is listed by name before anything is stored."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("source", type=Path, metavar="SOURCE")
        parser.add_argument(
            "--prompts", type=Path, metavar="FILE", help="prompts.jsonl, a .txt list, or a folder of these"
        )
        parser.add_argument("--name", help="of the comparison (default: the folder's or manifest's name)")
        parser.add_argument("--overlap", type=int, default=3, help="assessors per pair (default: 3)")
        parser.add_argument("--seats", type=int, default=50, help="places of the invitation link (default: 50)")
        parser.add_argument("--allow-missing", action="store_true", help="keep the complete pairs only")
        parser.add_argument("--no-comparison", action="store_true", help="store the clips only")
        add_project(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with in_project(options):
            self.work(options)

    def work(self, options: dict[str, Any]) -> None:
        source: Path = options["source"].resolve()
        name = options["name"] or source.stem
        if not options["no_comparison"] and Comparison.objects.filter(name=name, project=first_project()).exists():
            raise CommandError(f"there is a comparison named {name!r} already: pass another --name")
        imported = self._import(source, options)
        self.stdout.write(
            f"{imported.new} clips imported, {imported.known} known already: {len(imported.contenders)} contenders, "
            f"{imported.prompt_set.prompts.count()} prompts."
        )
        if not options["no_comparison"]:
            self._open(name, imported, options)

    def _import(self, source: Path, options: dict[str, Any]) -> Imported:
        layout = layouts.read(source, options["prompts"])
        try:
            with Progress(transient=True) as bar:
                task = bar.add_task("Reading clips", total=None)
                return import_clips(
                    layout,
                    (options["prompts"] or source).stem,
                    allow_missing=options["allow_missing"],
                    progress=lambda done, total: bar.update(task, completed=done, total=total),
                )
        except ImportRefused as refused:
            listed = "\n".join(f"  {problem}" for problem in refused.problems)
            raise CommandError(f"Nothing was stored: {len(refused.problems)} problems\n{listed}") from refused

    def _open(self, name: str, imported: Imported, options: dict[str, Any]) -> None:
        try:
            comparison = create(
                name, imported.prompt_set, imported.contenders, seeds=imported.seeds, overlap=options["overlap"]
            )
        except InvalidPlan as error:
            raise CommandError(f"the clips are stored, but no comparison was made: {error}") from error
        launch(comparison)
        left_out = comparison.open(leave_out_missing=options["allow_missing"])
        invitation = new_link(comparison, label="import", seats=options["seats"])
        pairs = comparison.pairs.filter(left_out=False).count()
        self.stdout.write(f"{name!r} is open: {pairs} pairs, {left_out} left out for a missing clip.")
        self.stdout.write(f"Up to {invitation.seats} assessors vote at {invitation.link}")
