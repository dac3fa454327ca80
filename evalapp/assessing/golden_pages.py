"""The organizer's page of goldens: what there is, how people answered it, more by a button or from a list."""

import csv
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import F
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from evalapp.assessing.controls import ControlAnswer, Golden
from evalapp.assessing.golden_orders import GoldenOrder
from evalapp.assessing.goldens import EXPLANATIONS, GoldensRefused, known_goldens
from evalapp.assessing.tasks import ring_goldens
from evalapp.catalog.refusals import spoken
from evalapp.comparisons.models import Comparison
from evalapp.generation.media import media_response
from evalapp.people import audit
from evalapp.people.views import organizers_only

PER_PAGE = 20
ORDERS_SHOWN = 5
LARGEST_LIST = 2**20
USES = {
    Golden.Use.WORK: gettext_lazy("among the work"),
    Golden.Use.TRAINING: gettext_lazy("training, explained"),
    Golden.Use.QUALIFICATION: gettext_lazy("qualification, counted"),
}


class NewGoldens(forms.Form):
    """Automatic ones, so many for each aspect chosen; or, with a file, pairs whose right answers are known."""

    use = forms.ChoiceField(choices=USES.items(), label=gettext_lazy("Shown"))
    aspects = forms.MultipleChoiceField(
        required=False, widget=forms.CheckboxSelectMultiple, label=gettext_lazy("Aspects")
    )
    per_aspect = forms.IntegerField(min_value=1, max_value=50, initial=4, label=gettext_lazy("For each aspect"))

    def __init__(self, comparison: Comparison, *args: Any) -> None:
        super().__init__(*args)
        named = [(aspect.key, aspect.translated_name) for aspect in comparison.aspects.all()]
        self.fields["aspects"].choices = named  # type: ignore[attr-defined]


class KnownGoldens(forms.Form):
    use = forms.ChoiceField(choices=USES.items(), label=gettext_lazy("Shown"))
    file = forms.FileField(label=gettext_lazy("CSV file"))

    def rows(self) -> list[dict[str, str]]:
        """Raises GoldensRefused for what is no list."""
        file = self.cleaned_data["file"]
        if file.size > LARGEST_LIST:
            raise GoldensRefused([_("This file is larger than 1 MB.")])
        try:
            return list(csv.DictReader(str(file.read(), "utf-8-sig").splitlines()))
        except (UnicodeDecodeError, csv.Error) as error:
            raise GoldensRefused([_("This file is not CSV in UTF-8: save it as that.")]) from error


@organizers_only
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def goldens(request: HttpRequest, code: UUID) -> HttpResponse:
    """Goldens and orders for more; posting asks for automatic ones, or takes a list of known answers."""
    comparison = get_object_or_404(Comparison, code=code)
    wanted, listed = NewGoldens(comparison), KnownGoldens()
    if request.method == "POST" and "file" in request.FILES:
        listed = KnownGoldens(request.POST, request.FILES)
        if listed.is_valid() and _taken(request, comparison, listed):
            return redirect("goldens", code)
    elif request.method == "POST":
        wanted = NewGoldens(comparison, request.POST)
        if wanted.is_valid():
            order(comparison, wanted.cleaned_data, request.user.get_username())
            messages.success(request, _("Goldens are being made. They appear below once all are ready."))
            return redirect("goldens", code)
    orders = list(comparison.golden_orders.all()[:ORDERS_SHOWN])
    for each in orders:
        each.reason = "\n".join(map(spoken, each.reason.splitlines()))
    page: dict[str, Any] = {
        "comparison": comparison,
        "orders": orders,
        "unended": any(not order.ended for order in orders),
        "page": Paginator(_newest_first(comparison), PER_PAGE).get_page(request.GET.get("page")),
    }
    if request.headers.get("HX-Request"):
        return render(request, "assessing/_orders.html", page | {"refreshed": True})
    names = {aspect.key: aspect.translated_name for aspect in comparison.aspects.all()}
    page |= {"wanted": wanted, "listed": listed, "rows": _rows(page["page"], names)}
    page["percent"] = round(100 * comparison.golden_share)
    wrong = wanted.errors or listed.errors
    return render(request, "assessing/goldens.html", page, status=400 if wrong else 200)


