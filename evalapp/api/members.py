"""Members of a project and the links that bring them in, for programs with an admin's own token."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.urls import reverse
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response

from evalapp.api.authentication import MayAdminister
from evalapp.api.base import ByKey, Problems, checked, told
from evalapp.api.idempotency import OnceOnly
from evalapp.api.problems import Conflict
from evalapp.api.serializers import (
    MemberInvitationSerializer,
    MemberSerializer,
    NewMemberInvitationSerializer,
    RoleSerializer,
)
from evalapp.people.access import project_of
from evalapp.people.members import NotPossible, change_role, invite, remove, withdraw
from evalapp.people.projects import MemberInvitation, Membership


class Members(Problems, generics.ListAPIView):
    """Who is in the project, with which role."""

    permission_classes = [MayAdminister]
    of = "project"
    serializer_class = MemberSerializer
    pagination_class = ByKey

    @told(MemberSerializer(many=True), 404)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Membership]:
        return Membership.objects.filter(project__code=self.kwargs.get("code")).select_related("user")


class OneMember(Problems):
    """PATCH gives another role, DELETE removes them; 409 for the last admin."""

    permission_classes = [MayAdminister]
    of = "membership"

    @told(MemberSerializer, 404)
    def get(self, request: Request, number: int) -> Response:
        return Response(MemberSerializer(_membership(number)).data)

    @told(MemberSerializer, 404, 409, request=RoleSerializer)
    def patch(self, request: Request, number: int) -> Response:
        membership = _membership(number)
        done(lambda: change_role(membership, checked(RoleSerializer, request)["role"]))
        membership.refresh_from_db()
        return Response(MemberSerializer(membership).data)

    @told(None, 404, 409, status=204)
    def delete(self, request: Request, number: int) -> Response:
        membership = _membership(number)
        done(lambda: remove(membership))
        return Response(status=204)


class MemberInvitations(OnceOnly, Problems, generics.ListAPIView):
    """Links that make somebody a member. POST tells the link this once: the answer to the same key again lacks it."""

    told_once = ("link",)

    permission_classes = [MayAdminister]
    of = "project"
    serializer_class = MemberInvitationSerializer
    pagination_class = ByKey

    @told(MemberInvitationSerializer(many=True), 404)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[MemberInvitation]:
        return MemberInvitation.objects.filter(project__code=self.kwargs.get("code"))

    @told(MemberInvitationSerializer, 404, 422, status=201, request=NewMemberInvitationSerializer)
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request, *args, **kwargs)

    def once(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        asked = checked(NewMemberInvitationSerializer, request)
        made, secret = invite(project_of(request), asked["role"], asked["note"], request.user.get_username())
        link = request.build_absolute_uri(reverse("join", args=[secret]))
        body = MemberInvitationSerializer(made).data | {"link": link}
        where = reverse("api-member-invitation", args=[made.code])
        return Response(body, status=201, headers={"Location": where, "Cache-Control": "no-store"})


class OneMemberInvitation(Problems):
    """DELETE withdraws the link."""

    permission_classes = [MayAdminister]
    of = "member_invitation"

    @told(None, 404, status=204)
    def delete(self, request: Request, code: UUID) -> Response:
        withdraw(get_object_or_404(MemberInvitation.objects.select_related("project"), code=code))
        return Response(status=204)


def _membership(number: int) -> Membership:
    return get_object_or_404(Membership.objects.select_related("project", "user"), pk=number)


def done(act: Any) -> None:
    """What cannot be done to the members is a conflict."""
    try:
        act()
    except NotPossible as refusal:
        raise Conflict(str(refusal)) from refusal
