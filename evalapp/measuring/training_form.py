"""The form by which an organizer has the team's own judge trained."""

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from evalapp.comparisons.models import Comparison
from evalapp.measuring.own_judge import READING, features_known, weights_needed
from evalapp.measuring.training import MOST_HIDDEN, MOST_MESA
from metrics import weights
from metrics.judges.own.words import PRODUCT


class TrainingForm(forms.Form):
    """lacking: features that cannot be taken here, each with the weights that it needs; reading: those that read the
    prompt."""

    name = forms.CharField(
        max_length=50,
        initial="own",
        label=_("Name"),
        help_text=_("Lower-case letters, digits and hyphens. A judge of that name is replaced."),
    )
    others = forms.MultipleChoiceField(
        required=False, widget=forms.CheckboxSelectMultiple, label=_("Learn from the votes of these comparisons too")
    )
    features = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label=_("Features besides signal measures"),
    )
    hidden = forms.IntegerField(
        min_value=0, max_value=MOST_HIDDEN, initial=0, required=False, label=_("Width of a hidden layer"),
        help_text=_("0: none"),
    )  # fmt: skip
    mesa = forms.FloatField(
        min_value=0, max_value=MOST_MESA, initial=0, required=False, label=_("Weight of MESA"), help_text=_("0: none")
    )

    def __init__(self, comparison: Comparison, data: Any = None) -> None:
        super().__init__(data)
        voted = Comparison.objects.filter(project=comparison.project_id).exclude(pk=comparison.pk).exclude(
            state=Comparison.State.DRAFT
        )  # fmt: skip
        offered = [(str(code), name) for code, name in voted.order_by("-pk").values_list("code", "name")]
        self.fields["others"].choices = offered  # type: ignore[attr-defined]
        self.lacking: dict[str, str] = {}
        known: dict[str, bool] = {}
        for name in features_known():
            needed = weights_needed(name)
            if needed not in known:
                known[needed] = _here(needed)
            if not known[needed]:
                self.lacking[name] = needed
        self.reading = [name for name in features_known() if name in {PRODUCT, *READING}]
        here = [(name, name) for name in features_known() if name not in self.lacking]
        self.fields["features"].choices = here  # type: ignore[attr-defined]

    def asked(self) -> dict[str, Any]:
        """As `start` takes it; what was left empty is none."""
        told = self.cleaned_data
        return {**told, "hidden": told["hidden"] or 0, "mesa": told["mesa"] or 0.0}


def _here(name: str) -> bool:
    try:
        weights.find(name, settings.WEIGHTS_DIR)
    except (weights.WeightsMissing, weights.WeightsWrong):
        return False
    return True