def _newest_first(comparison: Comparison) -> Any:
    return comparison.goldens.select_related("prompt", "first", "second").order_by("withdrawn", "-pk")


@transaction.atomic
def order(comparison: Comparison, asked: dict[str, Any], by: str) -> GoldenOrder:
    """Automatic goldens (use, aspects, per_aspect), which a worker makes."""
    wanted = {key: asked[key] for key in ("use", "aspects", "per_aspect")}
    made = GoldenOrder.objects.create(comparison=comparison, asked_by=by, **wanted)
    audit.record("asked for goldens of", comparison, **wanted)
    ring_goldens(made)
    return made


@transaction.atomic
def name_known(comparison: Comparison, rows: Iterable[dict[str, str]], use: str) -> list[Golden]:
    """Goldens from pairs whose right answers are known. Raises GoldensRefused."""
    made = known_goldens(comparison, rows, use)
    audit.record("named known answers of", comparison, goldens=len(made))
    return made


@transaction.atomic
def withdraw(golden: Golden) -> bool:
    """It is handed out to nobody new; what was answered stays. False where it was withdrawn before."""
    withdrawn = bool(Golden.objects.filter(pk=golden.pk, withdrawn=False).update(withdrawn=True))
    if withdrawn:
        audit.record("withdrew a golden of", golden.comparison, golden=golden.pk)
    return withdrawn


def _taken(request: HttpRequest, comparison: Comparison, form: KnownGoldens) -> bool:
    try:
        made = name_known(comparison, form.rows(), form.cleaned_data["use"])
    except GoldensRefused as refusal:
        form.add_error("file", refusal.problems[:20])
        return False
    messages.success(request, _("%(count)s pairs with known answers are taken.") % {"count": len(made)})
    return True


def _rows(page: Any, names: dict[str, str]) -> list[dict[str, Any]]:
    """Each golden with its right answers in words, and how often people gave them."""
    answered: dict[int, list[int]] = {golden.pk: [0, 0] for golden in page}
    last = ControlAnswer.objects.filter(control__golden__in=answered, version=F("control__version"))
    right = {golden.pk: golden.answers for golden in page}
    for golden, choices in last.values_list("control__golden", "choices"):
        for aspect, choice in right[golden].items():
            if aspect in choices:
                answered[golden][0] += choices[aspect] == choice
                answered[golden][1] += 1
    said = {"first": _("the first"), "second": _("the second"), "tie": _("same")}
    return [
        {
            "golden": golden,
            "use": USES[Golden.Use(golden.use)],
            "answers": [(names.get(key, key), said[choice]) for key, choice in golden.answers.items()],
            "why": golden.explanation or _(EXPLANATIONS.get(golden.damage, "")) if golden.damage else "",
            "right": answered[golden.pk][0],
            "total": answered[golden.pk][1],
        }
        for golden in page
    ]


@organizers_only
@require_POST
def withdraw_golden(request: HttpRequest, code: UUID, number: int) -> HttpResponse:
    if withdraw(get_object_or_404(Golden, pk=number, comparison__code=code)):
        messages.success(request, _("Handed out to nobody new. What was answered stays."))
    return redirect("goldens", code)


@organizers_only
@require_safe
def golden_copy(request: HttpRequest, code: UUID, number: int, poster: bool = False) -> HttpResponseBase:
    """A golden's damaged clip, which is nobody's clip otherwise."""
    copy = get_object_or_404(Golden, pk=number, comparison__code=code, second=None).pair().second
    path = copy.poster if poster else copy.rendition
    if not path.is_file():
        raise Http404
    return media_response(request, path)
