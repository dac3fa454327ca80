"""Setting a comparison up: the form with its forecast beside, drafts, copies and templates."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from evalapp.catalog.models import IMPORT, Contender, PromptSet
from evalapp.comparisons.aspects import HOUSE_ASPECTS
from evalapp.comparisons.forms import NewComparison
from evalapp.comparisons.launch import InvalidPlan, launch
from evalapp.comparisons.models import Comparison, NotReady
from evalapp.comparisons.plans import Template, plan_of
from evalapp.generation.models import Clip
from evalapp.people.access import project_of
from evalapp.people.projects import Role
from evalapp.people.views import members_only, organizers_only
from evalapp.reporting.forecast import Assumptions, forecast
from evalapp.reporting.pilots import ChoiceOfPilot, NoPilot, Pilot


@organizers_only
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """The form for a new comparison: launched, kept as a draft, or as a template."""
    plan, begun_from = _start(request)
    return _set_up(request, NewComparison(project_of(request), request.POST or None, initial=plan), None, begun_from)


@organizers_only
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, code: UUID) -> HttpResponse:
    """A draft, until it is launched."""
    draft = get_object_or_404(Comparison, code=code)
    if draft.state != Comparison.State.DRAFT:
        messages.error(request, _("This comparison is launched: its plan cannot be changed. Make a copy instead."))
        return redirect("comparison", code)
    return _set_up(request, NewComparison(draft.project, request.POST or None, initial=plan_of(draft)), draft)


def _start(request: HttpRequest) -> tuple[dict[str, Any], str]:
    """What the form begins with, and its name: a copy, a template, a prompt set with those whose own clips it has, or
    nothing."""
    asked, project = request.GET, project_of(request)
    if code := asked.get("from"):
        original = get_object_or_404(Comparison, code=code, project=project)
        return plan_of(original) | {"name": _("%(name)s, copy") % {"name": original.name}}, original.name
    if (number := asked.get("template", "")).isdigit():
        template = get_object_or_404(Template, pk=number, project=project)
        return template.plan, template.name
    if (number := asked.get("prompt_set", "")).isdigit():
        clips = Clip.objects.filter(prompt__prompt_set=number, state=Clip.State.READY, contender__project=project)
        own = clips.filter(contender__recipe__generator=IMPORT).values_list("contender", flat=True)
        return {"prompt_set": number, "contenders": list(own.order_by("contender__name").distinct())}, ""
    return {}, ""


def _set_up(
    request: HttpRequest, form: NewComparison, draft: Comparison | None = None, begun_from: str = ""
) -> HttpResponse:
    if request.POST.get("then") == "template":
        return _keep_template(request, form, draft)
    if form.is_valid():
        try:
            with transaction.atomic():
                comparison = form.save(draft, begun_from)
                if request.POST.get("then") != "draft":
                    launch(comparison)
        except (InvalidPlan, NotReady) as refusal:
            form.add_error(None, str(refusal))
        else:
            launched = comparison.state != Comparison.State.DRAFT
            said = _("Launched. Open it to voting when its clips are ready.") if launched else _("Kept as a draft.")
            messages.success(request, said)
            return redirect("comparison", comparison.code)
    return _page(request, form, draft)


def _keep_template(request: HttpRequest, form: NewComparison, draft: Comparison | None) -> HttpResponse:
    """Keep what was filled in, complete or not, apart from what differs each time; a known name is overwritten."""
    name = request.POST.get("template_name", "").strip()[:200]
    if not name:
        form.add_error(None, _("Give the template a name."))
        return _page(request, form, draft)
    plan = {each.name: each.value() for each in form}
    Template.objects.keep(form.project.pk, name, plan, request.user.get_username())
    messages.success(request, _("The template %(name)s is kept.") % {"name": name})
    return redirect("new-comparison")


@members_only(Role.ORGANIZER, of="template")
@require_POST
def remove_template(request: HttpRequest, number: int) -> HttpResponse:
    template = get_object_or_404(Template, pk=number)
    template.remove()
    messages.success(request, _("The template %(name)s is removed.") % {"name": template})
    return redirect("new-comparison")


def _page(request: HttpRequest, form: NewComparison, draft: Comparison | None) -> HttpResponse:
    assumed, choice = Assumptions(prefix="assume"), ChoiceOfPilot(form.project)
    context = {
        "form": form,
        "draft": draft,
        "templates": Template.objects.filter(project=form.project),
        "has_contenders": Contender.objects.filter(project=form.project).exists(),
        "assumptions": [*choice, *assumed],
    } | _foreseen(form, assumed, choice)
    return render(request, "comparisons/new.html", context)


@organizers_only
@require_POST
def foresee(request: HttpRequest) -> HttpResponse:
    """The forecast and the look of the assessor's screen, of the form as it is filled in so far."""
    assumed = Assumptions(request.POST, prefix="assume")
    assumed.is_valid()
    project = project_of(request)
    form, choice = NewComparison(project, request.POST), ChoiceOfPilot(project, request.POST)
    return render(request, "comparisons/_forecast.html", _foreseen(form, assumed, choice))


def _foreseen(form: NewComparison, assumed: Assumptions, choice: ChoiceOfPilot) -> dict[str, Any]:
    """As far as the fields make sense; those that do not are told by the form itself when it is sent."""

    def number(name: str) -> int:
        value = str(form[name].value() or "")
        return max(1, min(int(value), 10_000)) if value.isascii() and value.isdigit() else 1

    chosen = [pk for pk in map(str, form["contenders"].value() or ()) if pk.isdigit()]
    contenders = list(Contender.objects.filter(project=form.project, pk__in=chosen))
    wanted = str(form["prompt_set"].value() or "")
    sets = PromptSet.objects.filter(project=form.project)
    prompt_set = sets.filter(pk=wanted).first() if wanted.isdigit() else None
    lines = len({line.strip() for line in str(form["prompts"].value() or "").splitlines() if line.strip()})
    prompts = prompt_set.prompts.count() if prompt_set else lines
    pilot: Pilot | None = None
    try:
        pilot = choice.chosen()
        told = forecast(contenders, prompts, number("seeds"), number("overlap"), assumed, prompt_set, pilot)
    except NoPilot as refusal:
        told = _("The pilot's votes do not tell how much votes vary: %(why)s.") % {"why": refusal}
    keys = set(form["aspects"].value() or ())
    own = [line.partition(":") for line in str(form["own_aspects"].value() or "").splitlines() if ":" in line]
    return {
        "forecast": None if isinstance(told, str) else told,
        "pilot": pilot,
        "lacking": told if isinstance(told, str) else "",
        "shown_aspects": [
            *((aspect.name, aspect.question) for aspect in HOUSE_ASPECTS if aspect.key in keys),
            *((name.strip(), question.strip()) for name, _colon, question in own),
        ],
    }
