"""The seven aspects of the house. English is what is stored; catalogues translate it where it is shown."""

from dataclasses import dataclass

from django.utils.translation import gettext_noop as _


@dataclass(frozen=True)
class HouseAspect:
    key: str
    name: str
    question: str
    hint: str


HOUSE_ASPECTS = (
    HouseAspect(
        "beauty",
        _("Beauty"),
        _("Which one looks more beautiful?"),
        _("Colourful beats dull, crisp beats blurred. Judge within the style that was asked for."),
    ),
    HouseAspect(
        "softness",
        _("Softness"),
        _("Which one moves more smoothly?"),
        _("No jerks: each position flows from the one before."),
    ),
    HouseAspect(
        "movement",
        _("Movement"),
        _("Which one has the better movement?"),
        _("Enough and not too much; harmonious and realistic."),
    ),
    HouseAspect(
        "consistency",
        _("Consistency"),
        _("In which one do things stay what they are?"),
        _("Objects do not turn into others, change colour, vanish or appear."),
    ),
    HouseAspect(
        "defects",
        _("Defects"),
        _("Which one has fewer defects?"),
        _("Main object and background: boiling, flicker, broken shapes. The winner has fewer."),
    ),
    HouseAspect(
        "relevance",
        _("Relevance"),
        _("Which one fits the text better?"),
        _("Every described detail and the action are there."),
    ),
    HouseAspect(
        "preference",
        _("Preference"),
        _("Which one do you prefer?"),
        _("Your own choice, apart from the rest."),
    ),
)
