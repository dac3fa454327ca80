"""The seven aspects of the house. English is what is stored; catalogues translate it where it is shown."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.text import slugify
from django.utils.translation import gettext
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


def own_aspects(asked: Iterable[tuple[str, str]]) -> list[HouseAspect]:
    """Aspects by name and question, as an organizer writes them. Raises ValueError where two go by one name."""
    found: list[HouseAspect] = []
    for name, question in asked:
        key = slugify(name, allow_unicode=True)[:50] or f"own-{len(found) + 1}"
        found.append(HouseAspect(key, name, question, ""))
    keys = [aspect.key for aspect in (*HOUSE_ASPECTS, *found)]
    if len(set(keys)) < len(keys):
        raise ValueError(gettext("Each aspect needs a name of its own, none of the house's."))
    return found
