"""What helps to plan a comparison: another one's plan, templates, the forecast, a smaller prompt set."""

import json
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.core.cache import cache
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema_field
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from evalapp.api.authentication import MayOrganize, MayOversee, MayReadReports
from evalapp.api.base import ByKey, Problems, checked, filled, told
from evalapp.api.idempotency import OnceOnly
from evalapp.api.problems import Conflict
from evalapp.api.serializers import ContenderSerializer, PromptSerializer, Strict
from evalapp.catalog.contender_views import ask_trial, can_be_tried
from evalapp.catalog.models import IMPORT, Contender, PromptSet, PromptText
from evalapp.catalog.prompt_lists import as_rows, changes
from evalapp.catalog.tasks import ring_again, told_of
from evalapp.catalog.views import SHOWN, ask_sample, near_ones
from evalapp.comparisons.forms import LOOKS
from evalapp.comparisons.models import Comparison
from evalapp.comparisons.plans import Template, plan_of
from evalapp.comparisons.rules import WorkRules
from evalapp.people.access import project_of
from evalapp.reporting.forecast import Assumptions, forecast
from evalapp.reporting.pilots import NoPilot, pilot_of, pilots
from generators.recipe import written

PLAIN = ("overlap", "instructions", "length_rule", "planned_votes", "margin", "ask_both_bad", "ask_strength")


class TemplateSerializer(serializers.ModelSerializer):
    plan = serializers.SerializerMethodField(help_text="Fields of POST comparisons/; name and contenders are open.")

    number = serializers.IntegerField(source="pk")

    class Meta:
        model = Template
        fields = ("number", "name", "plan", "created_by", "created_at")
        read_only_fields = fields

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_plan(self, template: Template) -> dict[str, Any]:
        return as_body(template.plan)


class NewTemplateSerializer(Strict):
    name = serializers.CharField(max_length=200, help_text="A known one is overwritten.")
    comparison = serializers.UUIDField(help_text="Whose plan is kept.")


class AskForecastSerializer(Strict):
    contenders = serializers.ListField(child=serializers.CharField(max_length=200), min_length=2, max_length=100)
    prompt_set = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
    seeds = serializers.IntegerField(default=1, min_value=1, max_value=50, help_text="How many.")
    overlap = serializers.IntegerField(default=3, min_value=1, max_value=100)
    assessors = serializers.IntegerField(default=10, min_value=2, max_value=10_000)
    effect = serializers.IntegerField(default=10, min_value=1, max_value=49, help_text="Of 100, that you care about.")
    vote_seconds = serializers.FloatField(default=45, min_value=1, max_value=3600, help_text="Per pair.")
    pay = serializers.FloatField(required=False, min_value=0, max_value=1e6, help_text="Per hour of assessors.")
    machine = serializers.FloatField(required=False, min_value=0, max_value=1e6, help_text="Per hour of a worker.")
    pilot = serializers.UUIDField(required=False, help_text="A closed comparison whose votes tell how much votes vary.")
    pairing = serializers.ListField(
        child=serializers.CharField(max_length=200),
        required=False,
        min_length=2,
        max_length=2,
        help_text="Two contenders of the pilot; without, the first two that met.",
    )


class PilotSerializer(serializers.Serializer):
    comparison = serializers.UUIDField(source="comparison.code")
    pairing = serializers.ListField(child=serializers.CharField())
    aspect = serializers.CharField()
    votes = serializers.IntegerField()
    prompt = serializers.FloatField(source="components.prompt", help_text="Variance between prompts.")
    pair = serializers.FloatField(source="components.pair", help_text="Between seeds of a prompt.")
    assessor = serializers.FloatField(source="components.assessor")
    rest = serializers.FloatField(source="components.rest")
    cautions = serializers.ListField(child=serializers.CharField(), help_text="What its votes could not tell.")


