"""Invitation links: an organizer makes them and withdraws them."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from evalapp.assessing.models import Invitation
from evalapp.comparisons.models import Comparison
from evalapp.people import audit
from evalapp.people.projects import Role
from evalapp.people.views import members_only, organizers_only

SEATS_AT_MOST = 10_000


@transaction.atomic
def new_link(comparison: Comparison, **columns: Any) -> Invitation:
    """A link into the comparison."""
    invitation = Invitation.objects.create(comparison=comparison, **columns)
    audit.record("made a link into", comparison, link=f"invitation {invitation.pk}", seats=invitation.seats)
    return invitation


@transaction.atomic
def withdraw_link(invitation: Invitation) -> None:
    """Nobody new comes in by it."""
    if Invitation.objects.filter(pk=invitation.pk, withdrawn=False).update(withdrawn=True):
        audit.record("withdrew a link into", invitation.comparison, link=f"invitation {invitation.pk}")


class InvitationForm(forms.Form):
    """Label and seats; for a panel also how people go back to it."""

    label = forms.CharField(max_length=100, required=False)
    seats = forms.IntegerField(min_value=1, max_value=SEATS_AT_MOST)
    quota = forms.IntegerField(min_value=0, max_value=100_000, required=False)
    panel = forms.ChoiceField(choices=Invitation.Panel.choices, required=False)
    completion_code = forms.CharField(max_length=100, required=False)
    return_url = forms.URLField(required=False, assume_scheme="https", max_length=200)
    screened_out_code = forms.CharField(max_length=100, required=False)
    screened_out_url = forms.URLField(required=False, assume_scheme="https", max_length=200)

    def clean_quota(self) -> int:
        return self.cleaned_data["quota"] or 0

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        addresses = [given.get(name, "") for name in ("return_url", "screened_out_url")]
        if any(address and not address.startswith("https://") for address in addresses):
            raise forms.ValidationError(_("the addresses that lead back must start with https://"))
        if given.get("panel") and not (given.get("completion_code") or given.get("return_url")):
            raise forms.ValidationError(_("people of a panel need a completion code or an address to go back to"))
        return given


@organizers_only
@require_POST
def invite(request: HttpRequest, code: UUID) -> HttpResponse:
    """A new link into the comparison, for one assessor or several."""
    comparison = get_object_or_404(Comparison, code=code)
    form = InvitationForm(request.POST)
    if comparison.state == Comparison.State.CLOSED:
        messages.error(request, _("Voting is closed: nobody can be invited any more."))
    elif not form.is_valid():
        why = "; ".join(f"{name}: {said[0]}" for name, said in form.errors.items()).replace("__all__: ", "")
        said = _("No link was made (%(why)s). A label has up to 100 letters, seats are 1 to %(most)s.")
        messages.error(request, said % {"why": why, "most": SEATS_AT_MOST})
    else:
        invitation = new_link(comparison, **form.cleaned_data)
        messages.success(request, _("The link “%(invitation)s” is ready to be copied.") % {"invitation": invitation})
    return redirect("comparison", code)


@members_only(Role.ORGANIZER, of="invitation")
@require_POST
def withdraw(request: HttpRequest, code: UUID) -> HttpResponse:
    """Nobody new comes in by this link; those who came keep their pairs and answers."""
    invitation = get_object_or_404(Invitation.objects.select_related("comparison"), code=code)
    withdraw_link(invitation)
    messages.success(request, _("The link “%(invitation)s” is withdrawn.") % {"invitation": invitation})
    return redirect("comparison", invitation.comparison.code)
