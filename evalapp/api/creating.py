"""REST v1, lists and what is made in them: prompt sets, contenders, comparisons, invitations."""

from typing import Any
from uuid import UUID

from django.core.cache import cache
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from evalapp.api.authentication import MayOrganize, MayRead, MayReadReports, Scoped, project_for, projects_at
from evalapp.api.base import NewestFirst, Problems, checked, filled, told
from evalapp.api.idempotency import OnceOnly
from evalapp.api.problems import Conflict
from evalapp.api.serializers import (
    AlikeSerializer,
    ComparisonSerializer,
    ContenderSerializer,
    InvitationSerializer,
    NewComparisonSerializer,
    NewContenderSerializer,
    NewInvitationSerializer,
    NewPromptSetSerializer,
    OnePromptSetSerializer,
    PromptSetSerializer,
)
from evalapp.assessing.invitations import InvitationForm, new_link, withdraw_link
from evalapp.assessing.models import Invitation
from evalapp.catalog.contender_views import enter, problems_of
from evalapp.catalog.meanings import NoEncoder, ask
from evalapp.catalog.models import Contender, PromptSet, PromptText, key_of
from evalapp.catalog.pictures import not_ready
from evalapp.catalog.refusals import spoken
from evalapp.catalog.registration import Refused
from evalapp.catalog.tasks import alike_of, ring_again
from evalapp.comparisons.launch import InvalidPlan, create, drafted, launch
from evalapp.comparisons.models import Comparison

OF_PROJECT = OpenApiParameter("project", UUID, description="its code; without it those of every project of yours")


class Listed(OnceOnly, Problems, generics.ListAPIView):
    """A list, of all projects where the asker may read it, or of the one named by `?project=`; organizers add to it."""

    pagination_class = NewestFirst
    reading: type[Scoped] = MayRead

    def get_permissions(self) -> list[Any]:
        return [MayOrganize()] if self.request.method == "POST" else [self.reading()]

    def get_queryset(self) -> QuerySet[Any]:
        named = self.request.query_params.get("project", "")
        found: QuerySet[Any] = super().get_queryset()
        return found.filter(project__in=projects_at(self.request, self.reading.least, named))


