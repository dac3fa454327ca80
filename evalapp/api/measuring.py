"""REST v1 of measures: which clips wait for theirs, having them measured by a worker, following and cancelling that."""

from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from django.urls import reverse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from evalapp.api.authentication import MayOrganize
from evalapp.api.base import Problems, checked, told
from evalapp.api.idempotency import OnceOnly
from evalapp.api.problems import Conflict
from evalapp.api.serializers import Strict
from evalapp.comparisons.models import Comparison
from evalapp.generation.models import Clip
from evalapp.measuring.asked import NAMED, REFUSALS, MeasuredAlready, cancel, start
from evalapp.measuring.files import UnknownReference, item_of
from evalapp.measuring.models import MeasuringRun
from evalapp.measuring.runs import waiting
from evalapp.measuring.tasks import ring_measuring
from metrics import METRICS

SHOWN = 20


class MeasuringRunSerializer(serializers.ModelSerializer):
    reference = serializers.CharField(source="reference.name", default="", help_text="The contender, if any.")
    metrics = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = MeasuringRun
        fields: tuple[str, ...] = (
            *("code", "state", "metrics", "reference", "total", "done", "reason", "created_at", "finished_at"),
        )
        read_only_fields = fields


class MeasuringSerializer(serializers.Serializer):
    clips = serializers.IntegerField(help_text="Ready clips of the comparison.")
    files_waiting = serializers.IntegerField(help_text="Files that lack a measure of those that need no weights.")
    waiting = serializers.ListField(
        child=serializers.CharField(),
        help_text=f"The first {NAMED} of them by name. Those that stay after a run could not be read: its reason says "
        "of each why.",
    )
    runs = MeasuringRunSerializer(many=True, help_text=f"The newest {SHOWN}.")


class MeasureSerializer(Strict):
    metrics = serializers.ListField(
        child=serializers.CharField(max_length=50),
        default=list,
        max_length=200,
        help_text="Names as in docs/metrics.md. None: all that need no weights and, against a reference, those of sets "
        "whose weights are there.",
    )
    reference = serializers.CharField(
        default="", allow_blank=True, max_length=200, help_text="A contender: sets are measured against its clips too."
    )


class Measurements(OnceOnly, Problems):
    """Which clips wait for their measures, and the runs; POST has a worker measure. Values stand in the report."""

    permission_classes = [MayOrganize]

    @told(MeasuringSerializer, 404)
    def get(self, request: Request, code: UUID) -> Response:
        return Response(_facts(get_object_or_404(Comparison, code=code)))

    @told(MeasuringRunSerializer, 404, 409, 422, status=202, request=MeasureSerializer)
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request, *args, **kwargs)

    def once(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        comparison = get_object_or_404(Comparison, code=kwargs["code"])
        asked = checked(MeasureSerializer, request)
        try:
            run = start(comparison, asked["metrics"], asked["reference"])
        except REFUSALS as refusal:
            field = "reference" if isinstance(refusal, UnknownReference) else "metrics"
            raise serializers.ValidationError({field: [str(refusal)]}) from refusal
        except MeasuredAlready as refusal:
            raise Conflict(str(refusal)) from refusal
        ring_measuring(run)
        location = reverse("api-measuring-run", args=[run.code])
        return Response(MeasuringRunSerializer(run).data, status=202, headers={"Location": location})


class OneRun(Problems):
    """A run; DELETE cancels it, and what was measured so far is kept."""

    permission_classes = [MayOrganize]

    @told(MeasuringRunSerializer, 404)
    def get(self, request: Request, measuring: UUID) -> Response:
        return Response(MeasuringRunSerializer(_run(measuring)).data)

    @told(MeasuringRunSerializer, 404, 409)
    def delete(self, request: Request, measuring: UUID) -> Response:
        found = _run(measuring)
        if not cancel(found):
            raise Conflict(f"the run is {found.state}: it has ended already")
        return Response(MeasuringRunSerializer(found).data)


def _run(code: UUID) -> MeasuringRun:
    found: MeasuringRun = get_object_or_404(MeasuringRun.objects.select_related("comparison", "reference"), code=code)
    return found


def _facts(comparison: Comparison) -> dict[str, Any]:
    left = list(waiting(comparison, list(METRICS)))
    runs = comparison.measuring_runs.select_related("reference")[:SHOWN]
    return {
        "clips": comparison.clips().filter(state=Clip.State.READY).count(),
        "files_waiting": len(left),
        "waiting": [item_of(clip).called for clip in left[:NAMED]],
        "runs": MeasuringRunSerializer(runs, many=True).data,
    }
