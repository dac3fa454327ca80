"""REST v1: the same verbs as the pages. Signed-in users read comparisons and reports; organizers read votes and act."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from rest_framework import exceptions, generics
from rest_framework.pagination import CursorPagination
from rest_framework.permissions import AllowAny, IsAdminUser, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from evalapp.api.problems import Conflict, as_problem
from evalapp.api.serializers import AspectSerializer, ComparisonSerializer, OpenSerializer, VoteSerializer
from evalapp.assessing.models import Vote
from evalapp.comparisons.models import Comparison, NotReady
from evalapp.reporting.models import Report
from evalapp.reporting.progress import answers_of, rendering_of, votes_of


class Problems(APIView):
    """Errors leave as problem documents."""

    def get_exception_handler(self) -> Any:
        return as_problem


class NewestFirst(CursorPagination):
    ordering = ("-created_at", "-pk")
    page_size = 50


class ByKey(CursorPagination):
    """Stable while votes come in: a later page never repeats or loses one."""

    ordering = "pk"
    page_size = 500


class Comparisons(Problems, generics.ListAPIView):
    permission_classes = [IsAuthenticated]
    serializer_class = ComparisonSerializer
    pagination_class = NewestFirst
    queryset = Comparison.objects.select_related("prompt_set")


class OneComparison(Problems):
    """A comparison with its contenders, aspects and progress."""

    permission_classes = [IsAuthenticated]

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
            }
        )


class NewestReport(Problems):
    """The newest report's snapshot, byte for byte as stored."""

    permission_classes = [IsAuthenticated]

    def get(self, request: Request, code: UUID) -> HttpResponse:
        report = Report.objects.filter(comparison__code=get_object_or_404(Comparison, code=code).code).first()
        if not report:
            raise exceptions.NotFound("no report has been built of this comparison: open its report page to have one")
        return HttpResponse(report.snapshot, content_type="application/json")


class Votes(Problems, generics.ListAPIView):
    """The votes that count, those before a correction left out."""

    permission_classes = [IsAdminUser]
    serializer_class = VoteSerializer
    pagination_class = ByKey

    def get_queryset(self) -> Any:
        comparison = get_object_or_404(Comparison, code=self.kwargs["code"])
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

    permission_classes = [IsAdminUser]
    verb = ""

    def post(self, request: Request, code: UUID) -> Response:
        comparison = get_object_or_404(Comparison.objects.select_related("prompt_set"), code=code)
        options: dict[str, Any] = {}
        if self.verb == "open":
            body = OpenSerializer(data=request.data)
            body.is_valid(raise_exception=True)
            options = body.validated_data
        try:
            getattr(comparison, self.verb)(**options)
        except NotReady as refusal:
            raise Conflict(str(refusal)) from refusal
        comparison.refresh_from_db()
        return Response(ComparisonSerializer(comparison, context={"request": request}).data)


class Nothing(Problems):
    """Any other address under /api/."""

    permission_classes = [AllowAny]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise exceptions.NotFound("there is no such address in the API: docs/api.md lists them")