class ForecastSerializer(serializers.Serializer):
    prompts = serializers.IntegerField(help_text="Prompts × seeds.")
    pairs = serializers.IntegerField()
    votes = serializers.IntegerField()
    hours = serializers.FloatField(help_text="Of assessors.")
    half_width = serializers.FloatField(help_text="Of the interval, in points of 100.")
    same_assessors = serializers.FloatField(help_text="Its half-width for these assessors alone.")
    power = serializers.IntegerField(help_text="Of 100, to find the difference.")
    wins = serializers.IntegerField()
    clips = serializers.IntegerField(help_text="Still to be rendered.")
    machine_hours = serializers.FloatField(allow_null=True, help_text="null where no time was ever measured.")
    cost = serializers.FloatField(allow_null=True)
    warnings = serializers.ListField(child=serializers.CharField())
    pilot = PilotSerializer(allow_null=True, help_text="null: variances are assumed from published votes on video.")


class Plan(Problems):
    """The body of POST comparisons/ that makes the same comparison again: for a copy, or to edit a draft by PUT."""

    permission_classes = [MayOversee]

    @told(OpenApiTypes.OBJECT, 404)
    def get(self, request: Request, code: UUID) -> Response:
        comparison = get_object_or_404(Comparison, code=code)
        names = comparison.contenders.order_by("entry__position").values_list("name", flat=True)
        body = as_body(plan_of(comparison))
        return Response({"name": comparison.name, "contenders": list(names)} | body | {"seeds": comparison.seeds})


def as_body(plan: dict[str, Any]) -> dict[str, Any]:
    """A plan as the page keeps it, in the API's words."""
    body = {name: plan[name] for name in PLAIN if plan.get(name) not in (None, "")}
    body |= {"seeds": list(range(int(plan.get("seeds") or 1))), "aspects": list(plan.get("aspects") or [])}
    if prompt_set := plan.get("prompt_set"):
        body["prompt_set"] = int(prompt_set)
    if plan.get("planned_looks"):
        body["planned_looks"] = LOOKS
    own = [line.partition(":") for line in str(plan.get("own_aspects") or "").splitlines() if ":" in line]
    body["own_aspects"] = [{"name": name.strip(), "question": question.strip()} for name, _colon, question in own]
    body["rules"] = {name: plan[name] for name in WorkRules.base_fields if plan.get(name) is not None}
    return body


