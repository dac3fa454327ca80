"""Simulated assessors: programs that vote by known preferences, through the same verbs as people.

They try a comparison out and give statistics a known truth. Every one of them is marked `simulated`, and so is every
result with a vote of theirs in it.
"""

import math
import random
from collections.abc import Mapping

from evalapp.assessing.controls import Control, Task
from evalapp.assessing.dispatch import next_assignment
from evalapp.assessing.models import Participation, ScreenChoice
from evalapp.comparisons.models import Aspect, Comparison
from evalapp.people.models import Assessor

# Log-odds with which the contender listed first is chosen on an aspect, one place before the other.
PREFERENCES: Mapping[str, float] = {
    "beauty": 0.3,
    "softness": 0.6,
    "movement": 1.2,
    "consistency": 0.9,
    "defects": 1.6,
    "relevance": 0.0,
    "preference": 1.1,
}
PROMPT_SPREAD = 0.6
ASSESSOR_SPREAD = 0.3
LEFT_LEAN = 0.1
TIE_ZONE = 0.45
CLEAR = 2.0
BAD = 0.25
SLIPS = 0.1


def simulate_votes(
    comparison: Comparison, assessors: int, preferences: Mapping[str, float] = PREFERENCES, rng_seed: int = 0
) -> int:
    """Let so many simulated assessors answer all that is left for them; returns how many pairs they answered.

    The same assessors go on where they stopped. Preferences vary by prompt and assessor (normal, in log-odds), there is
    a slight lean to the left, and close calls are ties.
    """
    positions = dict(comparison.entries.values_list("contender", "position"))
    aspects = list(comparison.aspects.all())
    answered = 0
    for number in range(1, assessors + 1):
        participation = _participation(comparison, f"simulated {number}")
        while assignment := next_assignment(participation):
            first, second = (
                positions.get(clip.contender_id, 0) for clip in (assignment.pair.first, assignment.pair.second)
            )
            choices = {
                aspect: _choice(
                    assignment, aspect, preferences.get(aspect.key, 0.0) * (second - first), f"{rng_seed}:{number}"
                )
                for aspect in aspects
            }
            if isinstance(assignment, Control) and not assignment.repeated:
                choices |= _known(assignment, aspects, f"{rng_seed}:{number}")
            assignment.submit(choices, key=assignment.code.hex, viewing={"simulated": True})
            answered += 1
    return answered


def _participation(comparison: Comparison, name: str) -> Participation:
    known = comparison.participations.filter(assessor__name=name, assessor__simulated=True).first()
    if known:
        return known
    assessor = Assessor.objects.create(name=name, simulated=True)
    participation = Participation.objects.create(comparison=comparison, assessor=assessor)
    participation.consent()
    return participation


def _known(control: Control, aspects: list[Aspect], who: str) -> dict[Aspect, str]:
    """The right answer where one is known, but for the slips that anyone makes."""
    known = control.right_answers()
    what = f"{control.golden_id}:{control.twice_id}"
    attentive = [aspect for aspect in aspects if random.Random(f"{what}:{aspect.key}:{who}").random() > SLIPS]
    return {aspect: control.on_screen(known[aspect.key]) for aspect in attentive if aspect.key in known}


def _choice(assignment: Task, aspect: Aspect, log_odds: float, who: str) -> str:
    pair = assignment.pair
    scene = f"{pair.prompt.key}:{pair.seed}"
    log_odds += random.Random(f"{aspect.key}:{scene}").gauss(0, PROMPT_SPREAD)
    log_odds += random.Random(f"{aspect.key}:{who}").gauss(0, ASSESSOR_SPREAD)
    towards_left = (-log_odds if assignment.swapped else log_odds) + LEFT_LEAN
    chance = random.Random(f"{aspect.key}:{scene}:{pair.pk or pair.first_id}:{who}").uniform(1e-9, 1 - 1e-9)
    seen = towards_left + math.log(chance / (1 - chance))
    asked = assignment.comparison
    if abs(seen) < TIE_ZONE:
        bad = asked.ask_both_bad and random.Random(f"bad:{aspect.key}:{scene}:{who}").random() < BAD
        return ScreenChoice.BOTH_BAD if bad else ScreenChoice.SAME
    if asked.ask_strength and abs(seen) > CLEAR:
        return ScreenChoice.LEFT_CLEARLY if seen > 0 else ScreenChoice.RIGHT_CLEARLY
    return ScreenChoice.LEFT if seen > 0 else ScreenChoice.RIGHT
