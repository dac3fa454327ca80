"""Sides of the screen and sides of a pair, and the one place where they meet."""

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

STRONGEST = 3
"""Of stored strengths; this screen offers 1 (a little) and 2 (clearly), tables from elsewhere may bring a third."""


class ScreenChoice(models.TextChoices):
    LEFT = "left"
    SAME = "same"
    RIGHT = "right"
    LEFT_CLEARLY = "left_clearly"
    RIGHT_CLEARLY = "right_clearly"
    BOTH_BAD = "both_bad"


class Choice(models.TextChoices):
    FIRST = "first"
    SECOND = "second"
    TIE = "tie"


PLAIN: tuple[tuple[ScreenChoice, Promise], ...] = (
    (ScreenChoice.LEFT, gettext_lazy("Left")),
    (ScreenChoice.SAME, gettext_lazy("Same")),
    (ScreenChoice.RIGHT, gettext_lazy("Right")),
)
GRADED: tuple[tuple[ScreenChoice, Promise], ...] = (
    (ScreenChoice.LEFT_CLEARLY, gettext_lazy("Left, clearly")),
    (ScreenChoice.LEFT, gettext_lazy("Left, a little")),
    (ScreenChoice.SAME, gettext_lazy("Same")),
    (ScreenChoice.RIGHT, gettext_lazy("Right, a little")),
    (ScreenChoice.RIGHT_CLEARLY, gettext_lazy("Right, clearly")),
)
BOTH_BAD: tuple[tuple[ScreenChoice, Promise], ...] = ((ScreenChoice.BOTH_BAD, gettext_lazy("Both bad")),)


def offered(both_bad: bool, strength: bool) -> tuple[tuple[ScreenChoice, Promise], ...]:
    """What the screen offers for each aspect, in the order of its keys, with the words on it."""
    return (GRADED if strength else PLAIN) + (BOTH_BAD if both_bad else ())


def turned_back(choice: str, swapped: bool) -> Choice:
    """The one place where a screen side becomes first or second; "both bad" is a tie that says more."""
    if ScreenChoice(choice) in (ScreenChoice.SAME, ScreenChoice.BOTH_BAD):
        return Choice.TIE
    return Choice.FIRST if choice.startswith(ScreenChoice.LEFT) != swapped else Choice.SECOND


def strength_of(choice: str) -> int:
    """0 for a tie, 1 a little, 2 clearly."""
    if ScreenChoice(choice) in (ScreenChoice.SAME, ScreenChoice.BOTH_BAD):
        return 0
    return 2 if choice in (ScreenChoice.LEFT_CLEARLY, ScreenChoice.RIGHT_CLEARLY) else 1


def on_screen(choice: str, swapped: bool, both_bad: bool | None = None, strength: int | None = None) -> ScreenChoice:
    """What stood on the screen for a stored choice: the inverse of `turned_back` and `strength_of`."""
    if Choice(choice) is Choice.TIE:
        return ScreenChoice.BOTH_BAD if both_bad else ScreenChoice.SAME
    left, clearly = (choice == Choice.FIRST) != swapped, (strength or 0) > 1
    if left:
        return ScreenChoice.LEFT_CLEARLY if clearly else ScreenChoice.LEFT
    return ScreenChoice.RIGHT_CLEARLY if clearly else ScreenChoice.RIGHT
