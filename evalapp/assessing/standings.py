"""The organizer's pages of the people in a comparison: their standing, the evidence, and what follows from it."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Case, Exists, IntegerField, OuterRef, Prefetch, Q, Value, When
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from evalapp.assessing.evidence import Share
from evalapp.assessing.exclusions import AlreadyExcluded, Exclusion, pause, resume
from evalapp.assessing.models import Assignment, Participation, Vote
from evalapp.assessing.quality import CONSEQUENCES, RULES, Standing, behind, settings_of, state_of, watch
from evalapp.assessing.tasks import ring_watch
from evalapp.assessing.withdrawal import erase, hand_over
from evalapp.comparisons.models import Comparison
from evalapp.people import audit
from evalapp.people.views import organizers_only

ASSESSORS_PER_PAGE = 50
FACTS = {
    "seconds": gettext_lazy("Seconds on the pair"),
    "watched_left": gettext_lazy("Of the left clip, %"),
    "watched_right": gettext_lazy("Of the right clip, %"),
    "plays": gettext_lazy("Times played"),
    "hidden": gettext_lazy("Times the page was out of sight"),
    "hidden_seconds": gettext_lazy("Seconds out of sight"),
    "dropped_left": gettext_lazy("Frames dropped, left"),
    "dropped_right": gettext_lazy("Frames dropped, right"),
    "width": gettext_lazy("Width of the window"),
    "height": gettext_lazy("Height of the window"),
    "pixel_ratio": gettext_lazy("Pixels of the screen for each of the window"),
}
"""What is told of how a pair was watched; which parts of the clips were on the screen is for the rules to read."""


class ReasonForm(forms.Form):
    reason = forms.CharField(max_length=500)


class RulesForm(forms.Form):
    """Every rule's threshold (in percent), how many pairs it needs, and what follows."""

    def __init__(self, comparison: Comparison, *args: Any) -> None:
        super().__init__(*args)
        self.settings = settings_of(comparison)
        for each in self.settings:
            key, start = each.rule.key, round(100 * each.threshold)
            self.fields[f"{key}-threshold"] = forms.IntegerField(min_value=1, max_value=99, initial=start)
            self.fields[f"{key}-least"] = forms.IntegerField(min_value=5, max_value=10_000, initial=each.least)
            self.fields[f"{key}-consequence"] = forms.ChoiceField(
                choices=list(CONSEQUENCES.items()), initial=each.consequence
            )

    def rows(self) -> list[dict[str, Any]]:
        names = ("threshold", "least", "consequence")
        return [
            {"title": each.rule.title, "meaning": each.rule.meaning}
            | {name: self[f"{each.rule.key}-{name}"] for name in names}
            for each in self.settings
        ]

    def chosen(self) -> dict[str, dict[str, Any]]:
        said = self.cleaned_data
        return {
            key: {
                "threshold": said[f"{key}-threshold"] / 100,
                "least": said[f"{key}-least"],
                "consequence": said[f"{key}-consequence"],
            }
            for key in RULES
        }


def shown(share: Share | None) -> dict[str, float] | None:
    """A share and its interval in percent, as pages draw it."""
    if share is None:
        return None
    percents = {"share": share.share, "low": share.low, "high": share.high}
    return {name: round(100 * value, 1) for name, value in percents.items()} | {"total": share.total}


@organizers_only
@require_safe
def assessors(request: HttpRequest, code: UUID) -> HttpResponse:
    """Everyone in the comparison, those to look at first, and the rules. The numbers are those of the last look."""
    comparison = get_object_or_404(Comparison, code=code)
    if stale := behind(comparison):
        ring_watch(comparison)
    page = Paginator(everyone(comparison), ASSESSORS_PER_PAGE).get_page(request.GET.get("page"))
    rows = [_row(each) for each in page]
    newest = max((row["standing"].computed_at for row in rows if row["standing"]), default=None)
    context = {
        "comparison": comparison,
        "rows": rows,
        "page": page,
        "stale": stale,
        "computed_at": newest,
        "form": RulesForm(comparison),
    }
    return render(request, "people/assessors.html", context)


