"""REST v1, reading and verbs: members read comparisons, researchers reports and votes; organizers act."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions, generics
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from evalapp.api.authentication import MayOrganize, MayRead, MayReadReports, MayReadVotes, SignedIn
from evalapp.api.base import ByKey, Problems, checked, told
from evalapp.api.creating import planned
from evalapp.api.problems import Conflict
from evalapp.api.serializers import (
    AskedSerializer,
    AspectSerializer,
    ClipsSerializer,
    ComparisonSerializer,
    MeSerializer,
    NewComparisonSerializer,
    OneComparisonSerializer,
    OpenSerializer,
    PrioritySerializer,
    RetriedSerializer,
    RetrySerializer,
    Strict,
    VoteSerializer,
)
from evalapp.assessing.models import Vote
from evalapp.comparisons.launch import launch
from evalapp.comparisons.models import Comparison, NotReady
from evalapp.generation.tasks import ring as wake_workers
from evalapp.people.access import access_of, project_of
from evalapp.people.harvest import asker, exported, take, verdicts_exported
from evalapp.people.projects import Role
from evalapp.reporting.build import newest
from evalapp.reporting.exports import FORMATS
from evalapp.reporting.progress import answers_of, rendering_of, votes_of
from evalapp.reporting.trust_views import latest as judged
from evalapp.reporting.views import CONTENT_TYPES, as_file, latest


class OneComparison(Problems):
    """A comparison with its contenders, aspects and progress. PUT plans a draft anew, under its code."""

    def get_permissions(self) -> list[Any]:
        return [MayOrganize()] if self.request.method == "PUT" else [MayRead()]

    @told(OneComparisonSerializer, 404)
    def get(self, request: Request, code: UUID) -> Response:
        comparison = get_object_or_404(Comparison.objects.select_related("prompt_set"), code=code)
        clips: dict[str, int] = {}
        for rendering in rendering_of([comparison.pk]).values():
            for state, count in rendering.states.items():
                clips[state] = clips.get(state, 0) + count
        answers, votes = answers_of([comparison.pk])[comparison.pk], votes_of(comparison)
        contenders = comparison.entries.order_by("position").values_list("contender__name", flat=True)
        return Response(
            {
                **ComparisonSerializer(comparison, context={"request": request}).data,
                "contenders": list(contenders),
                "aspects": AspectSerializer(comparison.aspects.all(), many=True).data,
                "clips": clips,
                "pairs": answers.pairs,
                "pairs_left_out": answers.left_out,
                "places": answers.places,
                "answers": answers.answered,
                "simulated_answers": answers.simulated,
                "votes": votes["all"],
                "simulated_votes": votes["simulated"],
            },
        )

    @told(ComparisonSerializer, 404, 409, request=NewComparisonSerializer)
    def put(self, request: Request, code: UUID) -> Response:
        draft = get_object_or_404(Comparison, code=code)
        asked = checked(NewComparisonSerializer, request)
        if asked["prompt_set"].project_id != draft.project_id:
            raise Conflict("the prompt set lies in another project than the draft")
        with transaction.atomic():
            comparison = planned(asked, draft)
        return Response(ComparisonSerializer(comparison, context={"request": request}).data)


class JudgesAgainstPeople(Problems):
    """What each judge is worth against people in this comparison: the page's snapshot; `current` is false where there
    are newer votes or verdicts. 404 while none was built; asking has a worker build it, or a newer one."""

    permission_classes = [MayReadReports]

    @told(OpenApiTypes.OBJECT, 404)
    def get(self, request: Request, code: UUID) -> Response:
        comparison = get_object_or_404(Comparison, code=code)
        found, behind = judged(comparison)
        if not found:
            raise exceptions.NotFound("judges are being held against people: ask again in a few seconds")
        mark = verdicts_exported(request, "judges", comparison, project=comparison.project_id, kind="api")
        return Response(found | {"current": not behind, "canary": mark})


class NewestReport(Problems):
    """The newest report's snapshot as stored, after the canary of this export; POST asks for a fresh one, which a
    worker builds."""

    def get_permissions(self) -> list[Any]:
        return [MayReadReports()] if self.request.method != "POST" else [MayOrganize()]

    @told(OpenApiTypes.OBJECT, 404)
    def get(self, request: Request, code: UUID) -> HttpResponse:
        comparison = get_object_or_404(Comparison, code=code)
        report, _ = newest(comparison)
        if not report:
            raise exceptions.NotFound("no report has been built of this comparison: open its report page to have one")
        mark = verdicts_exported(request, "report", comparison, project=comparison.project_id, kind="api")
        return HttpResponse(f'{{"canary":"{mark}",{report.snapshot[1:]}', content_type="application/json")

    @told(AskedSerializer, 404, status=202, request=None)
    def post(self, request: Request, code: UUID) -> Response:
        comparison = get_object_or_404(Comparison, code=code)
        newest, behind = latest(comparison)
        return Response({"current": not behind, "newest": newest.pk if newest else None}, status=202)


class ReportFile(Problems):
    """The newest report as the page's files: one HTML page that needs nothing else, a table as CSV or Parquet, JSON."""

    permission_classes = [MayReadReports]

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        return super().perform_content_negotiation(request, force=True)  # the address says what is wanted

    @told(
        {(200, media.split(";")[0]): OpenApiTypes.BINARY for kind, media in CONTENT_TYPES.items() if kind != "json"}
        | {(200, CONTENT_TYPES["json"]): OpenApiTypes.OBJECT},
        404,
        operation_id="comparisons_report_file",
        parameters=[OpenApiParameter("kind", enum=list(FORMATS), location="path")],
    )
    def get(self, request: Request, code: UUID, kind: str) -> HttpResponse:
        comparison = get_object_or_404(Comparison, code=code)
        report, _ = newest(comparison)
        if kind not in FORMATS or not report:
            raise exceptions.NotFound(f"no report has been built, or none as {kind}: POST to report/ has one built")
        mark = verdicts_exported(request, "report", comparison, project=comparison.project_id, kind=kind)
        return as_file(report, kind, mark)


