"""What researchers read beyond a report: the pairs behind a number, explorations, a project's league and judges."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema_field
from rest_framework import exceptions, generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from evalapp.api.authentication import MayRead, MayReadPairs, MayReadReports
from evalapp.api.base import Paged, Problems, told
from evalapp.assessing.quality import STANDINGS
from evalapp.comparisons.models import Comparison, Pair
from evalapp.generation.models import Clip
from evalapp.people.access import access_of, project_of
from evalapp.people.harvest import asker, exported, take, verdicts_exported
from evalapp.reporting.behind import EVERY, ONLY, ShownPair, asked_of, shown
from evalapp.reporting.filters import NAMES, Filters, NoSuchFilter
from evalapp.reporting.trust_views import latest as judged
from evalapp.reporting.views import explored, latest_league

AGAIN = "ask again in a few seconds"
MANY = {"many": True, "explode": True}
KINDS: dict[str, dict[str, Any]] = {
    "tag": MANY | {"description": "Of the prompt; any of these."},
    "assessor": MANY | {"type": UUID, "description": "By these alone."},
    "since": {"type": OpenApiTypes.DATE, "description": "Answered on this day (UTC) or later."},
    "until": {"type": OpenApiTypes.DATE, "description": "Answered on this day or before."},
    "voters": {"enum": ["people", "programs"]},
    "standing": MANY | {"enum": list(STANDINGS), "description": "Of the assessor, as it is now."},
}


def filters_in(prefix: str = "") -> list[OpenApiParameter]:
    """The schema's lines of an exploration's filters."""
    return [OpenApiParameter(prefix + name, **KINDS[name]) for name in NAMES]


class League(Problems):
    """Contenders of all comparisons of the project, ranked through whom they met; people's votes alone. `current` is
    false where newer votes are being counted. 404 while none was ever counted; asking has a worker do it."""

    permission_classes = [MayRead]
    of = "project"

    @told(OpenApiTypes.OBJECT, 404)
    def get(self, request: Request, code: UUID) -> Response:
        project = project_of(request)
        found, behind = latest_league(project.pk)
        if not found:
            raise exceptions.NotFound(f"the league is being counted: {AGAIN}")
        mark = verdicts_exported(request, "league", project, project=project.pk, kind="api")
        return Response(found | {"current": not behind, "canary": mark})


class JudgesOfProject(Problems):
    """What each judge is worth against people over all comparisons of the project, as of one comparison."""

    permission_classes = [MayReadReports]
    of = "project"

    @told(OpenApiTypes.OBJECT, 404)
    def get(self, request: Request, code: UUID) -> Response:
        project = project_of(request)
        found, behind = judged(project)
        if not found:
            raise exceptions.NotFound(f"judges are being held against people: {AGAIN}")
        mark = verdicts_exported(request, "judges", project, project=project.pk, kind="api")
        return Response(found | {"current": not behind, "canary": mark})


class Exploration(Problems):
    """The report of some of the votes, marked exploratory: a choice made after seeing votes is no plan. 404 while a
    worker counts them."""

    permission_classes = [MayReadReports]

    @told(OpenApiTypes.OBJECT, 404, parameters=filters_in())
    def get(self, request: Request, code: UUID) -> Response:
        comparison = get_object_or_404(Comparison, code=code)
        given = {name: request.query_params.getlist(name) for name in NAMES if name in request.query_params}
        try:
            filters = Filters.read(comparison, given)
        except NoSuchFilter as refusal:
            raise serializers.ValidationError({"filters": [str(refusal)]}) from refusal
        if not filters:
            raise serializers.ValidationError({"filters": [f"name one or more of {', '.join(NAMES)}"]})
        if not (found := explored(comparison, filters, given)):
            raise exceptions.NotFound(f"these votes are being counted: {AGAIN}")
        told = {"kind": "api", "filters": urlencode(given, doseq=True)}
        mark = verdicts_exported(request, "exploration", comparison, project=comparison.project_id, **told)
        return Response(found | {"canary": mark})


class ShownClipSerializer(serializers.Serializer):
    contender = serializers.CharField(allow_null=True, help_text="null for viewers.")
    clip = serializers.URLField(help_text="Of the video or image, for a browser that is signed in.")


class ShownVoteSerializer(serializers.Serializer):
    assessor = serializers.UUIDField()
    aspect = serializers.CharField()
    choice = serializers.ChoiceField(choices=["left", "right", "tie"])
    both_bad = serializers.BooleanField(allow_null=True, help_text="null where it was not asked.")
    strength = serializers.IntegerField(allow_null=True)


class PairSerializer(serializers.Serializer):
    """A pair as its page shows it: whose clip is left for viewers, who read no names, is drawn by lot."""

    prompt = serializers.CharField(source="pair.prompt.key")
    text = serializers.CharField(source="pair.prompt.text")
    seed = serializers.IntegerField(source="pair.seed")
    left = serializers.SerializerMethodField()
    right = serializers.SerializerMethodField()
    votes = serializers.SerializerMethodField()
    canary = serializers.SerializerMethodField(help_text="No part of the pair: tells whose export this is.")

    @extend_schema_field(ShownClipSerializer)
    def get_left(self, pair: ShownPair) -> Any:
        return self._clip(pair.left)

    @extend_schema_field(ShownClipSerializer)
    def get_right(self, pair: ShownPair) -> Any:
        return self._clip(pair.right)

    def _clip(self, clip: Clip) -> Any:
        address = self.context["request"].build_absolute_uri(reverse("clip-media", args=[clip.folder]))
        name = clip.contender.name if self.context["named"] else None
        return ShownClipSerializer({"contender": name, "clip": address}).data

    @extend_schema_field(ShownVoteSerializer(many=True))
    def get_votes(self, pair: ShownPair) -> Any:
        sides = {"first": "left", "second": "right", "tie": "tie"}
        if pair.turned:
            sides |= {"first": "right", "second": "left"}
        rows = [
            {"assessor": code, "aspect": aspect.key, "choice": sides[choice], "both_bad": bad, "strength": strength}
            for code, choice, bad, strength, aspect in pair.votes
        ]
        return ShownVoteSerializer(rows, many=True).data

    def get_canary(self, pair: ShownPair) -> str:
        return str(self.context["canary"])


class InTheirOrder(Paged):
    ordering = "pk"
    page_size = 50


ASKED = {
    "aspect": f"A key, or {EVERY} for all.",
    **{"first": "With `second`: pairs of these two contenders.", "second": "", "contender": "Pairs with its clips."},
    "choice": "first, second, tie; decided, both_bad, single (of one vote), corrected.",
    **{"tag": "Of the prompt.", "everyone": "1: votes of excluded assessors too.", "left_out": "1: pairs left out."},
    "group": "That the newest report found, as its page names it (found_slices.0, suites.0.1).",
    "skip": "The reason for which somebody skipped the pair.",
}


class Pairs(Problems, generics.ListAPIView):
    """The pairs behind a number of a report or exploration, with each vote that counts, as the pages' links name them.
    Filters of an exploration begin with `only_`. Each vote spends the day's budget of votes."""

    permission_classes = [MayReadPairs]
    serializer_class = PairSerializer
    pagination_class = InTheirOrder

    @told(
        PairSerializer(many=True),
        404,
        parameters=[
            *(OpenApiParameter(name, description=said, required=name == "aspect") for name, said in ASKED.items()),
            OpenApiParameter("assessor", UUID, description="With a vote of theirs."),
            *filters_in(ONLY),
        ],
    )
    def get(self, request: Request, code: UUID) -> Response:
        comparison, named = get_object_or_404(Comparison, code=code), access_of(request).researches
        behind = asked_of(comparison, request.query_params, named)
        found: QuerySet[Pair] = behind.pairs(comparison)
        rows = shown(self.paginate_queryset(found) or [], behind, named)
        take("votes", asker(request), sum(len(each.votes) for each in rows), project=comparison.project_id)
        mark = exported("pairs", comparison, asker(request), kind="api", aspect=behind.key)
        context = {"request": request, "named": named, "canary": mark}
        return self.get_paginated_response(PairSerializer(rows, many=True, context=context).data)