class PromptSets(Listed):
    reading = MayReadReports
    serializer_class = PromptSetSerializer
    queryset = PromptSet.objects.all()

    @told(PromptSetSerializer(many=True), 404, parameters=[OF_PROJECT])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @told(PromptSetSerializer, 409, 422, status=201, request=NewPromptSetSerializer)
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request, *args, **kwargs)

    def once(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        asked = checked(NewPromptSetSerializer, request)
        project = project_for(request, asked.get("project", ""))
        count = len(asked["prompts"])
        prompts = [
            PromptText(
                prompt.get("key") or key_of(number, count),
                prompt["text"],
                prompt.get("tags", ()),
                prompt.get("image", ""),
            )
            for number, prompt in enumerate(asked["prompts"], 1)
        ]
        if lacking := not_ready({prompt.image for prompt in prompts}, project.pk):
            if "" in lacking.values():
                raise Conflict("some images wait for a worker to look at them: ask again in a few seconds")
            raise serializers.ValidationError({"prompts": [f"image {sha}: {why}" for sha, why in lacking.items()]})
        try:
            prompt_set = PromptSet.objects.freeze(asked["name"], prompts, project=project.pk)
        except ValueError as refusal:
            raise serializers.ValidationError({"prompts": [str(refusal)]}) from refusal
        return Response(PromptSetSerializer(prompt_set, context={"request": request}).data, status=201)


class OnePromptSet(Problems):
    permission_classes = [MayReadReports]
    of = "prompt_set"

    @told(OnePromptSetSerializer, 404)
    def get(self, request: Request, number: int) -> Response:
        prompt_set = get_object_or_404(PromptSet.objects.prefetch_related("prompts"), pk=number)
        return Response(OnePromptSetSerializer(prompt_set, context={"request": request}).data)


class PromptsAlike(Problems):
    """Prompts that say nearly the same in whichever languages. POST has a worker look, where the server has a sentence
    encoder; `state` is unasked, asked, found or problem."""

    of = "prompt_set"

    def get_permissions(self) -> list[Any]:
        return [MayReadReports()] if self.request.method != "POST" else [MayOrganize()]

    @told(AlikeSerializer, 404)
    def get(self, request: Request, number: int) -> Response:
        ring_again(number)
        kept = cache.get(alike_of(number)) or {}
        state = next((each for each in ("problem", "pairs", "asked") if each in kept), "unasked")
        pairs = [{"first": one, "second": other, "cosine": cosine} for one, other, cosine in kept.get("pairs", [])]
        told_state = "found" if state == "pairs" else state
        return Response({"state": told_state, "problem": kept.get("problem", ""), "pairs": pairs})

    @told(AlikeSerializer, 404, 409, status=202, request=None)
    def post(self, request: Request, number: int) -> Response:
        prompt_set = get_object_or_404(PromptSet, pk=number)
        try:
            ask(prompt_set)
        except NoEncoder as refusal:
            raise Conflict(str(refusal)) from refusal
        return Response({"state": "asked", "problem": "", "pairs": []}, status=202)


class Contenders(Listed):
    reading = MayReadReports
    serializer_class = ContenderSerializer
    pagination_class = NewestFirst
    queryset = Contender.objects.select_related("checkpoint", "recipe")

    @told(ContenderSerializer(many=True), 404, parameters=[OF_PROJECT])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @told(ContenderSerializer, 422, status=201, request=NewContenderSerializer)
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request, *args, **kwargs)

    def once(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        asked = checked(NewContenderSerializer, request)
        recipe, project = asked["recipe"], project_for(request, asked.get("project", ""))
        settings, place = recipe["settings"], asked["checkpoint"]
        try:
            contender = enter(asked["name"], recipe["generator"], settings, place, asked["hardware"], project.pk)
        except Refused as refusal:
            raise serializers.ValidationError({"recipe": [*map(spoken, problems_of(str(refusal)))]}) from refusal
        return Response(ContenderSerializer(contender, context={"request": request}).data, status=201)


class Comparisons(Listed):
    serializer_class = ComparisonSerializer
    queryset = Comparison.objects.select_related("prompt_set")

    @told(ComparisonSerializer(many=True), 404, parameters=[OF_PROJECT])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @told(ComparisonSerializer, 409, 422, status=201, request=NewComparisonSerializer)
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request, *args, **kwargs)

    def once(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        asked = checked(NewComparisonSerializer, request)
        body = ComparisonSerializer(planned(asked), context={"request": request}).data
        return Response(body, status=201, headers={"Location": str(body["url"])})


def planned(asked: dict[str, Any], draft: Comparison | None = None) -> Comparison:
    """The comparison of a checked body, launched where that is asked for; in the place of a draft. Raises Conflict."""
    at_once, rules = asked.pop("launch"), asked.pop("rules", None)
    try:
        comparison = drafted(lambda: create(**asked), draft)
    except InvalidPlan as refusal:
        raise Conflict(str(refusal)) from refusal
    if rules:
        rules.set_on(comparison)
    if at_once:
        launch(comparison)
    return comparison


class Invitations(Listed):
    """Links are keys: only organizers see them."""

    serializer_class = InvitationSerializer

    def get_permissions(self) -> list[Any]:
        return [MayOrganize()]

    def get_queryset(self) -> QuerySet[Invitation]:
        comparison = get_object_or_404(Comparison, code=self.kwargs.get("code"))
        return Invitation.objects.filter(comparison=comparison)

    @told(InvitationSerializer(many=True), 404)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @told(InvitationSerializer, 404, 409, 422, status=201, request=NewInvitationSerializer)
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request, *args, **kwargs)

    def once(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        comparison = get_object_or_404(Comparison, code=kwargs["code"])
        if comparison.state == Comparison.State.CLOSED:
            raise Conflict("voting is closed: nobody can be invited any more")
        asked = checked(NewInvitationSerializer, request)
        invitation = new_link(comparison, **filled(InvitationForm(asked)))
        body = InvitationSerializer(invitation).data
        return Response(body, status=201, headers={"Location": reverse("api-invitation", args=[invitation.code])})


class OneInvitation(Problems):
    """DELETE withdraws the link: nobody new comes in; those who came keep their pairs and answers."""

    permission_classes = [MayOrganize]
    of = "invitation"

    @told(None, 404, status=204)
    def delete(self, request: Request, code: UUID) -> Response:
        invitation = get_object_or_404(Invitation.objects.select_related("comparison"), code=code)
        withdraw_link(invitation)
        return Response(status=204)
