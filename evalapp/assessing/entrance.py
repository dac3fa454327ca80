"""The ways in and out for assessors: an invitation link, agreeing, the way back to a panel, stopping, withdrawing."""

import hashlib
from uuid import UUID

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_noop
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from evalapp.assessing.models import Invitation, InvitationClosed, Participation
from evalapp.assessing.panels import NotFromPanel, PanelSeat, Visitor, admit_visitor, seat_of, stop, visitor_of
from evalapp.assessing.views import ASSESSOR, notice, participation_or_none, see_other
from evalapp.assessing.withdrawal import erase
from evalapp.comparisons.models import Comparison
from evalapp.people.models import Assessor

KEPT = gettext_noop(
    "Your answers, how long and how much you watched, and the size of your window. No name, no address, no account. "
    "You may stop at any time; answers given so far stay."
)
KEPT_OF_PANEL = gettext_noop(
    "The numbers by which your panel knows you, this study and this session, so that you can be paid."
)


def agreement_of(invitation: Invitation) -> str:
    """The whole text that somebody agrees to, in one language: its digest is recorded with their agreement."""
    return "\n\n".join(filter(None, (invitation.comparison.consent_text, KEPT, invitation.panel and KEPT_OF_PANEL)))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """What taking part means; agreeing takes a seat, looking does not."""
    try:
        found = Invitation.objects.by_token(token)
        visitor = visitor_of(found, request.GET) if found.panel else None
    except Invitation.DoesNotExist:
        return notice(request, "forged", status=404)
    except NotFromPanel:
        return notice(request, "not_from_panel", status=400)
    comparison, known = found.comparison, _known(request, found, visitor)
    if comparison.state == Comparison.State.CLOSED:
        return notice(request, "closed", status=410)
    if known is None and (found.withdrawn or ((found.seats > 1 or visitor) and found.taken >= found.seats)):
        return notice(request, "no_seat", status=410)
    text = agreement_of(found)
    digest = hashlib.sha256(text.encode()).hexdigest()
    if request.method == "POST" and request.POST.get("agreed", digest) == digest:
        try:
            with transaction.atomic():
                participation = admit_visitor(found, visitor) if visitor else found.admit(_of_session(request))
                participation.consent(text)
        except InvitationClosed:
            return notice(request, "no_seat", status=410)
        if participation.assessor_id != request.session.get(ASSESSOR):
            request.session.cycle_key()
            request.session[ASSESSOR] = participation.assessor_id
        return see_other("assess", comparison.code)
    page = {
        "comparison": comparison,
        "aspects": comparison.aspects.all(),
        "known": known,
        "here": known and known.assessor_id == request.session.get(ASSESSOR),
        "minutes": comparison.lease_minutes,
        "kept": [KEPT, *([KEPT_OF_PANEL] if found.panel else [])],
        "agreed": digest,
    }
    return render(request, "assessing/invitation.html", page)


def _of_session(request: HttpRequest) -> Assessor | None:
    return Assessor.objects.filter(pk=request.session.get(ASSESSOR, 0), erased_at=None).first()


def _known(request: HttpRequest, found: Invitation, visitor: Visitor | None) -> Participation | None:
    """Who came before: a panel's participant by the panel's id, anyone else by this browser."""
    if visitor:
        seat = seat_of(found, visitor)
        return seat.participation if seat else None
    assessor = _of_session(request)
    return found.comparison.participations.filter(assessor=assessor).first() if assessor else None


@never_cache
@require_POST
def stop_here(request: HttpRequest, code: UUID) -> HttpResponse:
    """The assessor stops for now: their pairs go to others; by the same link they come back."""
    participation = participation_or_none(request, code)
    if participation is None:
        raise Http404
    stop(participation)
    return notice(request, "stopped", participation)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def withdraw(request: HttpRequest, code: UUID) -> HttpResponse:
    """Asked first, then done: all that tells who the assessor is goes, the votes stay without a name."""
    participation = participation_or_none(request, code)
    if participation is None:
        raise Http404
    if request.method != "POST":
        seat = PanelSeat.objects.filter(participation=participation).exists()
        return render(request, "assessing/withdraw.html", {"comparison": participation.comparison, "panel": seat})
    erase(participation.assessor)
    request.session.flush()
    return notice(request, "withdrawn")
