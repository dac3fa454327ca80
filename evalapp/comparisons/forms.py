"""The organizer's form for a new comparison."""

from itertools import count
from typing import Any, cast

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from evalapp.catalog.models import Contender, PromptSet, PromptText, key_of
from evalapp.catalog.prompt_lists import LONGEST_PROMPT
from evalapp.comparisons.aspects import HOUSE_ASPECTS, HouseAspect, own_aspects
from evalapp.comparisons.launch import InvalidPlan, create, drafted, name_taken
from evalapp.comparisons.models import Comparison
from evalapp.comparisons.rules import WorkRules
from evalapp.people.projects import Project

LOOKS = 5
LENGTH_RULES = [
    (Comparison.LengthRule.HOLD, gettext_lazy("The shorter stays on its last frame until the longer ends")),
    (Comparison.LengthRule.LOOP, gettext_lazy("Each starts again by itself")),
    (Comparison.LengthRule.TRIM, gettext_lazy("Both end where the shorter ends")),
]


STEPS = (
    (gettext_lazy("Contenders"), ("contenders",), ("name",)),
    (gettext_lazy("Prompts"), ("prompt_set", "prompts"), ("seeds", "length_rule")),
    (gettext_lazy("Aspects"), ("aspects",), ("own_aspects", "ask_both_bad", "ask_strength")),
    (gettext_lazy("People"), ("overlap",), ("instructions",)),
    (gettext_lazy("When to stop"), ("planned_looks",), ("planned_votes", "margin")),
)
"""Each step's title, what one decides there, and what most leave as it is, which is folded."""


