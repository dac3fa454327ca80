"""Invitation links: an organizer makes them and withdraws them."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from evalapp.assessing.models import Invitation
from evalapp.comparisons.models import Comparison
from evalapp.people import audit
from evalapp.people.views import organizers_only

SEATS_AT_MOST = 10_000


@transaction.atomic
def new_link(comparison: Comparison, **columns: Any) -> Invitation:
    """A link into the comparison."""
    invitation = Invitation.objects.create(comparison=comparison, **columns)
    audit.record("made a link into", comparison, link=str(invitation), seats=invitation.seats)
    return invitation


@transaction.atomic
def withdraw_link(invitation: Invitation) -> None:
    """Nobody new comes in by it."""
    if Invitation.objects.filter(pk=invitation.pk, withdrawn=False).update(withdrawn=True):
        audit.record("withdrew a link into", invitation.comparison, link=str(invitation))


class InvitationForm(forms.Form):
    label = forms.CharField(max_length=100, required=False)
    seats = forms.IntegerField(min_value=1, max_value=SEATS_AT_MOST)


@organizers_only
@require_POST
def invite(request: HttpRequest, code: UUID) -> HttpResponse:
    """A new link into the comparison, for one assessor or several."""
    comparison = get_object_or_404(Comparison, code=code)
    form = InvitationForm(request.POST)
    if comparison.state == Comparison.State.CLOSED:
        messages.error(request, "Voting is closed: nobody can be invited any more.")
    elif not form.is_valid():
        messages.error(request, f"No link was made: a label has up to 100 letters, seats are 1 to {SEATS_AT_MOST}.")
    else:
        invitation = new_link(comparison, **form.cleaned_data)
        messages.success(request, f"The link “{invitation}” is ready to be copied.")
    return redirect("comparison", code)


@organizers_only
@require_POST
def withdraw(request: HttpRequest, code: UUID) -> HttpResponse:
    """Nobody new comes in by this link; those who came keep their pairs and answers."""
    invitation = get_object_or_404(Invitation.objects.select_related("comparison"), code=code)
    withdraw_link(invitation)
    messages.success(request, f"The link “{invitation}” is withdrawn.")
    return redirect("comparison", invitation.comparison.code)
