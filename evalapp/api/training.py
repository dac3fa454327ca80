"""REST v1 of the team's own judge: having it trained on votes, following that, its card, cancelling."""

from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from django.urls import reverse
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from evalapp.api.authentication import MayOrganize
from evalapp.api.base import NewestFirst, Problems, checked, told
from evalapp.api.idempotency import OnceOnly
from evalapp.api.problems import Conflict
from evalapp.api.serializers import Strict
from evalapp.api.strict import JudgeNameField
from evalapp.comparisons.models import Comparison
from evalapp.measuring.judges import TrainingRun
from evalapp.measuring.tasks import ring_training
from evalapp.measuring.training import (
    MOST_HIDDEN,
    MOST_MESA,
    REFUSALS,
    TrainedAlready,
    UnknownComparison,
    WrongName,
    cancel,
    start,
)
from metrics.judges.own.least import LEAST_PROMPTS, LEAST_VOTES, NotEnoughVotes

FIELDS: dict[type[Exception], str] = {
    WrongName: "name",
    UnknownComparison: "others",
    NotEnoughVotes: "others",
}
"""What a refusal is about; the others are about features."""


class TrainingSerializer(serializers.ModelSerializer):
    comparisons = serializers.ListField(child=serializers.UUIDField(), help_text="Whose votes it learns from.")
    features = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = TrainingRun
        fields: tuple[str, ...] = (
            *("code", "name", "state", "comparisons", "features", "hidden", "mesa", "total", "done", "reason"),
            *("created_at", "finished_at"),
        )
        read_only_fields = fields


class OneTrainingSerializer(TrainingSerializer):
    card = serializers.DictField(
        allow_null=True, help_text="Data, splits and scores on held-out prompts and contenders; null until it is done."
    )

    class Meta(TrainingSerializer.Meta):
        fields = (*TrainingSerializer.Meta.fields, "card")
        read_only_fields = fields


class NewTrainingSerializer(Strict):
    name = JudgeNameField(default="own", max_length=50, help_text="Lower-case letters, digits and hyphens.")
    others = serializers.ListField(
        child=serializers.UUIDField(), default=list, max_length=200, help_text="More comparisons of the project."
    )
    features = serializers.ListField(
        child=serializers.CharField(max_length=50),
        default=list,
        max_length=20,
        help_text="Extractors beside the signal measures; clip_product and clip_score read the prompt.",
    )
    hidden = serializers.IntegerField(default=0, min_value=0, max_value=MOST_HIDDEN, help_text="Width; 0: no layer.")
    mesa = serializers.FloatField(default=0.0, min_value=0, max_value=MOST_MESA, help_text="Weight; 0: none.")


class Trainings(OnceOnly, Problems, generics.ListAPIView):
    """Training runs of the team's own judge, the newest first; POST has a worker train one on the votes of this
    comparison and others."""

    permission_classes = [MayOrganize]
    serializer_class = TrainingSerializer
    pagination_class = NewestFirst

    @told(TrainingSerializer(many=True), 404)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> Any:
        return get_object_or_404(Comparison, code=self.kwargs.get("code")).training_runs.defer("card")

    @told(
        TrainingSerializer, 404, 409, 422, status=202, request=NewTrainingSerializer,
        description=f"An aspect takes {LEAST_VOTES} votes on {LEAST_PROMPTS} prompts; refused where none has them.",
    )  # fmt: skip
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request, *args, **kwargs)

    def once(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        comparison = get_object_or_404(Comparison.objects.select_related("project"), code=kwargs["code"])
        try:
            run = start(comparison, **checked(NewTrainingSerializer, request))
        except REFUSALS as refusal:
            raise serializers.ValidationError({FIELDS.get(type(refusal), "features"): [str(refusal)]}) from refusal
        except TrainedAlready as refusal:
            raise Conflict(str(refusal)) from refusal
        ring_training(run)
        location = reverse("api-judge-training", args=[run.code])
        return Response(TrainingSerializer(run).data, status=202, headers={"Location": location})


class OneTraining(Problems):
    """A training run, with the judge's card once it is done; DELETE cancels it, and no judge comes of it."""

    permission_classes = [MayOrganize]

    @told(OneTrainingSerializer, 404)
    def get(self, request: Request, training: UUID) -> Response:
        return Response(OneTrainingSerializer(get_object_or_404(TrainingRun, code=training)).data)

    @told(OneTrainingSerializer, 404, 409)
    def delete(self, request: Request, training: UUID) -> Response:
        found = get_object_or_404(TrainingRun.objects.select_related("comparison"), code=training)
        if not cancel(found):
            raise Conflict(f"the run is {found.state}: it has ended already")
        return Response(OneTrainingSerializer(found).data)
