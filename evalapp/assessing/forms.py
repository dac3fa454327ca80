"""What an assessor's browser sends: a choice per aspect, a key that makes resending safe, how the pair was watched."""

import json
from collections.abc import Iterable
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from evalapp.assessing.choices import offered
from evalapp.comparisons.models import Aspect

PREFIX = "choice-"
VIEWING_BYTES = 2000
A_DAY, MANY = 86_400.0, 100_000.0
# Fact → the greatest value that makes sense; the least is 0.
VIEWING_FACTS = {
    "seconds": A_DAY,
    "watched_left": 1.0,
    "watched_right": 1.0,
    "plays": MANY,
    "parts_left": 2.0**20 - 1,  # bit n: the n-th twentieth of the clip was on the screen
    "parts_right": 2.0**20 - 1,
    "hidden": MANY,
    "hidden_seconds": A_DAY,
    "dropped_left": MANY,
    "dropped_right": MANY,
    "width": MANY,
    "height": MANY,
    "pixel_ratio": 100.0,
}
SKIP_REASONS = {
    "broken": gettext_lazy("A clip does not play"),
    "undecided": gettext_lazy("I cannot decide anything here"),
    "disturbing": gettext_lazy("The content disturbs me"),
    "other": gettext_lazy("Something else"),
}


class VoteForm(forms.Form):
    """One of what the screen offers for every aspect; anything unknown, missing or doubled is refused."""

    key = forms.RegexField(r"^[A-Za-z0-9-]{16,64}$")
    viewing = forms.CharField(required=False, max_length=VIEWING_BYTES)

    data: QueryDict

    def __init__(
        self, data: QueryDict, aspects: Iterable[Aspect], both_bad: bool = False, strength: bool = False
    ) -> None:
        super().__init__(data)
        self.aspects, self.offered = list(aspects), offered(both_bad, strength)
        for aspect in self.aspects:
            self.fields[PREFIX + aspect.key] = forms.ChoiceField(choices=self.offered)

    def clean_viewing(self) -> dict[str, float]:
        if not (text := self.cleaned_data["viewing"]):
            return {}
        try:
            facts = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise forms.ValidationError("not JSON") from error
        if not isinstance(facts, dict):
            raise forms.ValidationError("not an object")
        for name, value in facts.items():
            if name not in VIEWING_FACTS:
                raise forms.ValidationError(f"unknown fact {name[:40]!r}")
            plain = isinstance(value, int | float) and not isinstance(value, bool)
            if not plain or not 0 <= value <= VIEWING_FACTS[name]:
                raise forms.ValidationError(f"{name} must be a number from 0 to {VIEWING_FACTS[name]:g}")
        return facts

    def clean(self) -> dict[str, Any]:
        known = set(self.fields)
        unknown = [name for name in self.data if name.startswith(PREFIX) and name not in known]
        doubled = [name for name in known if len(self.data.getlist(name)) > 1]
        if unknown or doubled:
            raise forms.ValidationError(_("The answer names a question that this comparison does not ask."))
        return super().clean() or {}

    @property
    def choices(self) -> dict[Aspect, str]:
        return {aspect: self.cleaned_data[PREFIX + aspect.key] for aspect in self.aspects}

    def given(self) -> dict[str, str]:
        """What was chosen so far, by aspect key: to show an unfinished form again."""
        return {aspect.key: self.data.get(PREFIX + aspect.key, "") for aspect in self.aspects}

    def complaint(self) -> str:
        """What is wrong, in one sentence."""
        missing = [aspect.translated_name for aspect in self.aspects if not self.data.get(PREFIX + aspect.key)]
        if missing:
            return _("Not answered yet: %(names)s.") % {"names": ", ".join(missing)}
        if odd := [aspect.translated_name for aspect in self.aspects if PREFIX + aspect.key in self.errors]:
            told = {"names": ", ".join(odd), "choices": ", ".join(str(label) for _choice, label in self.offered)}
            return _("Choose one of %(choices)s for: %(names)s.") % told
        if "__all__" in self.errors:
            return str(self.errors["__all__"][0])
        where = "; ".join(f"{name}: {errors[0]}" for name, errors in self.errors.items())
        return _("The answer was sent in a form that cannot be read (%(where)s).") % {"where": where}


class SkipForm(forms.Form):
    """Why a pair cannot be judged."""

    reason = forms.ChoiceField(choices=list(SKIP_REASONS.items()))
    words = forms.CharField(required=False, max_length=180)

    @property
    def told(self) -> str:
        """Reason and words, as organizers read them."""
        return ": ".join(filter(None, (self.cleaned_data["reason"], self.cleaned_data["words"])))
