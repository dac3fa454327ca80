"""What a comparison will promise and cost, before anyone votes."""

from argparse import ArgumentParser
from math import comb
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from evalapp.management.arguments import comparison_named
from evalapp.reporting.pilots import NoPilot, pilot_of
from metrics import resolve

PLANNING = "metrics.preference.planning"


class Command(BaseCommand):
    help = (
        "Predict how wide the intervals of a comparison will be and what it costs in assessors' time; or, with "
        "--half-width or --power, how many prompts that takes and when more prompts cannot help. How much votes vary "
        "is assumed from published side-by-side votes on video, or measured in the votes of --pilot."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--prompts", type=int, default=100, help="(default: 100)")
        parser.add_argument("--seeds", type=int, default=1, help="of each prompt: as many pairs of clips (default: 1)")
        parser.add_argument("--overlap", type=int, default=3, help="assessors per pair (default: 3)")
        parser.add_argument("--assessors", type=int, default=10, help="in all (default: 10)")
        parser.add_argument("--contenders", type=int, default=2, help="every two of them meet (default: 2)")
        parser.add_argument("--seconds", type=float, default=45.0, help="per pair, all questions (default: 45)")
        parser.add_argument("--effect", type=float, default=0.1, help="a win rate this far from ½ is to be found (0.1)")
        parser.add_argument("--pilot", metavar="COMPARISON", help="take the variation from its votes")
        both = ("FIRST", "SECOND")
        parser.add_argument("--pairing", nargs=2, metavar=both, default=(), help="of the pilot (default: its first)")
        parser.add_argument("--aspect", help="of the pilot (default: its headline aspect)")
        wanted = parser.add_mutually_exclusive_group()
        wanted.add_argument("--half-width", type=float, help="of the 95 %% interval, as in 0.05")
        wanted.add_argument("--power", type=float, help="chance of finding the effect, as in 0.8")

    def handle(self, *args: Any, **options: Any) -> None:
        components = self._components(options)
        plan = {
            "votes_per_pair": options["overlap"],
            "assessors": options["assessors"],
            "effect": options["effect"],
            "seconds_per_vote": options["seconds"],
            "pairings": comb(options["contenders"], 2),
            "seeds": options["seeds"],
        }
        try:
            if options["half_width"] or options["power"]:
                wanted = {"half_width": options["half_width"], "power": options["power"]}
                need = resolve(f"{PLANNING}:prompts_needed")(components, **wanted, **plan)
                self.stdout.write(f"{need.in_words[0].upper()}{need.in_words[1:]}.")
                if not (promised := need.precision):
                    return
            else:
                promised = resolve(f"{PLANNING}:precision")(components, prompts=options["prompts"], **plan)
        except ValueError as error:
            raise CommandError(str(error)) from error
        seeds = f" with {promised.seeds} seeds each" if promised.seeds > 1 else ""
        found, wide = 100 * promised.power, 100 * promised.half_width
        self.stdout.write(
            f"{promised.prompts} prompts{seeds}, {promised.votes_per_pair} of {promised.assessors} assessors on each "
            f"pair: the 95 % interval for new prompts and new assessors will be about ± {wide:.1f} of 100 "
            f"(± {100 * promised.same_assessors_half_width:.1f} for these assessors). A contender that wins "
            f"{50 + 100 * promised.effect:.0f} of 100 is shown to be preferred with a chance of {found:.0f} in 100."
        )
        self.stdout.write(f"That is {promised.votes} answered pairs, {promised.hours:.1f} hours of assessors' time.")

    def _components(self, options: dict[str, Any]) -> Any:
        if not options["pilot"]:
            alike = " Seeds of one prompt are taken to come out alike." if options["seeds"] > 1 else ""
            self.stdout.write(f"How much votes vary is assumed; --pilot COMPARISON measures it.{alike}")
            return resolve(f"{PLANNING}:assumed")()
        try:
            pilot = pilot_of(comparison_named(options["pilot"]), options["pairing"], options["aspect"] or "")
        except NoPilot as refusal:
            raise CommandError(f"the pilot's votes do not tell how much they vary: {refusal}") from refusal
        parts = pilot.components
        told = f" ({'; '.join(pilot.cautions)})" if pilot.cautions else ""
        between = ", ".join(f"{name} {getattr(parts, name):.3f}" for name in ("prompt", "pair", "assessor", "rest"))
        of = f"{pilot.votes} votes on {pilot.aspect}, {' against '.join(pilot.pairing)}"
        self.stdout.write(f"Variances in {of}: {between}{told}.")
        if others := [" against ".join(each) for each in pilot.pairings if each != pilot.pairing]:
            more = f" and {len(others) - 3} more" if len(others) > 3 else ""
            self.stdout.write(f"The pilot has other pairings, for --pairing: {'; '.join(others[:3])}{more}.")
        return parts
