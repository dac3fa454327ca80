"""What an organizer tells a comparison to do: launch, open, pause, close, render failed clips again."""

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from evalapp.comparisons.launch import launch
from evalapp.comparisons.models import Comparison, NotReady
from evalapp.people.views import organizers_only


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
        left = _("Voting is open. Pairs left out: %(count)s.") % {"count": left_out}
        messages.success(request, left if left_out else _("Voting is open."))
    return redirect("comparison", code)


@organizers_only
@require_POST
def launch_draft(request: HttpRequest, code: UUID) -> HttpResponse:
    return _told(request, code, launch, _("Launched. Open it to voting when its clips are ready."))


@organizers_only
@require_POST
def pause(request: HttpRequest, code: UUID) -> HttpResponse:
    said = _("Voting is paused: no new pairs are handed out, answers in hand are still taken.")
    return _told(request, code, Comparison.pause, said)


@organizers_only
@require_POST
def close(request: HttpRequest, code: UUID) -> HttpResponse:
    return _told(request, code, Comparison.close, _("Voting is closed for good."))


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
        queued = comparison.render_again(request.POST.get("reason", "").replace("\r\n", "\n"))
    except NotReady as refusal:
        messages.error(request, str(refusal))
        return redirect("comparison", code)
    if queued:
        said = ngettext("%(count)d clip is queued again.", "%(count)d clips are queued again.", queued)
        messages.success(request, said % {"count": queued})
    else:
        why = _("Nothing to render again. Imported clips are not rendered: import their files instead.")
        messages.error(request, why)
    return redirect("comparison", code)
