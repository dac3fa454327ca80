"""The team's own judge, trained on votes."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.progress import Progress

from evalapp.management.arguments import comparison_named, positive
from evalapp.measuring.own_judge import REFUSALS, learn


class Command(BaseCommand):
    help = (
        "Train the team's own judge on the votes of COMPARISON… and print how it does on prompts and contenders that "
        "it has not seen, beside a scikit-learn baseline. Votes of excluded assessors are left out; with fewer than "
        "150 votes on an aspect there is no head for it. Ask it with `judge COMPARISON --with own`."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("comparisons", metavar="COMPARISON", nargs="+")
        parser.add_argument("--name", default="own", help="lower-case letters, digits and hyphens; own by default")
        parser.add_argument(
            "--features", action="append", default=[], metavar="EXTRACTOR",
            help="besides signal measures: clip, siglip, dinov2, videomae …, and clip_product (CLIP's pictures times "
            "its text) and clip_score, by which the judge reads the prompt, where their weights are here",
        )  # fmt: skip
        parser.add_argument("--folds", type=positive, default=5)
        parser.add_argument("--hidden", type=int, default=0, metavar="WIDTH", help="of a hidden layer; 0: none")
        parser.add_argument("--mesa", type=float, default=0.0, metavar="WEIGHT", help="of that regularisation; 0: none")
        parser.add_argument("--seed", type=int, default=0)

    def handle(self, *args: Any, **options: Any) -> None:
        comparisons = [comparison_named(name) for name in dict.fromkeys(options["comparisons"])]
        how = {name: options[name] for name in ("folds", "hidden", "mesa", "seed")}
        try:
            with Progress(transient=True) as progress:
                bar = progress.add_task("Measuring clips", total=None)
                learned = learn(comparisons, options["name"], options["features"], how, lambda: progress.advance(bar))
            place = learned.save()
        except (*REFUSALS, ValueError) as error:
            raise CommandError(str(error)) from error
        self._tell(learned.card)
        self.stdout.write(f"stored in {place}; card: {place / 'judge.json'}")

    def _tell(self, card: dict[str, Any]) -> None:
        simulated = card["simulated_votes"]
        self.stdout.write(
            f"{card['votes']} votes{f', {simulated} of them SIMULATED' if simulated else ''}, {card['pairs']} pairs, "
            f"{card['prompts']} prompts, {len(card['contenders'])} contenders, {card['features']} features"
        )
        self.stdout.write(f"scores on held-out prompts ({card['split']}):")
        for row in card["scores"]:
            self.stdout.write(
                f"  {row['aspect']}: {row['method']} {_share(row['accuracy'])} of decided votes, three-way "
                f"{_share(row['three_way'])}, calibration error {row['calibration_error']:.3f} "
                f"(raw {row['calibration_error_raw']:.3f}), {row['votes']} votes"
            )
        self.stdout.write("contenders that the judge had not seen:")
        for row in card["unseen_contenders"]:
            told = _share(row["accuracy"]) if row["accuracy"] else row["reason"]
            name = f", {row['aspect']}" if row["aspect"] else ""
            self.stdout.write(f"  {row['contender']}{name}: {told}")
        if "relevance" in {row["aspect"] for row in card["scores"]} and not card["reads_words"]:
            self.stdout.write("relevance SEES NO WORDS: no feature reads the prompt; --features clip_product does")
        for aspect, reason in card["without"].items():
            self.stdout.write(f"no head for {aspect}: {reason}")


def _share(found: dict[str, Any]) -> str:
    if found["value"] is None:
        return str(found["reason"])
    interval = "" if found["low"] is None else f" [{found['low']:.3f}, {found['high']:.3f}]"
    return f"{found['value']:.3f}{interval}"
