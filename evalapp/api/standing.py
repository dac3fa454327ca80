"""The people of a comparison as organizers see them: standing, the rules behind it, and what follows from it."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema_field
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from evalapp.api.authentication import MayOrganize, MayOversee
from evalapp.api.base import ByKey, Problems, checked, told
from evalapp.api.problems import Conflict
from evalapp.api.serializers import Strict
from evalapp.assessing.exclusions import AlreadyExcluded, Exclusion, pause, resume
from evalapp.assessing.models import Participation
from evalapp.assessing.quality import CONSEQUENCES, RULES, STANDINGS, behind, settings_of, state_of
from evalapp.assessing.standings import everyone, give_rules, shown, taking_part
from evalapp.assessing.tasks import ring_watch
from evalapp.assessing.withdrawal import erase, hand_over
from evalapp.comparisons.models import Comparison


class ShareSerializer(serializers.Serializer):
    """In percent, with its interval."""

    share = serializers.FloatField()
    low = serializers.FloatField()
    high = serializers.FloatField()
    total = serializers.IntegerField(help_text="Of so many.")


class ExclusionSerializer(serializers.ModelSerializer):
    rule = serializers.CharField(help_text="Which rule excluded them; empty: an organizer.")

    class Meta:
        model = Exclusion
        fields = ("reason", "by", "rule", "at", "lifted_at", "lifted_by", "lifted_why")
        read_only_fields = fields


class AssessorSerializer(serializers.ModelSerializer):
    code = serializers.UUIDField(source="assessor.code")
    name = serializers.CharField(source="assessor.name")
    simulated = serializers.BooleanField(source="assessor.simulated", help_text="A program.")
    standing = serializers.SerializerMethodField()
    reasons = serializers.SerializerMethodField()
    computed_at = serializers.SerializerMethodField(help_text="When their work was last looked at; null: never.")
    measures = serializers.SerializerMethodField()
    exclusions = ExclusionSerializer(many=True, help_text="Of which one holds at most: that without lifted_at.")

    class Meta:
        model = Participation
        fields = (
            *("code", "name", "simulated", "standing", "reasons", "paused_at", "paused_by"),
            *("computed_at", "measures", "exclusions"),
        )
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(choices=STANDINGS))
    def get_standing(self, participation: Any) -> str:
        held = next((each for each in participation.exclusions.all() if each.lifted_at is None), None)
        return state_of(participation, getattr(participation, "standing", None), held)

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_reasons(self, participation: Any) -> list[str]:
        return participation.standing.reasons() if hasattr(participation, "standing") else []

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_computed_at(self, participation: Any) -> Any:
        return participation.standing.computed_at if hasattr(participation, "standing") else None

    @extend_schema_field(serializers.DictField(child=ShareSerializer(allow_null=True)))
    def get_measures(self, participation: Any) -> dict[str, Any]:
        standing = getattr(participation, "standing", None)
        return {key: shown(standing.share(key)) if standing else None for key in RULES}


class RuleSerializer(Strict):
    threshold = serializers.IntegerField(min_value=1, max_value=99, help_text="Of 100.")
    least = serializers.IntegerField(min_value=5, max_value=10_000, help_text="Pairs that it needs.")
    consequence = serializers.ChoiceField(choices=list(CONSEQUENCES))


class RulesSerializer(Strict):
    """Every rule that is to change; the others stay."""

    def get_fields(self) -> dict[str, Any]:
        return {key: RuleSerializer(required=False) for key in RULES}


class ReasonSerializer(Strict):
    reason = serializers.CharField(max_length=500, help_text="Reports show it.")


class ErasedSerializer(serializers.Serializer):
    code = serializers.UUIDField(help_text="Under which their votes stay.")


class Assessors(Problems, generics.ListAPIView):
    """Everyone who takes part, as they were last looked at; asking has a worker look again where answers came."""

    permission_classes = [MayOversee]
    serializer_class = AssessorSerializer
    pagination_class = ByKey

    @told(AssessorSerializer(many=True), 404)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Participation]:
        comparison = get_object_or_404(Comparison, code=self.kwargs.get("code"))
        if behind(comparison):
            ring_watch(comparison)
        found: QuerySet[Participation] = everyone(comparison).prefetch_related("exclusions")
        return found


class OneAssessor(Problems):
    """Somebody who takes part."""

    permission_classes = [MayOversee]

    @told(AssessorSerializer, 404)
    def get(self, request: Request, code: UUID, assessor: UUID) -> Response:
        return Response(AssessorSerializer(taking_part(code, assessor)).data)


class Reasoned(Problems):
    """POST: reports leave this assessor's votes out from now on, or (readmit) count them again, and show the reason.
    Nothing is deleted, and both stay on record."""

    permission_classes = [MayOrganize]
    shown_by = OneAssessor
    verb = ""

    @told(AssessorSerializer, 404, 409, request=ReasonSerializer)
    def post(self, request: Request, code: UUID, assessor: UUID) -> Response:
        participation, by = taking_part(code, assessor), request.user.get_username()
        reason = checked(ReasonSerializer, request)["reason"]
        active = participation.exclusions.filter(lifted_at=None).first()
        if self.verb == "readmit":
            if not (active and active.lift(by, reason)):
                raise Conflict(f"{participation.assessor} is not excluded")
        else:
            try:
                Exclusion.objects.exclude_assessor(participation, reason, by=by)
            except AlreadyExcluded as refusal:
                raise Conflict(str(refusal)) from refusal
        return Response(AssessorSerializer(participation).data)


class Rest(Problems):
    """POST: no new pair for this assessor (pause), or pairs again (resume); twice changes nothing."""

    permission_classes = [MayOrganize]
    shown_by = OneAssessor
    verb = ""

    @told(AssessorSerializer, 404, request=None)
    def post(self, request: Request, code: UUID, assessor: UUID) -> Response:
        participation = taking_part(code, assessor)
        if self.verb == "pause":
            pause(participation, by=request.user.get_username())
        else:
            resume(participation)
        return Response(AssessorSerializer(participation).data)


class Data(Problems):
    """Everything stored of the assessor in this project, to hand to them. DELETE with `?sure=yes` forgets the person;
    their votes stay under the code that is told."""

    permission_classes = [MayOrganize]

    @told(OpenApiTypes.OBJECT, 404)
    def get(self, request: Request, code: UUID, assessor: UUID) -> Response:
        participation = taking_part(code, assessor)
        return Response(hand_over(participation), headers={"Cache-Control": "no-store"})

    @told(ErasedSerializer, 404, parameters=[OpenApiParameter("sure", str, required=True, enum=["yes"])])
    def delete(self, request: Request, code: UUID, assessor: UUID) -> Response:
        participation = taking_part(code, assessor)
        if request.query_params.get("sure") != "yes":
            raise serializers.ValidationError({"sure": ["say ?sure=yes: this cannot be undone"]})
        erase(participation.assessor)
        return Response({"code": participation.assessor.code})


class Rules(Problems):
    """When a look at somebody's work fires, from how many pairs on, and what follows. PATCH changes those it names, and
    everyone is looked at anew."""

    def get_permissions(self) -> list[Any]:
        return [MayOrganize()] if self.request.method == "PATCH" else [MayOversee()]

    @told(RulesSerializer, 404)
    def get(self, request: Request, code: UUID) -> Response:
        return Response(_rules(get_object_or_404(Comparison, code=code)))

    @told(RulesSerializer, 404, request=RulesSerializer)
    def patch(self, request: Request, code: UUID) -> Response:
        comparison = get_object_or_404(Comparison, code=code)
        wanted = {
            key: rule | checked(RulesSerializer, request).get(key, {}) for key, rule in _rules(comparison).items()
        }
        give_rules(comparison, {key: rule | {"threshold": rule["threshold"] / 100} for key, rule in wanted.items()})
        return Response(_rules(comparison))


def _rules(comparison: Comparison) -> dict[str, dict[str, Any]]:
    return {
        each.rule.key: {
            "threshold": round(100 * each.threshold),
            "least": each.least,
            "consequence": each.consequence,
        }
        for each in settings_of(comparison)
    }