def everyone(comparison: Comparison) -> Any:
    """Participations, excluded and watched ones first, with standing and active exclusion; three queries."""
    active = Exclusion.objects.filter(participation=OuterRef("pk"), lifted_at=None)
    order = Case(
        When(Exists(active), then=Value(0)),
        When(Q(paused_at__isnull=False) | Q(standing__isnull=False) & ~Q(standing__fired=[]), then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    )
    held = Prefetch("exclusions", Exclusion.objects.filter(lifted_at=None), to_attr="holding")
    found = comparison.participations.select_related("assessor", "invitation", "standing").prefetch_related(held)
    return found.order_by(order, "-standing__seen", "pk")


def _row(participation: Any) -> dict[str, Any]:
    standing: Standing | None = getattr(participation, "standing", None)
    exclusion = next(iter(participation.holding), None)
    return {
        "participation": participation,
        "standing": standing,
        "state": state_of(participation, standing, exclusion),
        "exclusion": exclusion,
        "reasons": standing.reasons() if standing else [],
        "minutes": round(standing.numbers["seconds"] / 60) if standing else None,
        **{key: shown(standing.share(key)) if standing else None for key in RULES},
    }


@organizers_only
@require_safe
def assessor(request: HttpRequest, code: UUID, assessor: UUID) -> HttpResponse:
    """One assessor: a number with its interval for each measure and aspect, the pairs behind it, the verbs."""
    participation = taking_part(code, assessor)
    exclusions = list(participation.exclusions.all())
    active = next((each for each in exclusions if each.lifted_at is None), None)
    standing = Standing.objects.filter(participation=participation).first()
    measures = ("golden_aspects", "repeat_aspects", "by_aspect")
    aspects = [standing.aspects(measure) if standing else {} for measure in measures]
    examples = standing.numbers.get("examples", {}) if standing else {}
    page = {
        "comparison": participation.comparison,
        "participation": participation,
        "standing": standing,
        "state": state_of(participation, standing, active),
        "reasons": standing.reasons() if standing else [],
        "minutes": round(standing.numbers["seconds"] / 60) if standing else None,
        "measures": [
            {
                "title": setting.rule.title,
                "meaning": setting.rule.meaning,
                "share": shown(standing.share(key)) if standing else None,
                "least": setting.least,
                "fires": bool(standing and key in standing.fired),
                "examples": examples.get(key, []),
            }
            for setting in settings_of(participation.comparison)
            for key in [setting.rule.key]
        ],
        "aspects": [
            (aspect.translated_name, [shown(found.get(aspect.key)) for found in aspects])
            for aspect in participation.comparison.aspects.all()
        ],
        "exclusions": exclusions,
        "active": active,
    }
    return render(request, "people/assessor.html", page)


@organizers_only
@require_safe
def answer(request: HttpRequest, code: UUID, assignment: UUID) -> HttpResponse:
    """One answer as the assessor gave it: both clips on their sides, what was chosen, what others chose."""
    related = ("participation__assessor", "participation__comparison", "pair__prompt", "pair__first", "pair__second")
    found = get_object_or_404(
        Assignment.objects.select_related(*related), code=assignment, participation__comparison__code=code
    )
    chosen = found.screen_choices()
    others: dict[str, dict[str, int]] = {}
    votes = Vote.objects.current().filter(ballot__assignment__pair=found.pair).exclude(ballot__assignment=found)
    for key, choice in votes.values_list("aspect__key", "choice"):
        side = "same" if choice == "tie" else "left" if (choice == "first") != found.swapped else "right"
        others.setdefault(key, {"left": 0, "same": 0, "right": 0})[side] += 1
    page = {
        "comparison": found.comparison,
        "answer": found,
        "aspects": [
            (aspect.translated_name, chosen.get(aspect.key, ""), others.get(aspect.key))
            for aspect in found.comparison.aspects.all()
        ],
        "viewing": watched(found.ballot.viewing if found.ballot else {}),
    }
    return render(request, "people/answer.html", page)


def give_rules(comparison: Comparison, rules: dict[str, dict[str, Any]]) -> None:
    """These rules hold from now on, and everyone is looked at anew."""
    with transaction.atomic():
        Comparison.objects.filter(pk=comparison.pk).update(quality_rules=rules)
        audit.record("set the rules for assessors of", comparison, before=comparison.quality_rules, now=rules)
    comparison.refresh_from_db()
    watch(comparison)


@organizers_only
@require_POST
def set_rules(request: HttpRequest, code: UUID) -> HttpResponse:
    """The rules as the organizer wants them; everyone is looked at anew."""
    comparison = get_object_or_404(Comparison, code=code)
    form = RulesForm(comparison, request.POST)
    if not form.is_valid():
        messages.error(request, _("Nothing changed: thresholds are 1 to 99 %, the least number of pairs is 5 or more."))
    else:
        give_rules(comparison, form.chosen())
        messages.success(request, _("The rules hold from now on; everyone was looked at anew."))
    return redirect("assessors", code)


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


@organizers_only
@require_POST
def pause_assessor(request: HttpRequest, code: UUID, assessor: UUID) -> HttpResponse:
    """This assessor gets no new pair, or, when paused, gets pairs again."""
    participation = taking_part(code, assessor)
    if participation.paused_at:
        resume(participation)
        messages.success(request, _("They get pairs again."))
    else:
        pause(participation, by=request.user.get_username())
        messages.success(request, _("Paused: they read that the organizer looks at their answers first."))
    return redirect("assessor", code, assessor)


def watched(viewing: dict[str, Any]) -> list[tuple[Any, float]]:
    """What is known of how a pair was watched, named; shares in percent."""
    known = [(name, title) for name, title in FACTS.items() if name in viewing]
    return [(title, round(viewing[name] * (100 if "watched" in name else 1), 1)) for name, title in known]


@organizers_only
@require_safe
def assessor_data(request: HttpRequest, code: UUID, assessor: UUID) -> HttpResponse:
    """Everything stored of the assessor in this project, as a file to hand to them."""
    participation = taking_part(code, assessor)
    response = JsonResponse(hand_over(participation), json_dumps_params={"indent": 2})
    response["Content-Disposition"] = f'attachment; filename="assessor-{assessor}.json"'
    response["Cache-Control"] = "no-store"
    return response


@organizers_only
@require_POST
def erase_assessor(request: HttpRequest, code: UUID, assessor: UUID) -> HttpResponse:
    """Forget the person; their votes stay without a name."""
    participation = taking_part(code, assessor)
    if request.POST.get("sure") != "yes":
        messages.error(request, _("Nothing was erased: say that you are sure."))
        return redirect("assessor", code, assessor)
    erase(participation.assessor)
    messages.success(request, _("Erased: nothing stored tells any more who they were. Their votes stay."))
    return redirect("assessor", code, participation.assessor.code)


def taking_part(code: UUID, assessor: UUID) -> Participation:
    """An assessor of that comparison, or 404."""
    found = Participation.objects.select_related("comparison", "assessor", "invitation")
    return get_object_or_404(found, comparison__code=code, assessor__code=assessor)
