"""What a comparison that is being set up will promise and cost: interval, power, votes, hours of work."""

from dataclasses import dataclass
from math import comb
from typing import Any

from django import forms
from django.db.models import Avg, Count, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from evalapp.catalog.models import IMPORT, Contender, PromptSet
from evalapp.comparisons.models import FEWEST_ASSESSORS, FEWEST_PROMPTS
from evalapp.generation.models import Clip
from evalapp.reporting.pilots import Pilot
from metrics import resolve

PLANNING = "metrics.preference.planning"
POWER = 0.8
"""A chance of finding the difference below this is warned of."""


class Assumptions(forms.Form):
    """What the planner cannot know; nothing of it is stored."""

    assessors = forms.IntegerField(
        min_value=2, max_value=10_000, initial=10, label=gettext_lazy("Assessors in all"), required=False
    )
    effect = forms.IntegerField(
        min_value=1, max_value=49, initial=10, required=False, label=gettext_lazy("Difference you care about, of 100")
    )
    vote_seconds = forms.FloatField(
        min_value=1, max_value=3600, initial=45, required=False, label=gettext_lazy("Seconds per pair")
    )
    pay = forms.FloatField(min_value=0, required=False, label=gettext_lazy("Pay per hour of assessors"))
    machine = forms.FloatField(min_value=0, required=False, label=gettext_lazy("Price per hour of a worker"))

    def given(self, name: str) -> Any:
        """What was written, or what stands there at first; what makes no sense counts as not written."""
        value = self.cleaned_data.get(name) if self.is_bound and name not in self.errors else None
        return self.fields[name].initial if value is None else value


@dataclass(frozen=True)
class Forecast:
    """Half-widths in points of 100; `power` as a share; `machine_hours` is None where no time was ever measured."""

    prompts: int
    pairs: int
    votes: int
    hours: float
    half_width: float
    same_assessors: float
    power: int
    wins: int
    clips: int
    machine_hours: float | None
    cost: float | None
    warnings: list[str]


def forecast(
    contenders: list[Contender],
    prompts: int,
    seeds: int,
    overlap: int,
    assumed: Assumptions,
    prompt_set: PromptSet | None,
    pilot: Pilot | None = None,
) -> Forecast | str:
    """What that plan promises, by the variances of a pilot, else by those assumed from published side-by-side votes; a
    text says what it lacks."""
    scenes, pairings = prompts * seeds, comb(len(contenders), 2)
    if len(contenders) < 2:
        return _("Choose two contenders or more.")
    if not prompts:
        return _("Choose a prompt set or write prompts.")
    if prompts < 2:
        return _("One prompt says nothing of others: an interval needs two.")
    people, effect, pay = assumed.given("assessors"), assumed.given("effect"), assumed.given("pay")
    if overlap > people:
        return _("Each pair is to have more assessors than there are in all: see “What the forecast assumes”.")
    components = pilot.components if pilot else resolve(f"{PLANNING}:assumed")()
    plan = {"seeds": seeds, "votes_per_pair": overlap, "assessors": people, "effect": effect / 100}
    promised = resolve(f"{PLANNING}:precision")(
        components, prompts=prompts, seconds_per_vote=assumed.given("vote_seconds"), pairings=pairings, **plan
    )
    missed = None
    if promised.power < POWER:
        missed = resolve(f"{PLANNING}:prompts_needed")(components, power=POWER, **plan)
    clips, machine_hours = _rendering(contenders, scenes, prompt_set)
    price = assumed.given("machine")
    known = [pay * promised.hours if pay else None, price * machine_hours if price and machine_hours else None]
    return Forecast(
        prompts=scenes,
        pairs=scenes * pairings,
        votes=promised.votes,
        hours=promised.hours,
        half_width=100 * promised.half_width,
        same_assessors=100 * promised.same_assessors_half_width,
        power=round(100 * promised.power),
        wins=50 + effect,
        clips=clips,
        machine_hours=machine_hours,
        cost=sum(filter(None, known)) if any(known) else None,
        warnings=_warnings(prompts, 1 if pilot else seeds, people, missed),
    )


def _rendering(contenders: list[Contender], scenes: int, prompt_set: PromptSet | None) -> tuple[int, float | None]:
    """How many clips are still to be rendered, and in how many hours by the mean of each contender's clips so far."""
    there = Q(clip__state=Clip.State.READY)
    here = there & Q(clip__prompt__prompt_set=prompt_set) if prompt_set else Q(pk=None)
    rendered = Contender.objects.filter(pk__in=[each.pk for each in contenders]).exclude(recipe__generator=IMPORT)
    told = rendered.annotate(mean=Avg("clip__seconds", filter=there), ready=Count("clip", filter=here))
    clips, seconds, unknown = 0, 0.0, False
    for mean, ready in told.values_list("mean", "ready"):
        left = max(0, scenes - ready)
        clips += left
        unknown |= left > 0 and mean is None
        seconds += left * (mean or 0)
    return clips, None if unknown else seconds / 3600


def _warnings(prompts: int, seeds: int, people: int, missed: Any) -> list[str]:
    """`seeds`: of each prompt, 1 where a pilot tells how they differ; `missed`: what finding the difference would take,
    where the plan is likely not to."""
    said = []
    if prompts < FEWEST_PROMPTS:
        said.append(_("Below 20 prompts a report claims nothing."))
    if people < FEWEST_ASSESSORS:
        said.append(_("Below 5 assessors a report claims nothing about new assessors."))
    if seeds > 1:
        said.append(_("Seeds of one prompt are taken to come out alike: they make its clips sure, not other prompts."))
    if missed:
        words = _("A difference of this size is likely to be missed.")
        if missed.prompts:
            words += " " + _("To find it %(share)s times of 100 takes %(n)s prompts.") % {
                "n": missed.prompts,
                "share": round(100 * POWER),
            }
        elif missed.assessors:
            words += " " + _("More prompts cannot help: it takes %(n)s assessors in all.") % {"n": missed.assessors}
        said.append(words)
    return said
