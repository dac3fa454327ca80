"""Sides of the screen and sides of a pair, and the one place where they meet."""

from django.db import models


class ScreenChoice(models.TextChoices):
    LEFT = "left"
    SAME = "same"
    RIGHT = "right"


class Choice(models.TextChoices):
    FIRST = "first"
    SECOND = "second"
    TIE = "tie"


def turned_back(choice: str, swapped: bool) -> Choice:
    """The one place where a screen side becomes first or second."""
    if ScreenChoice(choice) is ScreenChoice.SAME:
        return Choice.TIE
    return Choice.FIRST if (choice == ScreenChoice.LEFT) != swapped else Choice.SECOND