class Templates(OnceOnly, Problems, generics.ListAPIView):
    """Plans kept to start from. POST keeps that of a comparison."""

    of = "project"
    serializer_class = TemplateSerializer
    pagination_class = ByKey

    def get_permissions(self) -> list[Any]:
        return [MayOrganize()] if self.request.method == "POST" else [MayOversee()]

    def get_queryset(self) -> QuerySet[Template]:
        return Template.objects.filter(project__code=self.kwargs.get("code"))

    @told(TemplateSerializer(many=True), 404)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @told(TemplateSerializer, 404, 422, status=201, request=NewTemplateSerializer)
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request, *args, **kwargs)

    def once(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        asked, project = checked(NewTemplateSerializer, request), project_of(request)
        comparison = Comparison.objects.filter(code=asked["comparison"], project=project).first()
        if comparison is None:
            raise serializers.ValidationError({"comparison": ["there is none of this code in the project"]})
        made = Template.objects.keep(project.pk, asked["name"], plan_of(comparison), request.user.get_username())
        return Response(TemplateSerializer(made).data, status=201)


class OneTemplate(Problems):
    """A plan kept to start from. DELETE: nothing starts from it any more."""

    of = "template"

    def get_permissions(self) -> list[Any]:
        return [MayOrganize()] if self.request.method == "DELETE" else [MayOversee()]

    @told(TemplateSerializer, 404)
    def get(self, request: Request, number: int) -> Response:
        return Response(TemplateSerializer(get_object_or_404(Template, pk=number)).data)

    @told(None, 404, status=204)
    def delete(self, request: Request, number: int) -> Response:
        get_object_or_404(Template, pk=number).remove()
        return Response(status=204)


class Forecast(Problems):
    """POST: how wide intervals will be, what is likely to be found, and what it costs; nothing is stored."""

    permission_classes = [MayOversee]
    of = "project"

    @told(ForecastSerializer, 404, 409, request=AskForecastSerializer)
    def post(self, request: Request, code: UUID) -> Response:
        asked, project = checked(AskForecastSerializer, request), project_of(request)
        contenders = list(Contender.objects.filter(project=project, name__in=asked["contenders"]))
        if unknown := sorted(set(asked["contenders"]) - {each.name for each in contenders}):
            raise serializers.ValidationError({"contenders": [f"none here is named {', '.join(unknown)}"]})
        prompt_set = PromptSet.objects.filter(pk=asked["prompt_set"], project=project).first()
        if prompt_set is None:
            raise serializers.ValidationError({"prompt_set": ["there is no such prompt set in the project"]})
        assumed, prompts = Assumptions(asked), prompt_set.prompts.count()
        filled(assumed)
        pilot = None
        if code_of_pilot := asked.get("pilot"):
            chosen = pilots(project).filter(code=code_of_pilot).first()
            if chosen is None:
                raise serializers.ValidationError({"pilot": ["no closed comparison of the project has this code"]})
            try:
                pilot = pilot_of(chosen, asked.get("pairing", ()))
            except NoPilot as refusal:
                raise Conflict(str(refusal)) from refusal
        found = forecast(contenders, prompts, asked["seeds"], asked["overlap"], assumed, prompt_set, pilot)
        if isinstance(found, str):
            raise Conflict(found)
        return Response(asdict(found) | {"pilot": PilotSerializer(pilot).data if pilot else None})


class ChangeSerializer(serializers.Serializer):
    key = serializers.CharField()
    before = PromptSerializer(allow_null=True)
    after = PromptSerializer(allow_null=True)


class ChangesSerializer(serializers.Serializer):
    against = serializers.IntegerField(allow_null=True, help_text="The version it is held against; null: it is first.")
    changes = ChangeSerializer(many=True)


class NearSerializer(serializers.Serializer):
    first = serializers.CharField(help_text="A prompt's key.")
    second = serializers.CharField()
    percent = serializers.IntegerField(help_text="How alike their words are.")


class LookedAtSerializer(ChangesSerializer):
    near = NearSerializer(many=True, help_text=f"Up to {SHOWN}.")


class PromptSetLooks(Problems):
    """What changed since an earlier version (`?against=` its id, or the one before), and prompts that say nearly the
    same in the same words."""

    permission_classes = [MayReadReports]
    of = "prompt_set"

    @told(LookedAtSerializer, 404, parameters=[OpenApiParameter("against", int)])
    def get(self, request: Request, number: int) -> Response:
        found = get_object_or_404(PromptSet, pk=number)
        others = PromptSet.objects.filter(name=found.name, project=found.project_id).exclude(pk=number)
        if asked := request.query_params.get("against", ""):
            other = others.filter(pk=asked).first() if asked.isascii() and asked.isdigit() else None
            if other is None:
                raise serializers.ValidationError({"against": ["is no other version of this set"]})
        else:
            other = others.filter(version__lt=found.version).order_by("-version").first()
        texts = found.texts()
        near = [
            {"first": each.first.key, "second": each.second.key, "percent": each.percent} for each in near_ones(texts)
        ]
        changed = [
            {"key": each.key, "before": _row(each.before), "after": _row(each.after)}
            for each in (changes(other.texts(), texts) if other else [])
        ]
        return Response({"against": other.pk if other else None, "changes": changed, "near": near[:SHOWN]})


def _row(prompt: PromptText | None) -> dict[str, Any] | None:
    return as_rows([prompt], "key")[0] if prompt else None


class SampleSerializer(Strict):
    count = serializers.IntegerField(min_value=1, max_value=100_000)
    name = serializers.CharField(default="", allow_blank=True, max_length=100)


class AskedSampleSerializer(serializers.Serializer):
    name = serializers.CharField(help_text="Of the prompt set that a worker freezes.")


class ShareOfGroupSerializer(serializers.Serializer):
    about = serializers.CharField(help_text="What the group, or after it a part of it (– …), is about.")
    drawn = serializers.IntegerField()
    prompts = serializers.IntegerField(help_text="Of it in the whole set.")


class DrawnSampleSerializer(serializers.Serializer):
    state = serializers.ChoiceField(choices=["unasked", "asked", "drawn", "problem"])
    name = serializers.CharField(help_text="Of the set that is being drawn, or is drawn.")
    prompt_set = serializers.IntegerField(allow_null=True, help_text="The id of the set that was drawn.")
    groups = ShareOfGroupSerializer(many=True)
    problem = serializers.CharField()


class PromptSample(Problems):
    """What became of the last ask in an hour. POST: a worker freezes fewer of its prompts with an even share of every
    kind; the same ask is the same set."""

    permission_classes = [MayOrganize]
    of = "prompt_set"

    @told(DrawnSampleSerializer, 404)
    def get(self, request: Request, number: int) -> Response:
        ring_again(number)
        kept = cache.get(told_of(number), {})
        drawn = PromptSet.objects.filter(pk=kept.get("drawn", 0)).first()
        groups = [dict(zip(("about", "drawn", "prompts"), each, strict=True)) for each in kept.get("groups", ())]
        state = next((name for name in ("problem", "drawn", "asked") if name in kept), "unasked")
        return Response(
            {
                **{"state": state, "name": drawn.name if drawn else kept.get("asked", "")},
                **{"prompt_set": drawn.pk if drawn else None, "groups": groups, "problem": kept.get("problem", "")},
            }
        )

    @told(AskedSampleSerializer, 404, 409, status=202, request=SampleSerializer)
    def post(self, request: Request, number: int) -> Response:
        asked, found = checked(SampleSerializer, request), get_object_or_404(PromptSet, pk=number)
        try:
            return Response({"name": ask_sample(found, asked["count"], asked["name"])}, status=202)
        except ValueError as refusal:
            raise Conflict(str(refusal)) from refusal


class OneContenderSerializer(ContenderSerializer):
    settings = serializers.SerializerMethodField(help_text="Of its recipe, defaults written out; null: imported.")

    class Meta(ContenderSerializer.Meta):
        fields = (*ContenderSerializer.Meta.fields, "settings")
        read_only_fields = fields

    @extend_schema_field(serializers.DictField(allow_null=True))
    def get_settings(self, contender: Contender) -> Any:
        recipe = contender.recipe
        if recipe.generator == IMPORT:
            return None
        return json.loads(written(recipe.generator, recipe.settings, ".json"))["settings"]


class OneContender(Problems):
    """A contender with its recipe, as POST contenders/ takes it."""

    permission_classes = [MayReadReports]
    of = "contender"

    @told(OneContenderSerializer, 404)
    def get(self, request: Request, number: int) -> Response:
        found = get_object_or_404(Contender.objects.select_related("checkpoint", "recipe"), pk=number)
        return Response(OneContenderSerializer(found, context={"request": request}).data)


class TryContender(Problems):
    """POST: a worker tries the recipe, once more or for the first time; `trial` of the contender tells what came."""

    permission_classes = [MayOrganize]
    of = "contender"

    @told(ContenderSerializer, 404, 409, status=202, request=None)
    def post(self, request: Request, number: int) -> Response:
        found = get_object_or_404(Contender.objects.select_related("checkpoint", "recipe"), pk=number)
        if not can_be_tried(found):
            raise Conflict(f"{found.recipe.generator} has nothing to try")
        ask_trial(found)
        return Response(ContenderSerializer(found, context={"request": request}).data, status=202)
