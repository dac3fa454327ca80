"""Invitation links: an organizer makes them and withdraws them."""

from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from evalapp.assessing.models import Invitation
from evalapp.comparisons.models import Comparison
from evalapp.people.views import organizers_only

SEATS_AT_MOST = 10_000


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
        invitation = Invitation.objects.create(comparison=comparison, **form.cleaned_data)
        messages.success(request, f"The link “{invitation}” is ready to be copied.")
    return redirect("comparison", code)


@organizers_only
@require_POST
def withdraw(request: HttpRequest, code: UUID) -> HttpResponse:
    """Nobody new comes in by this link; those who came keep their pairs and answers."""
    invitation = get_object_or_404(Invitation.objects.select_related("comparison"), code=code)
    Invitation.objects.filter(pk=invitation.pk).update(withdrawn=True)
    messages.success(request, f"The link “{invitation}” is withdrawn.")
    return redirect("comparison", invitation.comparison.code)
