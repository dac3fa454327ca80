"""A contender from a recipe file and a checkpoint."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from evalapp.catalog.registration import Refused, register, set_training
from evalapp.management.arguments import add_project, in_project
from generators import GeneratorError
from generators.recipe import schema


class Command(BaseCommand):
    help = (
        "Register a contender: a recipe ({generator, settings}, JSON or YAML) and the checkpoint that it samples from. "
        "Files are hashed, safetensors alone are taken, and the generator tries the recipe before anything is stored."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", nargs="?", help="of the contender; assessors never see it")
        parser.add_argument("--recipe", type=Path, metavar="FILE", help="a .json or .yaml file")
        parser.add_argument(
            "--checkpoint", type=Path, metavar="PATH", help="folder or .safetensors file of its weights"
        )
        parser.add_argument("--hardware", default="cpu", help="class of worker that it needs, as in gpu.24gb (cpu)")
        parser.add_argument("--training", metavar="RUN", help="the training run that saved its checkpoint")
        parser.add_argument("--step", type=int, help="steps of that run; without --recipe both are set on a known one")
        parser.add_argument("--no-trial", action="store_true", help="do not try the recipe on this machine")
        parser.add_argument("--schema", metavar="GENERATOR", help="print the JSON schema of its settings, nothing else")
        add_project(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with in_project(options):
            self.work(options)

    def work(self, options: dict[str, Any]) -> None:
        if options["schema"]:
            try:
                self.stdout.write(json.dumps(schema(options["schema"]), indent=2))
            except GeneratorError as error:
                raise CommandError(str(error)) from error
            return
        placed = options["training"] is not None
        if placed != (options["step"] is not None):
            raise CommandError("give --training RUN and --step N together")
        if not options["name"] or not (options["recipe"] or placed):
            raise CommandError("give a name and --recipe FILE; or --schema GENERATOR")
        if not options["recipe"]:
            self._place(options)
            return
        try:
            contender = register(
                options["name"],
                options["recipe"],
                options["checkpoint"],
                options["hardware"],
                trial=not options["no_trial"],
            )
        except Refused as refusal:
            raise CommandError(str(refusal)) from refusal
        recipe, checkpoint = contender.recipe, contender.checkpoint
        self.stdout.write(f"Contender {contender.name!r}: {recipe.generator} on {contender.hardware} workers.")
        self.stdout.write(f"  recipe     {recipe.identity}")
        if checkpoint.sha256:
            files = len(checkpoint.manifest)
            self.stdout.write(f"  checkpoint {checkpoint.sha256} ({checkpoint.name}, {files} files)")
        for key, value in contender.trial.items():
            self.stdout.write(f"  {key}: {json.dumps(value, ensure_ascii=False)}")
        if placed:
            self._place(options)

    def _place(self, options: dict[str, Any]) -> None:
        try:
            checkpoint = set_training(options["name"], options["training"], options["step"])
        except Refused as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(f"  {checkpoint.name}: step {checkpoint.step} of {checkpoint.training}")
