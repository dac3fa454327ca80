"""What an organizer tells a comparison to do: launch, open, pause, close, render failed clips again."""

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from evalapp.catalog.models import Contender
from evalapp.comparisons.forms import NewComparison
from evalapp.comparisons.launch import InvalidPlan, launch
from evalapp.comparisons.models import Comparison, NotReady
from evalapp.people.access import project_of
from evalapp.people.views import organizers_only


@organizers_only
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """The form for a new comparison; posting it launches it."""
    project = project_of(request)
    form = NewComparison(project, request.POST or None)
    if form.is_valid():
        try:
            with transaction.atomic():
                comparison = form.save()
                launch(comparison)
        except InvalidPlan as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, "Launched. Open it to voting when its clips are ready.")
            return redirect("comparison", comparison.code)
    has_contenders = Contender.objects.filter(project=project).exists()
    return render(request, "comparisons/new.html", {"form": form, "has_contenders": has_contenders})


@organizers_only
@require_POST
def open_voting(request: HttpRequest, code: UUID) -> HttpResponse:
    """Start or resume voting; with `leave_out_missing`, without the pairs that miss a clip."""
    comparison = get_object_or_404(Comparison, code=code)
    try:
        left_out = comparison.open(leave_out_missing=request.POST.get("leave_out_missing") == "yes")
    except NotReady as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, "Voting is open." + (f" {left_out} pairs are left out." if left_out else ""))
    return redirect("comparison", code)


@organizers_only
@require_POST
def pause(request: HttpRequest, code: UUID) -> HttpResponse:
    said = "Voting is paused: no new pairs are handed out, answers in hand are still taken."
    return _told(request, code, Comparison.pause, said)


@organizers_only
@require_POST
def close(request: HttpRequest, code: UUID) -> HttpResponse:
    return _told(request, code, Comparison.close, "Voting is closed for good.")


def _told(request: HttpRequest, code: UUID, verb: Callable[[Comparison], None], said: str) -> HttpResponse:
    """Tell the comparison, say what came of it, and go back to its page."""
    try:
        verb(get_object_or_404(Comparison, code=code))
    except NotReady as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, said)
    return redirect("comparison", code)


@organizers_only
@require_POST
def retry(request: HttpRequest, code: UUID) -> HttpResponse:
    """Queue failed clips again: all of them, or those that failed for the posted reason."""
    comparison = get_object_or_404(Comparison, code=code)
    try:
        queued = comparison.render_again(request.POST.get("reason", ""))
    except NotReady as refusal:
        messages.error(request, str(refusal))
        return redirect("comparison", code)
    if queued:
        said = ngettext("%(count)d clip is queued again.", "%(count)d clips are queued again.", queued)
        messages.success(request, said % {"count": queued})
    else:
        messages.error(request, "Nothing to render again. Imported clips are not rendered: import their files instead.")
    return redirect("comparison", code)
