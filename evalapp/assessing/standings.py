"""The organizer's page of one assessor in a comparison: what they did, and whether their votes count in the report."""

from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from evalapp.assessing.exclusions import AlreadyExcluded, Exclusion
from evalapp.assessing.models import Participation
from evalapp.people.views import organizers_only


class ReasonForm(forms.Form):
    reason = forms.CharField(max_length=500)


@organizers_only
@require_safe
def assessor(request: HttpRequest, code: UUID, assessor: UUID) -> HttpResponse:
    """One assessor's work and exclusions."""
    participation = taking_part(code, assessor)
    exclusions = list(participation.exclusions.all())
    page = {
        "comparison": participation.comparison,
        "participation": participation,
        "exclusions": exclusions,
        "active": next((each for each in exclusions if each.lifted_at is None), None),
    }
    return render(request, "people/assessor.html", page)


@organizers_only
@require_POST
def exclude(request: HttpRequest, code: UUID, assessor: UUID) -> HttpResponse:
    """From now on the report leaves this assessor's votes out; a reason is needed."""
    participation, form = taking_part(code, assessor), ReasonForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Nothing changed: say why, in up to 500 letters. The report shows the reason."))
    else:
        try:
            by = request.user.get_username()
            Exclusion.objects.exclude_assessor(participation, form.cleaned_data["reason"], by=by)
        except AlreadyExcluded:
            messages.error(request, _("This assessor is excluded already."))
        else:
            messages.success(request, _("Excluded: the report leaves these votes out. Nothing was deleted."))
    return redirect("assessor", code, assessor)


@organizers_only
@require_POST
def lift(request: HttpRequest, code: UUID, assessor: UUID) -> HttpResponse:
    """The assessor's votes count again; that they were excluded, by whom and why, stays on record."""
    active = taking_part(code, assessor).exclusions.filter(lifted_at=None).first()
    form = ReasonForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Nothing changed: say why, in up to 500 letters. The report shows the reason."))
    elif active and active.lift(request.user.get_username(), form.cleaned_data["reason"]):
        messages.success(request, _("The exclusion is lifted: these votes count again."))
    else:
        messages.error(request, _("This assessor is not excluded."))
    return redirect("assessor", code, assessor)


def taking_part(code: UUID, assessor: UUID) -> Participation:
    """An assessor of that comparison, or 404."""
    found = Participation.objects.select_related("comparison", "assessor", "invitation")
    return get_object_or_404(found, comparison__code=code, assessor__code=assessor)
