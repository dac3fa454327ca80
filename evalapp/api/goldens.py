"""Goldens of a comparison: which there are, orders for more, lists of known answers, withdrawing one."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.urls import reverse
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from evalapp.api.authentication import MayOrganize, MayOversee
from evalapp.api.base import ByKey, NewestFirst, Problems, checked, filled, told
from evalapp.api.idempotency import OnceOnly
from evalapp.api.serializers import Strict
from evalapp.assessing.controls import Golden
from evalapp.assessing.golden_orders import GoldenOrder
from evalapp.assessing.golden_pages import NewGoldens, name_known, order, withdraw
from evalapp.assessing.goldens import GoldensRefused
from evalapp.comparisons.models import Comparison

MOST_ROWS = 10_000


class UseSerializer(Strict):
    use = serializers.ChoiceField(choices=Golden.Use.choices, default=Golden.Use.WORK)


class KnownSerializer(Strict):
    """A pair whose right answer on an aspect is known."""

    prompt_id = serializers.CharField(max_length=200)
    first = serializers.CharField(max_length=200, help_text="A contender.")
    second = serializers.CharField(max_length=200)
    aspect = serializers.CharField(max_length=50)
    choice = serializers.CharField(max_length=200, help_text="first, second, tie, or a contender.")
    seed = serializers.IntegerField(default=0, min_value=0, max_value=2**32 - 1)
    explanation = serializers.CharField(required=False, allow_blank=True, max_length=2000)


class KnownAnswersSerializer(UseSerializer):
    known = KnownSerializer(many=True, allow_empty=False)

    def validate_known(self, known: list[Any]) -> list[Any]:
        if len(known) > MOST_ROWS:
            raise serializers.ValidationError(f"more than {MOST_ROWS} rows")
        return known


class GoldenSerializer(serializers.ModelSerializer):
    number = serializers.IntegerField(source="pk")
    prompt = serializers.CharField(source="prompt.key")
    answers = serializers.DictField(child=serializers.CharField(), help_text="Right choice by aspect.")
    damage = serializers.CharField(help_text="What was done to the second clip; empty: nothing, the answer is known.")

    class Meta:
        model = Golden
        fields = ("number", "use", "prompt", "damage", "answers", "explanation", "withdrawn", "created_at")
        read_only_fields = fields


class TakenSerializer(serializers.Serializer):
    goldens = serializers.ListField(child=serializers.IntegerField(), help_text="Their numbers.")


class NewOrderSerializer(UseSerializer):
    aspects = serializers.ListField(
        child=serializers.CharField(max_length=50), default=list, max_length=100, help_text="Empty: all it can damage."
    )
    per_aspect = serializers.IntegerField(default=4, min_value=1, max_value=50)


class OrderSerializer(serializers.ModelSerializer):
    number = serializers.IntegerField(source="pk")
    aspects = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = GoldenOrder
        fields = (
            *("number", "use", "aspects", "per_aspect", "state", "made", "reason"),
            *("asked_by", "created_at", "ended_at"),
        )
        read_only_fields = fields


class OfComparison(OnceOnly, Problems, generics.ListAPIView):
    """A list of a comparison's own: organizers read it, and add to it."""

    def get_permissions(self) -> list[Any]:
        return [MayOrganize()] if self.request.method == "POST" else [MayOversee()]

    @property
    def comparison(self) -> Comparison:
        return get_object_or_404(Comparison, code=self.kwargs.get("code"))


class Goldens(OfComparison):
    """Goldens there are, withdrawn ones too. POST names known answers: all, or none where one cannot be used."""

    serializer_class = GoldenSerializer
    pagination_class = ByKey

    def get_queryset(self) -> QuerySet[Golden]:
        return Golden.objects.filter(comparison=self.comparison).select_related("prompt")

    @told(GoldenSerializer(many=True), 404)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @told(TakenSerializer, 404, 422, status=201, request=KnownAnswersSerializer)
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request, *args, **kwargs)

    def once(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        asked = checked(KnownAnswersSerializer, request)
        rows = [{key: str(value) for key, value in row.items()} for row in asked["known"]]
        try:
            made = name_known(self.comparison, rows, asked["use"])
        except GoldensRefused as refusal:
            raise serializers.ValidationError({"known": refusal.problems[:20]}) from refusal
        return Response({"goldens": [golden.pk for golden in made]}, status=201)


class OneGolden(Problems):
    """DELETE: it is handed out to nobody new; what was answered stays."""

    permission_classes = [MayOrganize]

    @told(None, 404, status=204)
    def delete(self, request: Request, code: UUID, number: int) -> Response:
        withdraw(get_object_or_404(Golden.objects.select_related("comparison"), pk=number, comparison__code=code))
        return Response(status=204)


class GoldenOrders(OfComparison):
    """Orders for automatic goldens, the newest first. POST has a worker make so many for each aspect, all or none."""

    serializer_class = OrderSerializer
    pagination_class = NewestFirst

    def get_queryset(self) -> QuerySet[GoldenOrder]:
        return GoldenOrder.objects.filter(comparison=self.comparison)

    @told(OrderSerializer(many=True), 404)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @told(OrderSerializer, 404, 422, status=201, request=NewOrderSerializer)
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request, *args, **kwargs)

    def once(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        comparison = self.comparison
        asked = filled(NewGoldens(comparison, checked(NewOrderSerializer, request)))
        made = order(comparison, asked, request.user.get_username())
        where = reverse("api-golden-order", args=[comparison.code, made.pk])
        return Response(OrderSerializer(made).data, status=201, headers={"Location": where})


class OneGoldenOrder(Problems):
    """queued, running, done, or failed and then why."""

    permission_classes = [MayOversee]

    @told(OrderSerializer, 404)
    def get(self, request: Request, code: UUID, number: int) -> Response:
        found = get_object_or_404(GoldenOrder, pk=number, comparison__code=code)
        return Response(OrderSerializer(found).data)
