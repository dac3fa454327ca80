"""A link for assessors."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from evalapp.assessing.invitations import new_link
from evalapp.management.arguments import comparison_named, positive


class Command(BaseCommand):
    help = "Make an invitation link into COMPARISON (its name or code). One seat is one assessor, who can come back."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("comparison", metavar="COMPARISON")
        parser.add_argument("--seats", type=positive, default=1, help="how many assessors it lets in (default: 1)")
        parser.add_argument("--label", default="", help="for your own list of invitations")

    def handle(self, *args: Any, **options: Any) -> None:
        comparison = comparison_named(options["comparison"])
        invitation = new_link(comparison, seats=options["seats"], label=options["label"])
        self.stdout.write(invitation.link)
        whom = "one assessor; --seats lets in more" if invitation.seats == 1 else f"{invitation.seats} assessors"
        self.stderr.write(f"For {whom}.")
