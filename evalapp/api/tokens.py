"""One's own tokens, and those of projects that one administers: made, listed, revoked."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from rest_framework import exceptions, generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from evalapp.api.authentication import MayKeepTokens, projects_at
from evalapp.api.base import NewestFirst, Problems, checked, told
from evalapp.api.idempotency import OnceOnly
from evalapp.api.serializers import Strict
from evalapp.api.strict import ProjectField
from evalapp.people.access import access_of
from evalapp.people.projects import Role
from evalapp.people.tokens import LONGEST_DAYS, SCOPES, ApiToken


class NewTokenSerializer(Strict):
    name = serializers.CharField(max_length=100, help_text="What will use it.")
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=list(SCOPES)), min_length=1, max_length=len(SCOPES)
    )
    days = serializers.IntegerField(default=90, min_value=1, max_value=LONGEST_DAYS)
    project = ProjectField(required=False, help_text="A code: it opens that project alone, and stays when you go.")


class TokenSerializer(serializers.ModelSerializer):
    number = serializers.IntegerField(source="pk")
    scopes = serializers.ListField(child=serializers.CharField())
    project = serializers.SerializerMethodField(help_text="The code of the project that it belongs to; null: to you.")
    hint = serializers.CharField(help_text="How the secret begins.")
    secret = serializers.CharField(required=False, help_text="Told when it is made, and never again.")

    class Meta:
        model = ApiToken
        fields = (
            *("number", "name", "scopes", "project", "hint", "created_at"),
            *("expires_at", "last_used_at", "revoked_at", "secret"),
        )
        read_only_fields = fields

    def get_project(self, token: ApiToken) -> str | None:
        return str(token.project.code) if token.project else None


class Tokens(OnceOnly, Problems, generics.ListAPIView):
    """One's own tokens and those of the projects that one administers. POST makes one and tells its secret this once:
    the answer to the same key again lacks it. A token makes none that may more, or lives longer, than itself."""

    told_once = ("secret",)

    permission_classes = [MayKeepTokens]
    serializer_class = TokenSerializer
    pagination_class = NewestFirst

    @told(TokenSerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[ApiToken]:
        return _kept_by(self.request)

    @told(TokenSerializer, 404, 422, status=201, request=NewTokenSerializer)
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request, *args, **kwargs)

    def once(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        asked = checked(NewTokenSerializer, request)
        _no_more_than(request.auth, asked)
        named = asked.get("project", "")
        project = projects_at(request, Role.ADMIN, named)[0] if named else None
        owner = User.objects.get(pk=request.user.pk)
        made, secret = ApiToken.objects.issue(owner, asked["name"], asked["scopes"], asked["days"], project)
        where = {"Location": reverse("api-token", args=[made.pk]), "Cache-Control": "no-store"}
        return Response(TokenSerializer(made).data | {"secret": secret}, status=201, headers=where)


class OneToken(Problems):
    """DELETE: it opens nothing from now on, which is on record."""

    permission_classes = [MayKeepTokens]

    @told(TokenSerializer, 404)
    def get(self, request: Request, number: int) -> Response:
        return Response(TokenSerializer(get_object_or_404(_kept_by(request), pk=number)).data)

    @told(None, 404, status=204)
    def delete(self, request: Request, number: int) -> Response:
        get_object_or_404(_kept_by(request), pk=number).revoke()
        return Response(status=204)


def _kept_by(request: Request) -> QuerySet[ApiToken]:
    found = ApiToken.objects.kept_by(request.user.pk, access_of(request).within(Role.ADMIN))
    return found.select_related("project")


def _no_more_than(token: Any, asked: dict[str, Any]) -> None:
    """Raises PermissionDenied where a token asks for another one beyond itself: a leaked one cannot outlive its end."""
    if not isinstance(token, ApiToken):
        return
    more = sorted(set(asked["scopes"]) - set(token.scopes))
    if more or timezone.now() + timedelta(days=asked["days"]) > token.expires_at:
        beyond = f"scopes: {', '.join(more)}" if more else f"it ends at {token.expires_at.isoformat()}"
        raise exceptions.PermissionDenied(f"a token makes none that may more, or lives longer, than itself ({beyond})")