class Votes(Problems, generics.ListAPIView):
    """The votes that count, those before a correction left out."""

    permission_classes = [MayReadVotes]
    serializer_class = VoteSerializer
    pagination_class = ByKey
    canary = ""

    @told(VoteSerializer(many=True), 404)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        answer: Response = super().get(request, *args, **kwargs)
        take("votes", asker(request), len(answer.data["results"]), project=project_of(request).pk)
        return answer

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "canary": self.canary}

    def get_queryset(self) -> Any:
        comparison = get_object_or_404(Comparison, code=self.kwargs.get("code"))
        self.canary = exported("votes", comparison, asker(self.request), kind="api")
        pair = "ballot__assignment__pair"
        return (
            Vote.objects.of(comparison)
            .current()
            .select_related(
                "aspect",
                "ballot__assignment__participation__assessor",
                f"{pair}__prompt",
                f"{pair}__first__contender",
                f"{pair}__second__contender",
            )
        )


class Verb(Problems):
    """POST: the comparison does it, or says in a 409 why not."""

    permission_classes = [MayOrganize]
    shown_by = OneComparison
    verb = ""
    body: type[Strict] = Strict

    @told(ComparisonSerializer, 404, 409, 415, request=None)
    def post(self, request: Request, code: UUID) -> Response:
        comparison = get_object_or_404(Comparison.objects.select_related("prompt_set"), code=code)
        options = checked(self.body, request)
        try:
            if self.verb == "launch":
                launch(comparison)
            else:
                getattr(comparison, self.verb)(**options)
        except NotReady as refusal:
            raise Conflict(str(refusal)) from refusal
        comparison.refresh_from_db()
        return Response(ComparisonSerializer(comparison, context={"request": request}).data)


class Opening(Verb):
    """POST: voting starts, or a 409 says why not."""

    verb, body = "open", OpenSerializer

    @told(ComparisonSerializer, 404, 409, request=OpenSerializer)
    def post(self, request: Request, code: UUID) -> Response:
        return super().post(request, code)


class Retry(Problems):
    """POST: failed clips are queued again, before voting starts."""

    permission_classes = [MayOrganize]
    shown_by = OneComparison

    @told(RetriedSerializer, 404, 409, request=RetrySerializer)
    def post(self, request: Request, code: UUID) -> Response:
        comparison = get_object_or_404(Comparison, code=code)
        try:
            return Response({"queued": comparison.render_again(**checked(RetrySerializer, request))})
        except NotReady as refusal:
            raise Conflict(str(refusal)) from refusal


class Rendering(Problems):
    """POST: unfinished clips are cancelled, or waiting ones held or released; says how many."""

    permission_classes = [MayOrganize]
    shown_by = OneComparison
    verb = ""

    @told(ClipsSerializer, 404, request=None)
    def post(self, request: Request, code: UUID) -> Response:
        clips = getattr(get_object_or_404(Comparison, code=code), self.verb)()
        if self.verb == "release_rendering":
            wake_workers()
        return Response({"clips": clips})


class Prioritising(Problems):
    """POST: clips that are not ready yet go before those of a lower priority; says how many."""

    permission_classes = [MayOrganize]
    shown_by = OneComparison

    @told(ClipsSerializer, 404, request=PrioritySerializer)
    def post(self, request: Request, code: UUID) -> Response:
        asked = checked(PrioritySerializer, request)
        return Response({"clips": get_object_or_404(Comparison, code=code).prioritise_rendering(asked["priority"])})


class Me(Problems):
    """Who asks, with which scopes and in which projects: the first call of a program that was given a token."""

    permission_classes = [SignedIn]

    @told(MeSerializer)
    def get(self, request: Request) -> Response:
        user, token, access = request.user, request.auth, access_of(request)
        return Response(
            {
                "name": user.get_username(),
                "organizer": bool(access.within(Role.ORGANIZER)),
                "projects": [
                    {"code": str(each.code), "name": each.name, "role": access.roles[each.pk].name.lower()}
                    for each in access.projects
                ],
                "token": token.name if token else None,
                "scopes": token.scopes if token else None,
            }
        )


@extend_schema(exclude=True)
class Nothing(Problems):
    """Any other address under /api/."""

    permission_classes = [AllowAny]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise exceptions.NotFound("there is no such address in the API: docs/api.md lists them")
