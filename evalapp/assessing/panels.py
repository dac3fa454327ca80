"""Panels: assessors who come from Prolific or another panel, with ids in the link, and go back with a code.

Prolific puts PROLIFIC_PID, STUDY_ID and SESSION_ID into the study's address and takes people back at
https://app.prolific.com/submissions/complete?cc=CODE, or by the code typed in (docs.prolific.com, "Recording
participant data"; "Redirecting participants back to Prolific"). Any other panel fits that can do the same with the
names participant, study and session.
"""

from dataclasses import dataclass
from urllib.parse import quote

from django.db import IntegrityError, models, transaction
from django.db.models.functions import Now
from django.http import QueryDict

from evalapp.assessing.models import Assignment, Invitation, InvitationClosed, Participation
from evalapp.comparisons.models import Comparison

NAMES = {
    Invitation.Panel.PROLIFIC: ("PROLIFIC_PID", "STUDY_ID", "SESSION_ID"),
    Invitation.Panel.OTHER: ("participant", "study", "session"),
}
LONGEST = 100
PROLIFIC_BACK = "https://app.prolific.com/submissions/complete?cc={code}"


class NotFromPanel(Exception):
    """The link was opened without the panel's ids, or with ids that cannot be any."""


@dataclass(frozen=True)
class Visitor:
    """The ids with which a panel sent someone."""

    participant: str
    study: str = ""
    session: str = ""


def visitor_of(invitation: Invitation, given: QueryDict) -> Visitor:
    """Whom the panel sent; raises NotFromPanel without a participant's id."""
    found = [given.get(name, "").strip() for name in NAMES[Invitation.Panel(invitation.panel)]]
    if not found[0] or any(len(text) > LONGEST or not text.isprintable() for text in found):
        raise NotFromPanel
    return Visitor(*found)


class PanelSeat(models.Model):
    """Someone of a panel in a comparison. One participant of the panel is one assessor, however often they come."""

    class State(models.TextChoices):
        WORKING = "working"
        COMPLETED = "completed"
        SCREENED_OUT = "screened out"
        RETURNED = "returned", "stopped early"

    comparison = models.ForeignKey(Comparison, on_delete=models.CASCADE, related_name="panel_seats")
    participation = models.OneToOneField(Participation, on_delete=models.CASCADE, related_name="panel_seat")
    participant = models.CharField(max_length=LONGEST)
    study = models.CharField(max_length=LONGEST, blank=True)
    session = models.CharField(max_length=LONGEST, blank=True)
    state = models.CharField(max_length=12, choices=State.choices, default=State.WORKING)
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("comparison", "pk")
        constraints = [
            models.UniqueConstraint("comparison", "participant", name="one_seat_per_panel_participant"),
        ]

    def __str__(self) -> str:
        return f"{self.participant} in {self.comparison}"

    def end(self, state: "PanelSeat.State") -> None:
        """Completed, screened out or stopped: the first of completed and screened out stands."""
        ended = (self.State.COMPLETED, self.State.SCREENED_OUT)
        mine = type(self).objects.filter(pk=self.pk).exclude(state__in=ended)
        mine.exclude(state=state).update(state=state, ended_at=Now())
        self.refresh_from_db()

    def way_back(self) -> "WayBack":
        """Where the panel wants them now, and the code to type in there."""
        invitation = self.participation.invitation
        if invitation is None:
            return WayBack("", "")
        out = self.state == self.State.SCREENED_OUT
        code = invitation.screened_out_code if out else invitation.completion_code
        address = invitation.screened_out_url if out else invitation.return_url
        if not address and code and invitation.panel == Invitation.Panel.PROLIFIC:
            address = PROLIFIC_BACK
        ids = {"code": code, "participant": self.participant, "study": self.study, "session": self.session}
        for name, value in ids.items():
            address = address.replace(f"{{{name}}}", quote(value, safe=""))
        return WayBack(address, code)


@dataclass(frozen=True)
class WayBack:
    address: str
    code: str


def seat_of(invitation: Invitation, visitor: Visitor) -> PanelSeat | None:
    """Their seat, if they came before; ids of the study and session are those of the first visit."""
    seats = PanelSeat.objects.select_related("participation__assessor")
    return seats.filter(comparison=invitation.comparison, participant=visitor.participant).first()


def admit_visitor(invitation: Invitation, visitor: Visitor) -> Participation:
    """Let a panel's participant in: on their own seat again, or on a free one. Raises InvitationClosed."""
    if seat := seat_of(invitation, visitor):
        if seat.state == PanelSeat.State.RETURNED:
            PanelSeat.objects.filter(pk=seat.pk).update(state=PanelSeat.State.WORKING, ended_at=None)
        return seat.participation
    try:
        with transaction.atomic():
            participation = invitation.admit_new()
            PanelSeat.objects.create(
                comparison=invitation.comparison,
                participation=participation,
                participant=visitor.participant,
                study=visitor.study,
                session=visitor.session,
            )
            return participation
    except IntegrityError:
        # The same person clicked twice at once; the other click has the seat.
        if seat := seat_of(invitation, visitor):
            return seat.participation
        raise InvitationClosed from None


def stop(participation: Participation) -> None:
    """The assessor goes for now: what they hold goes to others at once; what they sent stays."""
    for held in participation.assignments.filter(state=Assignment.State.HELD):
        held.let_go()
    if seat := PanelSeat.objects.filter(participation=participation).first():
        seat.end(PanelSeat.State.RETURNED)
