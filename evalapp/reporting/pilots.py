"""How much votes vary, measured in one pairing of an earlier comparison: what a forecast may rest on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from django import forms
from django.db.models import F, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from evalapp.assessing.models import Vote
from evalapp.comparisons.models import FEWEST_ASSESSORS, FEWEST_PROMPTS, HEADLINE, Comparison
from evalapp.people.projects import Project
from evalapp.reporting.table import ANSWER, excluded, integers
from metrics import resolve

CLOSE = 15
"""Points from 50 of 100 within which the variance of a vote is nearly what it is at 50: 91 % and more."""


class NoPilot(ValueError):
    """These votes do not tell how much votes vary; the message says why, in the reader's language."""


@dataclass(frozen=True)
class Pilot:
    """Variances of a vote (`components`) in the `votes` of one pairing on one aspect."""

    comparison: Comparison
    pairing: tuple[str, str]
    pairings: list[tuple[str, str]]
    aspect: str
    aspect_name: str
    votes: int
    won: float
    """Of 100 by the first."""
    few: bool
    """Fewer prompts or assessors than a claim takes."""
    simulated: bool
    components: Any

    @property
    def shares(self) -> dict[str, float]:
        """Of the variance, in percent: between prompts, between seeds of one, between assessors, and the rest."""
        parts = {name: getattr(self.components, name) for name in ("prompt", "pair", "assessor", "rest")}
        return {name: 100 * part / (self.components.total or 1) for name, part in parts.items()}

    @property
    def cautions(self) -> list[str]:
        """What the votes could not tell apart, and why they may mislead."""
        said = [_(each) for each in filter(None, self.components.reason.split("; "))]
        if abs(self.won - 50) > CLOSE:
            told = {"first": self.pairing[0], "won": round(self.won)}
            said.append(
                _("%(first)s won %(won)s of 100 there: votes on contenders closer to each other vary more") % told
            )
        if self.few:
            said.append(_("the pilot has few prompts or assessors, so these shares are unsure themselves"))
        if self.simulated:
            said.append(_("votes of simulated assessors are among them: those of people may vary otherwise"))
        return said


def pilots(project: Project) -> QuerySet[Comparison]:
    """What a forecast may rest on: voting has ended, so that nobody learns of it how a running one stands."""
    return Comparison.objects.filter(project=project, state=Comparison.State.CLOSED).order_by("-pk")


class ChoiceOfPilot(forms.Form):
    """Whose votes a forecast rests on."""

    pilot = forms.ModelChoiceField(
        Comparison.objects.none(),
        required=False,
        to_field_name="code",
        label=gettext_lazy("How much votes vary"),
        empty_label=gettext_lazy("as in published votes on video"),
    )

    def __init__(self, project: Project, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, prefix="assume")
        cast("forms.ModelChoiceField[Any]", self.fields["pilot"]).queryset = pilots(project)

    def chosen(self) -> Pilot | None:
        """By the pairing that was chosen beside it, else by its first. Raises NoPilot."""
        if self.errors:
            raise NoPilot(_("the one chosen is no comparison of this project whose voting has ended"))
        comparison = self.cleaned_data["pilot"] if self.is_bound else None
        if comparison is None:
            return None
        number, known = str(self.data.get(f"pairing-{comparison.pk}", "")), pairings_of(comparison)
        picked = number.isascii() and number.isdigit() and int(number) < len(known)
        return pilot_of(comparison, known[int(number)] if picked else ())


def pairings_of(comparison: Comparison) -> list[tuple[str, str]]:
    """Those who met, by name, in the order in which the contenders are listed."""
    names = list(comparison.contenders.order_by("entry__position").values_list("name", flat=True))
    met = set(comparison.pairs.values_list("first__contender__name", "second__contender__name").distinct())
    return sorted(met, key=lambda both: (names.index(both[0]), names.index(both[1])))


def pilot_of(comparison: Comparison, pairing: Sequence[str] = (), aspect: str = "") -> Pilot:
    """Measured in the votes that count on `aspect` (the headline) of `pairing` (the first one). Raises NoPilot."""
    known = pairings_of(comparison)
    aspects = {each.key: each for each in comparison.aspects.all()}
    aspect = aspect or (HEADLINE if HEADLINE in aspects else next(iter(aspects), ""))
    if aspect not in aspects:
        told = {"aspect": aspect, "known": ", ".join(aspects)}
        raise NoPilot(_("the pilot has no aspect “%(aspect)s”; it has: %(known)s") % told)
    chosen = next((each for each in known if not pairing or set(each) == set(pairing)), None)
    if chosen is None:
        told = {"known": "; ".join(" × ".join(each) for each in known)}
        raise NoPilot(_("these two never met in the pilot; it has: %(known)s") % told)
    task = "ballot__assignment__"
    votes = Vote.objects.filter(
        aspect=aspects[aspect],
        ballot__version=F(f"{task}version"),
        **{f"{task}pair__comparison": comparison},
        **{f"{task}pair__first__contender__name": chosen[0], f"{task}pair__second__contender__name": chosen[1]},
    ).exclude(**{f"{task}participation__in": [each.participation_id for each in excluded(comparison)]})
    columns = votes.values_list("pk", f"{task}pair__prompt", f"{task}participation", f"{task}pair").annotate(
        said=ANSWER
    )
    _pk, prompt, assessor, pair, said = integers(columns, 5)
    outcome = (said % 4 - 1) / 2
    try:
        given = resolve("metrics.preference.votes:Votes").of(prompt, assessor, outcome)
        components = resolve("metrics.preference.planning:components_of")(given, pair)
    except ValueError as error:
        raise NoPilot(_(str(error))) from error
    few = len(set(prompt.tolist())) < FEWEST_PROMPTS or len(set(assessor.tolist())) < FEWEST_ASSESSORS
    won, simulated = 100 * float(outcome.mean()), votes.filter(**{f"{task}participation__assessor__simulated": True})
    name = aspects[aspect].name
    return Pilot(comparison, chosen, known, aspect, name, len(said), won, few, simulated.exists(), components)
