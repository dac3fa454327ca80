"""What is known of one assessor: to hand out to them, and to erase. Their votes stay, without a person."""

import uuid
from typing import Any

from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Now

from evalapp.assessing.controls import Control
from evalapp.assessing.forms import SKIP_REASONS
from evalapp.assessing.models import Assignment, Ballot, Invitation, Participation
from evalapp.assessing.panels import PanelSeat
from evalapp.people import audit
from evalapp.people.models import Assessor


@transaction.atomic
def erase(assessor: Assessor) -> None:
    """Forget the person: name, code, panel's ids, links of their own, their own words. Nothing that is counted changes.

    Pairs in hand go to others. The row that groups their votes stays, under a new random code; no link, session or
    file of this house leads back to it. Exports made before keep the old code. Safe to run twice.
    """
    mine = assessor.participations.values("pk")
    for held in Assignment.objects.filter(participation__in=mine, state=Assignment.State.HELD):
        held.let_go()
    PanelSeat.objects.filter(participation__in=mine).delete()
    for invitation in Invitation.objects.filter(participations__in=mine, seats=1):
        Invitation.objects.filter(pk=invitation.pk).update(label="", withdrawn=True, code=uuid.uuid4())
    assessor.participations.update(invitation=None, screen={})
    for shown in (Assignment, Control):
        for reason in SKIP_REASONS:
            in_words = shown.objects.filter(participation__in=mine, skip_reason__startswith=f"{reason}:")
            in_words.update(skip_reason=Value(reason))
    if Assessor.objects.filter(pk=assessor.pk, erased_at=None).update(name="", code=uuid.uuid4(), erased_at=Now()):
        assessor.refresh_from_db()
        audit.record("erased the person behind", f"assessor {assessor.code}")


def hand_over(participation: Participation) -> dict[str, Any]:
    """`data_of` its assessor in its project, for an organizer: that is on the audit trail."""
    audit.record("gave out the data of", f"assessor {participation.assessor.code}")
    return data_of(participation.assessor, participation.comparison.project_id)


def data_of(assessor: Assessor, project: int | None = None) -> dict[str, Any]:
    """Everything stored of the assessor, as JSON takes it: for themselves (a copy of personal data).

    With a project, only what they did there: who organizes one learns nothing of another.
    """
    taken_part = assessor.participations.filter(**({"comparison__project": project} if project else {}))
    return {
        "code": str(assessor.code),
        "name": assessor.name,
        "since": assessor.created_at.isoformat(),
        "comparisons": [
            {
                "comparison": participation.comparison.name,
                "came by": str(participation.invitation or ""),
                "agreed at": _stamp(participation.consented_at),
                "text agreed to (sha256)": participation.consent_digest,
                "panel": list(
                    PanelSeat.objects.filter(participation=participation).values(
                        *("participant", "study", "session", "state")
                    )
                ),
                "exclusions": [
                    {"reason": each.reason, "at": _stamp(each.at), "lifted at": _stamp(each.lifted_at)}
                    for each in participation.exclusions.all()
                ],
                "screen": participation.screen,
                "answers": list(_answers(participation.pk)),
                "known pairs": list(_controls(participation.pk)),
            }
            for participation in taken_part.select_related("comparison", "invitation").order_by("pk")
        ],
    }


def _answers(participation: int) -> Any:
    """Every pair shown to them, with all that they chose (superseded answers as well)."""
    ballots: dict[int, list[dict[str, Any]]] = {}
    given = Ballot.objects.filter(assignment__participation=participation).prefetch_related("votes__aspect")
    for ballot in given.order_by("pk"):
        ballots.setdefault(ballot.assignment_id, []).append(
            {
                "at": _stamp(ballot.created_at),
                "choices": {vote.aspect.key: vote.choice for vote in ballot.votes.all()},
                "viewing": ballot.viewing,
            }
        )
    shown = Assignment.objects.filter(participation=participation).select_related("pair__prompt")
    for assignment in shown.order_by("pk"):
        yield {
            "prompt": assignment.pair.prompt.text,
            "sides turned": assignment.swapped,
            "handed out": _stamp(assignment.handed_at),
            "state": assignment.state,
            "skipped because": assignment.skip_reason,
            "ballots": ballots.get(assignment.pk, []),
        }


def _controls(participation: int) -> Any:
    """Goldens, repeats, identical pairs and training shown to them, with their answers."""
    shown = Control.objects.filter(participation=participation).prefetch_related("answers")
    for control in shown.order_by("pk"):
        yield {
            "kind": control.kind,
            "handed out": _stamp(control.handed_at),
            "state": control.state,
            "skipped because": control.skip_reason,
            "answers": [
                {"at": _stamp(answer.created_at), "choices": answer.choices, "viewing": answer.viewing}
                for answer in control.answers.all()
            ],
        }


def _stamp(at: Any) -> str:
    return at.isoformat() if at else ""
