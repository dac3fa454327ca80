"""Projects: which there are, a new one, what they ask of their organizers, who did what in them."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from evalapp.api.authentication import MayAdminister, MayOversee, MayRead, Scoped, SignedIn
from evalapp.api.base import ByKey, Paged, Problems, checked, filled, told
from evalapp.api.idempotency import OnceOnly
from evalapp.api.members import done
from evalapp.api.serializers import Strict
from evalapp.people.access import access_of, project_of
from evalapp.people.audit import AuditEntry, entries_of
from evalapp.people.audit_words import KINDS
from evalapp.people.member_views import ProjectForm
from evalapp.people.members import demand_second_step, found_project
from evalapp.people.projects import Project
from evalapp.reporting.promises import Verification


class NewProjectSerializer(Strict):
    name = serializers.CharField(max_length=200)


class OwnProjectSerializer(serializers.ModelSerializer):
    role = serializers.SerializerMethodField(help_text="One's own: viewer, researcher, organizer or admin.")

    class Meta:
        model = Project
        fields: tuple[str, ...] = ("code", "name", "role")
        read_only_fields = fields

    def get_role(self, project: Project) -> str:
        return access_of(self.context["request"]).roles[project.pk].name.lower()


class OneProjectSerializer(OwnProjectSerializer):
    second_step = serializers.BooleanField(help_text="Its organizers and admins sign in by two steps, or only read.")

    class Meta(OwnProjectSerializer.Meta):
        fields = (*OwnProjectSerializer.Meta.fields, "second_step")
        read_only_fields = fields


class DemandSerializer(Strict):
    second_step = serializers.BooleanField()


class AuditSerializer(serializers.ModelSerializer):
    detail = serializers.DictField(help_text="As each verb tells it.")
    digest = serializers.CharField(help_text="Seals the entry and the one before.")

    class Meta:
        model = AuditEntry
        fields = ("number", "at", "actor", "address", "verb", "subject", "detail", "digest")
        read_only_fields = fields


class VerificationSerializer(serializers.ModelSerializer):
    sentences = serializers.ListField(child=serializers.CharField(), help_text="The first of what is broken.")

    class Meta:
        model = Verification
        fields = ("night", "began_at", "finished_at", "broken", "sentences")
        read_only_fields = fields


class MayFound(Scoped):
    """Whoever runs the house, in a browser or by a token of their own."""

    scope = "organize"

    def has_permission(self, request: Request, view: Any) -> bool:
        bound = getattr(request.auth, "project_id", None)
        return bool(request.user.is_superuser) and not bound and super().has_permission(request, view)


class Projects(OnceOnly, Problems, generics.ListAPIView):
    """Projects that one is in; POST: a superuser founds one."""

    serializer_class = OwnProjectSerializer
    pagination_class = ByKey

    def get_permissions(self) -> list[Any]:
        return [MayFound()] if self.request.method == "POST" else [SignedIn()]

    def get_queryset(self) -> QuerySet[Project]:
        return Project.objects.filter(pk__in=[project.pk for project in access_of(self.request).projects])

    @told(OwnProjectSerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @told(OwnProjectSerializer, 422, status=201, request=NewProjectSerializer)
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request, *args, **kwargs)

    def once(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        made = found_project(filled(ProjectForm(checked(NewProjectSerializer, request)))["name"])
        del request._request.access  # of the time before it was founded
        body = OwnProjectSerializer(made, context={"request": request}).data
        return Response(body, status=201, headers={"Location": reverse("api-project", args=[made.code])})


class OneProject(Problems):
    """A project that one is in; PATCH by an admin says whether organizers sign in by two steps."""

    of = "project"

    def get_permissions(self) -> list[Any]:
        return [MayAdminister()] if self.request.method == "PATCH" else [MayRead()]

    @told(OneProjectSerializer, 404)
    def get(self, request: Request, code: UUID) -> Response:
        return Response(OneProjectSerializer(project_of(request), context={"request": request}).data)

    @told(OneProjectSerializer, 404, 409, request=DemandSerializer)
    def patch(self, request: Request, code: UUID) -> Response:
        project, demanded = project_of(request), checked(DemandSerializer, request)["second_step"]
        done(lambda: demand_second_step(project, demanded, request.user))
        project.refresh_from_db()
        return Response(OneProjectSerializer(project, context={"request": request}).data)


class NewestNumberFirst(Paged):
    ordering = "-number"
    page_size = 100


class Audit(Problems, generics.ListAPIView):
    """Who did what in the project, the newest first; `?q=` finds in names, verbs and subjects, or an export by its
    canary; `?kind=` keeps one kind of act. Superusers also read what belongs to no project."""

    permission_classes = [MayOversee]
    of = "project"
    serializer_class = AuditSerializer
    pagination_class = NewestNumberFirst

    @told(
        AuditSerializer(many=True),
        404,
        parameters=[
            OpenApiParameter("q", str, description="what to find"),
            OpenApiParameter("kind", str, enum=sorted(KINDS), description="of which kind of act"),
        ],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[AuditEntry]:
        project = get_object_or_404(Project, code=self.kwargs.get("code"))
        sought = self.request.query_params.get("q", "").strip()
        kind = self.request.query_params.get("kind", "")
        if kind and kind not in KINDS:
            raise serializers.ValidationError({"kind": f"one of {', '.join(sorted(KINDS))}, not {kind!r}"})
        return entries_of(project, sought, bool(self.request.user.is_superuser), kind)


class NewestNightFirst(Paged):
    ordering = "-night"
    page_size = 50


class Verifications(Problems, generics.ListAPIView):
    """What the nightly looks at the whole house found, the newest first: for whoever runs it."""

    permission_classes = [MayFound]
    serializer_class = VerificationSerializer
    pagination_class = NewestNightFirst
    queryset = Verification.objects.all()

    @told(VerificationSerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)
