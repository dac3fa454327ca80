"""What is stored of one assessor: a copy for them, or its erasure."""

import json
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from evalapp.assessing.withdrawal import data_of, erase
from evalapp.people.models import Assessor


class Command(BaseCommand):
    help = (
        "Print everything stored of an assessor as JSON; with --erase, delete all that tells who they are. Their votes "
        "stay, without a name, and no statistic changes."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("code", type=UUID, help="the assessor's code, as exports and their page have it")
        parser.add_argument("--erase", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        assessor = Assessor.objects.filter(code=options["code"], erased_at=None).first()
        if assessor is None:
            raise CommandError(f"there is no assessor {options['code']}, or they were erased before")
        if not options["erase"]:
            self.stdout.write(json.dumps(data_of(assessor), ensure_ascii=False, indent=2))
            return
        erase(assessor)
        self.stdout.write("Erased: nothing stored tells any more who they were. Their votes stay.")
