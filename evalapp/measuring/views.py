"""The organizer's page of judges at work: what each lacks, starting one, how far it is, stopping it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from evalapp.comparisons.models import Comparison
from evalapp.measuring.judge_forms import JudgeForm, NotOffered
from evalapp.measuring.judges import JudgeRun
from evalapp.measuring.judging import AskedAlready, Estimate, NotEstimable, cancel, estimate, opened, start
from evalapp.measuring.sentences import spoken, spoken_of_judge
from evalapp.measuring.tasks import ring_judge
from evalapp.measuring.training_form import TrainingForm
from evalapp.people.views import organizers_only
from metrics import JUDGES, resolve
from metrics.judges import UnknownJudge
from metrics.judges.interface import JudgeUnavailable
from metrics.judges.own.least import LEAST_PROMPTS, LEAST_VOTES

SHOWN = 20
LEAST = {"votes": LEAST_VOTES, "prompts": LEAST_PROMPTS}


@dataclass
class Offer:
    """A judge as the page shows it. ready: None where that depends on its options."""

    name: str
    about: str
    ready: bool | None
    problems: list[str]
    form: JudgeForm
    estimate: Estimate | None = None


def offers(chosen: JudgeForm | None = None) -> list[Offer]:
    """Every judge of the registry with its form; the one that was sent keeps what was filled in."""
    found = []
    for name, path in JUDGES.items():
        ready, problems = probed(name)
        form = chosen if chosen and chosen.judge == name else JudgeForm(name)
        found.append(Offer(name, about(path), ready, problems, form))
    return found


def about(path: str) -> str:
    """What a judge is, in the first sentences of its class."""
    return " ".join((resolve(path).__doc__ or "").partition("\n\n")[0].split())


def probed(name: str) -> tuple[bool | None, list[str]]:
    """Whether a judge can work here with its default options, and what is missing; None where it needs options."""
    try:
        problems = opened(name, {}).probe()
    except UnknownJudge:
        return None, []
    except JudgeUnavailable as error:
        problems = [str(error)]
    return not problems, [spoken_of_judge(problem) for problem in problems]


@organizers_only
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def judging(request: HttpRequest, code: UUID) -> HttpResponse:
    """Judges and their runs; posting starts one, or says what it would ask and cost."""
    comparison = get_object_or_404(Comparison, code=code)
    if request.headers.get("HX-Request"):
        return render(request, "judging/_runs.html", _runs(comparison))
    chosen, told = None, None
    name = request.POST.get("judge", "")
    if name in JUDGES:
        chosen = JudgeForm(name, request.POST, request.FILES)
        if chosen.is_valid():
            try:
                options = chosen.options()
                if "estimate" in request.POST:
                    told = estimate(comparison, opened(name, options))
                else:
                    with transaction.atomic():
                        run = start(comparison, name, options, **chosen.budget)
                        ring_judge(run)
                    messages.success(request, _("The judge is asked. Its answers are kept as they come."))
                    return redirect("judging", code)
            except (UnknownJudge, JudgeUnavailable, NotEstimable, NotOffered, AskedAlready) as refusal:
                chosen.add_error(None, spoken_of_judge(str(refusal)))
    return shown(request, comparison, TrainingForm(comparison), chosen, told)


def shown(
    request: HttpRequest,
    comparison: Comparison,
    training: TrainingForm,
    chosen: JudgeForm | None = None,
    told: Estimate | None = None,
) -> HttpResponse:
    """The page, with what was filled in of either form."""
    context = _runs(comparison) | {"offers": offers(chosen), "training": training, "least": LEAST}
    for offer in context["offers"]:
        offer.estimate = told if chosen and offer.name == chosen.judge else None
    wrong = bool(training.errors or (chosen and chosen.errors))
    return render(request, "judging/judging.html", context, status=400 if wrong else 200)


def _runs(comparison: Comparison) -> dict[str, Any]:
    """The newest runs of judges and of training the team's own, and all that have not ended."""
    asked, trained = (
        every.filter(pk__in=every.values("pk")[:SHOWN]) | every.unended()
        for every in (comparison.judge_runs.all(), comparison.training_runs.all())
    )
    runs = [(run, spoken_of_judge(run.reason)) for run in asked.select_related("judge")]
    trainings = [(run, list(map(spoken, run.reason.splitlines()))) for run in trained.defer("card")]
    unended = any(not run.ended for run, _ in (*runs, *trainings))
    return {"comparison": comparison, "runs": runs, "trainings": trainings, "unended": unended}


@organizers_only
@require_POST
def stop(request: HttpRequest, run: UUID) -> HttpResponse:
    """No further answer is asked for."""
    found = get_object_or_404(JudgeRun.objects.select_related("comparison"), code=run)
    if cancel(found):
        messages.success(request, _("The run is cancelled. Its answers so far are kept."))
    else:
        messages.error(request, _("The run had ended already."))
    return redirect("judging", found.comparison.code)
