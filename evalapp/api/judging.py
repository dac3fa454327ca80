"""REST v1 of judges: which there are, asking one about a comparison, following and cancelling a run."""

import base64
import binascii
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from django.urls import reverse
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from evalapp.api.authentication import MayOrganize
from evalapp.api.base import AtOnce, NewestFirst, Problems, checked, told
from evalapp.api.idempotency import OnceOnly
from evalapp.api.problems import Conflict
from evalapp.api.serializers import Strict
from evalapp.api.strict import Base64Field
from evalapp.comparisons.models import Comparison
from evalapp.measuring.judge_forms import NotOffered, is_file, kept, offered, options_of
from evalapp.measuring.judges import JudgeRun
from evalapp.measuring.judging import AskedAlready, NotEstimable, cancel, estimate, opened, start
from evalapp.measuring.tasks import ring_judge
from evalapp.measuring.views import probed
from metrics import JUDGES
from metrics.judges import UnknownJudge
from metrics.judges.interface import JudgeUnavailable

MOST = ("calls", "input_tokens", "output_tokens", "cost")


class JudgeSerializer(serializers.Serializer):
    name = serializers.CharField()
    ready = serializers.BooleanField(allow_null=True, help_text="null where that depends on its options.")
    problems = serializers.ListField(child=serializers.CharField(), help_text="What is missing, and what to type.")
    options = serializers.DictField(child=serializers.CharField(allow_blank=True), help_text="Name: what it is.")


class UploadSerializer(Strict):
    """A file of scores for `replay`."""

    name = serializers.CharField(max_length=200, help_text="Ends with .csv or .jsonl.")
    content = Base64Field(help_text="base64.")


class NewRunSerializer(Strict):
    judge = serializers.CharField(max_length=100)
    options = serializers.DictField(default=dict)
    upload = UploadSerializer(required=False)
    most_cost = serializers.FloatField(required=False, allow_null=True, min_value=0, max_value=1e9)
    most_calls = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=2**31 - 1)


class RunSerializer(serializers.ModelSerializer):
    judge = serializers.CharField(source="judge.__str__", help_text="Its name, version and the hash of both.")
    left = serializers.IntegerField(help_text="Answers still to ask for.")

    class Meta:
        model = JudgeRun
        fields: tuple[str, ...] = (
            *("code", "name", "judge", "queue", "state", "reason", "most_cost", "most_calls"),
            *("total", "cached", "asked", "left", "counts"),
            *("calls", "input_tokens", "output_tokens", "cost", "seconds", "created_at", "finished_at"),
        )
        read_only_fields = fields


class EstimateSerializer(serializers.Serializer):
    """What a run would ask, and what that may take at most."""

    total = serializers.IntegerField()
    cached = serializers.IntegerField()
    left = serializers.IntegerField()
    most_calls = serializers.IntegerField()
    most_input_tokens = serializers.IntegerField()
    most_output_tokens = serializers.IntegerField()
    most_cost = serializers.FloatField()
    silent_on = serializers.ListField(
        child=serializers.CharField(), help_text="Aspects of the comparison that the judge says nothing of."
    )


class Judges(Problems, generics.ListAPIView):
    """Every judge of the house, and what it lacks here."""

    permission_classes = [MayOrganize]
    serializer_class = JudgeSerializer
    pagination_class = AtOnce

    @told(JudgeSerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> Any:
        listed = []
        for name in JUDGES:
            ready, problems = probed(name)
            options = {key: field.description or "" for key, field in options_of(name).items()}
            listed.append({"name": name, "ready": ready, "problems": problems, "options": options})
        return listed


class JudgeRuns(OnceOnly, Problems, generics.ListAPIView):
    """Runs of a comparison, the newest first; POST starts one."""

    permission_classes = [MayOrganize]
    serializer_class = RunSerializer
    pagination_class = NewestFirst

    @told(RunSerializer(many=True), 404)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> Any:
        return get_object_or_404(Comparison, code=self.kwargs.get("code")).judge_runs.select_related("judge")

    @told(RunSerializer, 404, 409, 422, status=201, request=NewRunSerializer)
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request, *args, **kwargs)

    def once(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        comparison = get_object_or_404(Comparison, code=kwargs["code"])
        asked = checked(NewRunSerializer, request)
        with _refusals():
            options = _with_upload(asked["judge"], offered(asked["judge"], asked["options"]), asked.get("upload"))
            run = start(comparison, asked["judge"], options, asked.get("most_cost"), asked.get("most_calls"))
            ring_judge(run)
        location = reverse("api-judge-run", args=[run.code])
        return Response(RunSerializer(run).data, status=201, headers={"Location": location})


class JudgeEstimate(Problems):
    """POST: what a run would ask and what that may take at most; nothing is asked."""

    permission_classes = [MayOrganize]

    @told(EstimateSerializer, 404, 409, request=NewRunSerializer)
    def post(self, request: Request, code: UUID) -> Response:
        comparison = get_object_or_404(Comparison, code=code)
        asked = checked(NewRunSerializer, request)
        with _refusals():
            options = _with_upload(asked["judge"], offered(asked["judge"], asked["options"]), asked.get("upload"))
            found = estimate(comparison, opened(asked["judge"], options))
        most = {f"most_{name}": getattr(found.most, name) for name in MOST}
        told = {name: getattr(found, name) for name in ("total", "cached", "left", "silent_on")}
        return Response(told | most)


class OneRun(Problems):
    """A run; DELETE cancels it, and its answers so far are kept."""

    permission_classes = [MayOrganize]

    @told(RunSerializer, 404)
    def get(self, request: Request, run: UUID) -> Response:
        return Response(RunSerializer(get_object_or_404(JudgeRun.objects.select_related("judge"), code=run)).data)

    @told(RunSerializer, 404, 409)
    def delete(self, request: Request, run: UUID) -> Response:
        found = get_object_or_404(JudgeRun.objects.select_related("judge", "comparison"), code=run)
        if not cancel(found):
            raise Conflict(f"the run is {found.state}: it has ended already")
        return Response(RunSerializer(found).data)


def _with_upload(name: str, options: dict[str, Any], upload: dict[str, str] | None) -> dict[str, Any]:
    if upload is None:
        return options
    files = [key for key, field in options_of(name).items() if is_file(field)] if name in JUDGES else []
    if not files:
        raise NotOffered(f"{name} takes no file: leave upload out")
    try:
        content = base64.b64decode(upload["content"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise NotOffered("upload.content is not base64") from error
    return options | {files[0]: kept(upload["name"], content)}


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except (UnknownJudge, NotOffered, NotEstimable) as refusal:
        raise serializers.ValidationError({"judge": [str(refusal)]}) from refusal
    except (JudgeUnavailable, AskedAlready) as refusal:
        raise Conflict(str(refusal)) from refusal