class NewComparison(WorkRules):
    """Contenders, prompts (a stored set, or one per line), aspects, overlap. `save` makes a draft, ready to launch."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("For you and your colleagues; assessors do not see it. Empty: the contenders' names."),
    )
    contenders = forms.ModelMultipleChoiceField(
        Contender.objects.order_by("name"),
        label=gettext_lazy("Contenders"),
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Two or more; every two of them meet on every prompt."),
    )
    prompt_set = forms.ModelChoiceField(
        PromptSet.objects.order_by("name", "version"),
        required=False,
        label=gettext_lazy("Prompt set"),
        empty_label=gettext_lazy("new prompts, from the box below"),
    )
    prompts = forms.CharField(
        label=gettext_lazy("Prompts"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text=gettext_lazy("One per line; a claim takes 20."),
    )
    seeds = forms.IntegerField(
        label=gettext_lazy("Seeds"),
        min_value=1,
        max_value=50,
        initial=1,
        help_text=gettext_lazy("Clips per contender and prompt, with the same seeds for all."),
    )
    overlap = forms.IntegerField(
        min_value=1,
        max_value=100,
        initial=3,
        label=gettext_lazy("Assessors per pair"),
        help_text=gettext_lazy("Votes on each pair and aspect."),
    )
    aspects = forms.MultipleChoiceField(
        label=gettext_lazy("Aspects"),
        choices=[(aspect.key, aspect.name) for aspect in HOUSE_ASPECTS],
        initial=[aspect.key for aspect in HOUSE_ASPECTS],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    ask_both_bad = forms.BooleanField(
        required=False,
        label=gettext_lazy("Offer “both bad”"),
        help_text=gettext_lazy("A tie that says neither is any good; it counts as a tie, and its share is reported."),
    )
    ask_strength = forms.BooleanField(
        required=False,
        label=gettext_lazy("Ask how strong the preference is"),
        help_text=gettext_lazy(
            "“A little” or “clearly” on either side; win rates count both alike, a line beside them weighs them."
        ),
    )
    own_aspects = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        label=gettext_lazy("Aspects of your own"),
        help_text=gettext_lazy("One per line, as in “Lighting: Which light looks more natural?”"),
    )
    length_rule = forms.ChoiceField(
        choices=LENGTH_RULES,
        initial=Comparison.LengthRule.HOLD,
        label=gettext_lazy("Clips of different length"),
        help_text=gettext_lazy("Less than a frame apart counts as equal."),
    )
    instructions = forms.CharField(
        label=gettext_lazy("Instructions"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("Shown to assessors before the first pair."),
    )

    planned_looks = forms.BooleanField(
        required=False,
        label=gettext_lazy("Stop each pairing as soon as it is decided"),
        help_text=gettext_lazy(
            "Five looks, planned now, at even steps towards the planned votes; "
            "whoever is decided is not shown any more."
        ),
    )
    planned_votes = forms.IntegerField(
        required=False,
        min_value=5,
        label=gettext_lazy("Planned votes per pairing"),
        help_text=gettext_lazy("Empty: all there can be."),
    )
    margin = forms.FloatField(
        required=False,
        min_value=0.01,
        max_value=0.49,
        label=gettext_lazy("Margin for “no worse”"),
        help_text=gettext_lazy(
            "Of win rate, such as 0.05: the first contender counts as no worse when it surely wins 45 of 100 or more. "
            "Empty: not asked."
        ),
    )

    def __init__(self, project: Project, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.project = project
        asked = cast(forms.MultipleChoiceField, self.fields["aspects"])
        asked.choices = [(aspect.key, f"{_(aspect.name)}: {_(aspect.question)}") for aspect in HOUSE_ASPECTS]
        for name in ("contenders", "prompt_set"):
            field = cast("forms.ModelChoiceField[Any]", self.fields[name])
            field.queryset = field.queryset.filter(project=project)  # type: ignore[union-attr]

    def steps(self) -> list[tuple[Any, list[forms.BoundField], list[forms.BoundField], bool]]:
        """The fields in the order in which one decides on them: each step's title, what it shows, what it folds, and
        whether that is open, since something in it is not as usual."""
        return [
            (title, [self[name] for name in shown], [self[name] for name in folded], any(map(self._unusual, folded)))
            for title, shown, folded in STEPS
        ]

    def _unusual(self, name: str) -> bool:
        usual, value = self.fields[name].initial, self[name].value()
        return bool(self[name].errors) or str(value or "") != str(usual or "")

    def rule_fields(self) -> list[forms.BoundField]:
        """How assessors are checked and spared: all of it has defaults."""
        return [field for field in self if field.name in WorkRules.base_fields]

    def clean_prompts(self) -> list[str]:
        lines = [line.strip() for line in self.cleaned_data["prompts"].splitlines() if line.strip()]
        twice = sorted({line for line in lines if lines.count(line) > 1})
        if twice:
            raise forms.ValidationError(_("These prompts come twice: %(prompts)s") % {"prompts": "; ".join(twice[:5])})
        if any(len(line) > LONGEST_PROMPT for line in lines):
            raise forms.ValidationError(_("A prompt is longer than %(n)s characters.") % {"n": LONGEST_PROMPT})
        return lines

    def clean_own_aspects(self) -> list[HouseAspect]:
        found: list[tuple[str, str]] = []
        for line in filter(None, map(str.strip, self.cleaned_data["own_aspects"].splitlines())):
            name, colon, question = (part.strip() for part in line.partition(":"))
            if not colon or not name or not question or len(name) > 100 or len(question) > 200:
                raise forms.ValidationError(
                    _("Write “%(line)s” as a short name, a colon and a question.") % {"line": line[:60]}
                )
            found.append((name, question))
        try:
            return own_aspects(found)
        except ValueError as clash:
            raise forms.ValidationError(str(clash)) from clash

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if "own_aspects" in cleaned and not cleaned.get("aspects") and not cleaned["own_aspects"]:
            self.add_error("aspects", _("Ask about one aspect at least."))
        if "prompts" in cleaned and bool(cleaned.get("prompt_set")) == bool(cleaned["prompts"]):
            self.add_error("prompts", _("Choose a prompt set or write prompts here, one of the two."))
        contenders = cleaned.get("contenders")
        if contenders and not cleaned.get("name") and "name" not in self.errors:
            cleaned["name"] = self._of_contenders([each.name for each in contenders])
        if contenders is not None and len(contenders) < 2:
            self.add_error("contenders", _("A comparison needs two contenders or more."))
        return cleaned

    def _of_contenders(self, names: list[str]) -> str:
        """A name that no comparison of the project has."""
        name = f" {_('against')} ".join(names)[:190]
        known = set(
            Comparison.objects.filter(project=self.project, name__startswith=name).values_list("name", flat=True)
        )
        return next(each for n in count(1) if (each := name if n == 1 else f"{name}, {n}") not in known)

    def save(self, draft: Comparison | None = None, begun_from: str = "") -> Comparison:
        """A draft comparison, in the place of another draft where one is given. Raises InvalidPlan."""
        return drafted(self._made, draft, begun_from)

    def _made(self) -> Comparison:
        asked = self.cleaned_data
        if Comparison.objects.filter(name=asked["name"], project=self.project).exists():
            raise InvalidPlan(name_taken(asked["name"]))
        prompt_set = asked["prompt_set"] or PromptSet.objects.freeze(
            asked["name"],
            (PromptText(key_of(n, len(asked["prompts"])), text) for n, text in enumerate(asked["prompts"], 1)),
            project=self.project.pk,
        )
        comparison = create(
            asked["name"],
            prompt_set,
            list(asked["contenders"]),
            seeds=range(asked["seeds"]),
            overlap=asked["overlap"],
            aspects=[*(each for each in HOUSE_ASPECTS if each.key in asked["aspects"]), *asked["own_aspects"]],
            instructions=asked["instructions"],
            length_rule=asked["length_rule"],
            planned_looks=LOOKS if asked["planned_looks"] else 0,
            planned_votes=asked["planned_votes"],
            margin=asked["margin"],
            ask_both_bad=asked["ask_both_bad"],
            ask_strength=asked["ask_strength"],
        )
        self.set_on(comparison)
        return comparison
