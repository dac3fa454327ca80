"""REST v1: votes and ratings that were cast elsewhere come in as a closed comparison."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from evalapp.api.authentication import MayOrganize, project_for, projects_at
from evalapp.api.base import Problems, checked, told
from evalapp.api.idempotency import OnceOnly
from evalapp.api.problems import Conflict
from evalapp.api.serializers import NO_SUCH_SET, ComparisonSerializer, Strict
from evalapp.api.strict import ProjectField
from evalapp.assessing.intake import ImportedAlready, VotesRefused
from evalapp.assessing.votes_files import MOST_AT_ONCE, import_table
from evalapp.catalog.models import PromptSet
from evalapp.comparisons.launch import InvalidPlan
from evalapp.people.projects import Role, working_in


class NewImportSerializer(Strict):
    """The body that imports votes; 2.5 MB at most, as any body."""

    name = serializers.CharField(max_length=200, help_text="Of the comparison that is made.")
    table = serializers.CharField(help_text="The CSV file's text, a row per vote or rating.")
    ratings = serializers.BooleanField(default=False, help_text="Rows are absolute ratings; the higher one wins.")
    again = serializers.BooleanField(
        default=False, help_text="Although these very votes were imported before: the league counts both."
    )
    prompt_set = serializers.PrimaryKeyRelatedField(
        queryset=PromptSet.objects.all(),
        required=False,
        error_messages={"does_not_exist": NO_SUCH_SET.format("{pk_value}")},
        help_text="Its texts, tags and clips are shown with the votes.",
    )
    project = ProjectField(required=False)

    def validate_prompt_set(self, prompt_set: PromptSet) -> PromptSet:
        if prompt_set.project_id not in {each.pk for each in projects_at(self.context["request"], Role.ORGANIZER)}:
            raise serializers.ValidationError(NO_SUCH_SET.format(prompt_set.pk))
        return prompt_set


class VoteImports(OnceOnly, Problems):
    """POST imports a table of votes, or of ratings that become votes by the stated rule, all or nothing."""

    permission_classes = [MayOrganize]

    @told(ComparisonSerializer, 409, 422, status=201, request=NewImportSerializer)
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request, *args, **kwargs)

    def once(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        asked = checked(NewImportSerializer, request)
        prompt_set, named = asked.get("prompt_set"), asked.get("project", "")
        project = prompt_set.project if prompt_set and not named else project_for(request, named)
        if prompt_set and prompt_set.project_id != project.pk:
            raise serializers.ValidationError({"prompt_set": [NO_SUCH_SET.format(prompt_set.pk)]})
        prompts, of = (prompt_set.texts(), prompt_set.name) if prompt_set else ((), "")
        try:
            with working_in(project.pk):
                made = import_table(
                    asked["table"], asked["name"], prompts, of, asked["ratings"], MOST_AT_ONCE, asked["again"]
                )
        except VotesRefused as refused:
            raise serializers.ValidationError({"table": refused.listed}) from refused
        except ImportedAlready as refusal:
            raise Conflict(f"{refusal}: send again as true to import them") from refusal
        except InvalidPlan as refusal:
            raise Conflict(str(refusal)) from refusal
        body = ComparisonSerializer(made, context={"request": request}).data
        return Response(body, status=201, headers={"Location": str(body["url"])})
