"""Having the team's own judge trained, from the page of judges at work."""

from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from evalapp.comparisons.models import Comparison
from evalapp.measuring.judges import TrainingRun
from evalapp.measuring.sentences import spoken
from evalapp.measuring.tasks import ring_training
from evalapp.measuring.training import REFUSALS, TrainedAlready, cancel, start
from evalapp.measuring.training_form import TrainingForm
from evalapp.measuring.views import shown
from evalapp.people.views import organizers_only


@organizers_only
@require_POST
def train(request: HttpRequest, code: UUID) -> HttpResponse:
    """Queue a training, or say on the page of judges why not."""
    comparison = get_object_or_404(Comparison.objects.select_related("project"), code=code)
    form = TrainingForm(comparison, request.POST)
    if form.is_valid():
        try:
            with transaction.atomic():
                ring_training(start(comparison, **form.asked()))
        except (*REFUSALS, TrainedAlready) as refusal:
            form.add_error(None, spoken(str(refusal)))
        else:
            messages.success(request, _("The judge is trained by a worker. Its card stands here when it is done."))
            return redirect("judging", code)
    return shown(request, comparison, form)


@organizers_only
@require_POST
def stop(request: HttpRequest, training: UUID) -> HttpResponse:
    """No judge comes of it."""
    found = get_object_or_404(TrainingRun.objects.select_related("comparison"), code=training)
    if cancel(found):
        messages.success(request, _("The training is cancelled. A judge of that name, if there was one, is as it was."))
    else:
        messages.error(request, _("The run had ended already."))
    return redirect("judging", found.comparison.code)
