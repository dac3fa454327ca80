"""Does a stored clip come out the same again?"""

import uuid
from argparse import ArgumentParser
from contextlib import suppress
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from evalapp.generation.models import Clip
from evalapp.generation.rerendering import rerender
from generators import GeneratorError


class Command(BaseCommand):
    help = "Render a stored clip again and say whether it is bit-equal, or how far off (PSNR). Nothing is changed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("clip", help="its number, or the random code in its address")

    def handle(self, *args: Any, **options: Any) -> None:
        told, clip = options["clip"], None
        with suppress(ValueError):
            key = {"pk": int(told)} if told.isdigit() else {"folder": uuid.UUID(told)}
            clip = Clip.objects.select_related("contender__recipe", "prompt").filter(**key).first()
        if clip is None:
            raise CommandError(f"there is no clip {told!r}: give its number or the code in its address")
        try:
            found = rerender(clip)
        except (ValueError, OSError, GeneratorError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{clip}: {found.in_words}.")
        for name, (then, now) in found.changed.items():
            self.stdout.write(f"  {name}: {then} then, {now} now")
