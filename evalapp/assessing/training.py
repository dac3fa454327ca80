"""What comes before the first pair: the screen check, training with explanations, and qualification by a pass mark."""

import random
from dataclasses import dataclass

from django.db import transaction
from django.db.models.functions import Now

from evalapp.assessing.controls import Control, ControlQuerySet, Golden
from evalapp.assessing.models import Assignment, Participation, lease_end

Kind, State = Control.Kind, Assignment.State
BEFORE_WORK = (Golden.Use.TRAINING, Golden.Use.QUALIFICATION)


@dataclass(frozen=True)
class Stage:
    """Where an assessor stands before the work: `name` is screen, intro, example, feedback or screened_out.

    `control` is the example to judge or to explain, the `place`th of `total` of its kind.
    """

    name: str
    control: Control | None = None
    place: int = 0
    total: int = 0


def stage(participation: Participation) -> Stage | None:
    """What this assessor does next before the work; None once they may work.

    Whoever has begun to work is asked for no training that an organizer adds later.
    """
    if participation.qualified_at:
        return None
    if participation.screened_out_at:
        return Stage("screened_out")
    if participation.comparison.screen_check and not participation.screen:
        return Stage("screen")
    examples = _examples(participation)
    met = {control.golden_id: control for control in _met(participation)}
    if examples and not met:
        return Stage("intro", total=len(examples))
    for use in BEFORE_WORK:
        of_use = [golden for golden in examples if golden.use == use]
        total = len(of_use)
        for place, golden in enumerate(of_use, 1):
            control = met.get(golden.pk)
            if control is None:
                return Stage("example", _hand_out(participation, golden), place, total)
            if control.state == State.HELD:
                control.renew_lease()
                return Stage("example", control, place, total)
            if use == Golden.Use.TRAINING and control.state == State.SUBMITTED and not control.feedback_at:
                return Stage("feedback", control, place, total)
    return None if _qualify(participation) else Stage("screened_out")


def begin(participation: Participation) -> None:
    """The assessor has read what comes: the first example is theirs."""
    if (now := stage(participation)) and now.name == "intro":
        _hand_out(participation, _examples(participation)[0])


def acknowledge(participation: Participation) -> None:
    """The assessor has read the explanation on the screen."""
    if (now := stage(participation)) and now.name == "feedback" and now.control:
        Control.objects.filter(pk=now.control.pk).update(feedback_at=Now())


def score(participation: Participation) -> tuple[int, int]:
    """Right answers in the qualification, and how many could be right; a skipped pair has none right."""
    right = known = 0
    for control in _met(participation).filter(kind=Kind.QUALIFICATION).select_related("golden"):
        answers, given = control.right_answers(), control.given()
        known += len(answers)
        right += sum(given.get(aspect) == choice for aspect, choice in answers.items())
    return right, known


def _qualify(participation: Participation) -> bool:
    right, known = score(participation)
    passed = right >= participation.comparison.pass_mark * known
    stamp = {"qualified_at": Now()} if passed else {"screened_out_at": Now()}
    Participation.objects.filter(pk=participation.pk, qualified_at=None, screened_out_at=None).update(**stamp)
    participation.refresh_from_db(fields=["qualified_at", "screened_out_at"])
    return participation.screened_out_at is None


def _met(participation: Participation) -> ControlQuerySet:
    return participation.controls.filter(kind__in=(Kind.TRAINING, Kind.QUALIFICATION))


def _examples(participation: Participation) -> list[Golden]:
    """Training, then qualification, each in an order of this assessor's own; what they have met stays in it."""
    chosen = participation.comparison.goldens.filter(use__in=BEFORE_WORK)
    met = set(_met(participation).values_list("golden", flat=True))
    goldens = [golden for golden in chosen if golden.pk in met or not golden.withdrawn]
    random.Random(f"{participation.comparison.rng_seed}:{participation.pk}").shuffle(goldens)
    return sorted(goldens, key=lambda golden: BEFORE_WORK.index(Golden.Use(golden.use)))


def _hand_out(participation: Participation, golden: Golden) -> Control:
    """The assessor's control of this golden, made if it is new: two tabs get one."""
    with transaction.atomic():
        Participation.objects.select_for_update().get(pk=participation.pk)
        sides = list(_met(participation).values_list("swapped", flat=True))
        owed = len(sides) - 2 * sum(sides)
        rng = random.Random(f"{participation.comparison.rng_seed}:{participation.pk}:{golden.pk}")
        control, _ = Control.objects.get_or_create(
            participation=participation,
            golden=golden,
            defaults={
                "kind": golden.use,
                "swapped": owed > 0 if owed else rng.random() < 0.5,
                "lease_until": lease_end(participation.comparison),
            },
        )
    return control
