"""Django's admin: everything that has no page of its own, for looking up and mending. Votes and reports are only read.

Work itself (launching, opening, inviting) has its pages and commands; the admin does not bypass them: what votes depend
on is read-only here.
"""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.http import HttpRequest

from evalapp.assessing.controls import Control, ControlAnswer, Golden
from evalapp.assessing.exclusions import Exclusion
from evalapp.assessing.looks import Look
from evalapp.assessing.models import Assignment, Ballot, Invitation, Participation, Vote
from evalapp.assessing.panels import PanelSeat
from evalapp.assessing.quality import Standing
from evalapp.catalog.models import Checkpoint, Contender, Prompt, PromptSet, Recipe
from evalapp.comparisons.models import Aspect, Comparison, Entry, Pair
from evalapp.comparisons.plans import Template
from evalapp.generation.models import Clip, Queue
from evalapp.generation.uploads import Upload
from evalapp.measuring.judges import JudgeRun, JudgeVersion, Verdict
from evalapp.measuring.models import Features, Measurement, SetMeasurement
from evalapp.people.answers import StoredAnswer
from evalapp.people.audit import AuditEntry, AuditHead
from evalapp.people.models import Assessor
from evalapp.people.projects import MemberInvitation, Membership, Project
from evalapp.people.tokens import ApiToken
from evalapp.people.webhooks import Delivery, Webhook
from evalapp.reporting.models import Report

if TYPE_CHECKING:
    AnyModelAdmin = admin.ModelAdmin[Any]
    AnyUserAdmin = UserAdmin[Any]
else:
    AnyModelAdmin, AnyUserAdmin = admin.ModelAdmin, UserAdmin

admin.site.site_header = admin.site.site_title = "Visavis administration"
admin.site.site_url = "/comparisons/"
admin.site.unregister(User)


class Table(AnyModelAdmin):
    """Fit for big tables: no second count of all rows, related rows in the same query, ids instead of long menus."""

    show_full_result_count = False
    list_per_page = 50


class ReadOnly(Table):
    """Looked at, never added, changed or deleted here."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(User)
class People(AnyUserAdmin):
    """Organizers may be made and mended by superusers alone: nobody gives themselves more rights."""

    show_full_result_count = False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_readonly_fields(request, obj)
        if request.user.is_superuser:
            return fields
        return (*fields, "username", "is_active", "is_staff", "is_superuser", "groups", "user_permissions")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        foreign = obj is not None and obj.is_superuser and not request.user.is_superuser
        return not foreign and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        foreign = obj is not None and obj.is_superuser and not request.user.is_superuser
        return not foreign and super().has_delete_permission(request, obj)


@admin.register(Assessor)
class AssessorTable(Table):
    list_display = ("name", "code", "simulated", "created_at")
    list_filter = ("simulated",)
    search_fields = ("name", "code")
    readonly_fields = ("code", "simulated", "created_at")


@admin.register(Project)
class ProjectTable(Table):
    list_display = ("name", "code", "created_at")
    search_fields = ("name", "code")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Membership)
class MembershipTable(ReadOnly):
    """Members are invited and changed on the page of members, which leaves a trace."""

    list_display = ("user", "project", "role", "created_at")
    list_select_related = ("user", "project")
    search_fields = ("user__username", "project__name")


@admin.register(MemberInvitation)
class MemberInvitationTable(ReadOnly):
    list_display = ("note", "project", "role", "created_by", "expires_at", "used_by")
    list_select_related = ("project",)
    search_fields = ("note", "project__name", "created_by", "used_by")


@admin.register(ApiToken)
class ApiTokenTable(ReadOnly):
    """Made and revoked by their owners on their own page."""

    list_display = ("name", "user", "scopes", "expires_at", "last_used_at", "revoked_at")
    list_select_related = ("user",)
    search_fields = ("name", "user__username")


@admin.register(Queue)
class QueueTable(Table):
    list_display = ("hardware", "paused", "quiet_from", "quiet_until")
    search_fields = ("hardware",)


@admin.register(Look)
class LookTable(ReadOnly):
    list_display = ("comparison", "first", "second", "aspect", "number", "votes", "verdict", "at")
    list_select_related = ("comparison", "first", "second", "aspect")
    search_fields = ("comparison__name", "verdict")


@admin.register(Webhook)
class WebhookTable(ReadOnly):
    list_display = ("url", "events", "active", "created_by")
    search_fields = ("url",)


@admin.register(Delivery)
class DeliveryTable(ReadOnly):
    list_display = ("event", "webhook", "tries", "status", "error", "delivered_at", "given_up")
    list_select_related = ("webhook",)
    search_fields = ("event", "code")


@admin.register(Golden)
class GoldenTable(ReadOnly):
    list_display = ("comparison", "use", "prompt", "damage", "answers", "withdrawn")
    list_filter = ("use", "withdrawn")
    list_select_related = ("comparison", "prompt")
    search_fields = ("comparison__name", "damage")


@admin.register(Control)
class ControlTable(ReadOnly):
    list_display = ("code", "kind", "participation", "state", "handed_at")
    list_filter = ("kind", "state")
    list_select_related = ("participation__assessor", "participation__comparison")
    search_fields = ("code",)


@admin.register(ControlAnswer)
class ControlAnswerTable(ReadOnly):
    list_display = ("control", "version", "choices", "created_at")
    list_select_related = ("control",)
    search_fields = ("key",)


@admin.register(AuditEntry)
class AuditEntryTable(ReadOnly):
    list_display = ("number", "at", "actor", "verb", "subject", "address")
    search_fields = ("actor", "subject", "verb")


@admin.register(AuditHead)
class AuditHeadTable(ReadOnly):
    list_display = ("length", "digest")
    search_fields = ("digest",)


@admin.register(StoredAnswer)
class StoredAnswerTable(ReadOnly):
    list_display = ("key", "user", "status", "created_at")
    list_select_related = ("user",)
    search_fields = ("key", "user__username")


@admin.register(Checkpoint)
class CheckpointTable(Table):
    list_display = ("name", "source", "revision", "training", "step", "created_at")
    list_editable = ("training", "step")
    search_fields = ("name", "source", "revision", "training", "sha256")


@admin.register(Recipe)
class RecipeTable(ReadOnly):
    list_display = ("generator", "identity")
    list_filter = ("generator",)
    search_fields = ("generator", "identity")


@admin.register(Contender)
class ContenderTable(Table):
    list_display = ("name", "checkpoint", "recipe", "created_at")
    list_select_related = ("checkpoint", "recipe")
    search_fields = ("name", "checkpoint__name", "recipe__generator")
    raw_id_fields = ("checkpoint", "recipe")

    def get_readonly_fields(self, request: HttpRequest, obj: Contender | None = None) -> Any:
        return ("checkpoint", "recipe") if obj else ()


@admin.register(PromptSet)
class PromptSetTable(ReadOnly):
    list_display = ("name", "version", "digest", "created_at")
    search_fields = ("name", "digest")


@admin.register(Prompt)
class PromptTable(ReadOnly):
    list_display = ("key", "text", "prompt_set", "tags")
    list_select_related = ("prompt_set",)
    search_fields = ("key", "text", "prompt_set__name")


@admin.register(Clip)
class ClipTable(ReadOnly):
    list_display = ("id", "contender", "prompt", "seed", "state", "attempt", "worker", "seconds", "reason")
    list_filter = ("state", "kind")
    list_select_related = ("contender", "prompt")
    search_fields = ("contender__name", "prompt__text", "reason", "worker", "sha256")


@admin.register(Upload)
class Uploads(ReadOnly):
    list_display = ("code", "contender", "prompt", "seed", "state", "tries", "created_by", "created_at")
    list_select_related = ("prompt",)
    list_filter = ("state",)
    search_fields = ("contender", "sha256")


@admin.register(Template)
class TemplateTable(Table):
    list_display = ("name", "created_by", "created_at")
    search_fields = ("name",)


@admin.register(Comparison)
class ComparisonTable(Table):
    """Its name and instructions; all that votes depend on was fixed when it was made."""

    list_display = ("name", "state", "prompt_set", "overlap", "created_at")
    list_filter = ("state",)
    list_select_related = ("prompt_set",)
    search_fields = ("name", "code")
    raw_id_fields = ("prompt_set",)
    editable = ("name", "instructions", "lease_minutes")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [field.name for field in Comparison._meta.fields if field.name not in self.editable]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Comparison | None = None) -> bool:
        """A draft only: clips, answers and reports of a launched one stay."""
        draft = obj is None or obj.state == Comparison.State.DRAFT
        return draft and super().has_delete_permission(request, obj)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """No deleting in bulk, which would not look at the state of each."""
        return {}


@admin.register(Entry)
class EntryTable(ReadOnly):
    list_display = ("comparison", "contender", "position")
    list_select_related = ("comparison", "contender")
    search_fields = ("comparison__name", "contender__name")


@admin.register(Aspect)
class AspectTable(ReadOnly):
    list_display = ("comparison", "key", "name", "question", "position")
    list_select_related = ("comparison",)
    search_fields = ("comparison__name", "key", "question")


@admin.register(Pair)
class PairTable(ReadOnly):
    list_display = ("id", "comparison", "prompt", "seed", "overlap", "taken", "left_out")
    list_filter = ("left_out",)
    list_select_related = ("comparison", "prompt")
    search_fields = ("comparison__name", "prompt__text")


@admin.register(Invitation)
class InvitationTable(Table):
    list_display = ("label", "comparison", "seats", "taken", "withdrawn", "created_at")
    list_filter = ("withdrawn",)
    list_select_related = ("comparison",)
    search_fields = ("label", "comparison__name")
    readonly_fields = ("comparison", "taken", "created_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(Participation)
class ParticipationTable(ReadOnly):
    list_display = ("assessor", "comparison", "invitation", "consented_at", "created_at")
    list_select_related = ("assessor", "comparison", "invitation")
    search_fields = ("assessor__name", "assessor__code", "comparison__name")


@admin.register(Standing)
class StandingTable(ReadOnly):
    list_display = ("participation", "fired", "acted", "computed_at")
    list_select_related = ("participation__assessor", "participation__comparison")
    search_fields = ("participation__assessor__name", "participation__comparison__name")


@admin.register(PanelSeat)
class PanelSeatTable(ReadOnly):
    list_display = ("participant", "comparison", "participation", "state", "study", "session", "created_at", "ended_at")
    list_filter = ("state",)
    list_select_related = ("comparison", "participation__assessor", "participation__comparison")
    search_fields = ("participant", "study", "session", "comparison__name")


@admin.register(Exclusion)
class ExclusionTable(ReadOnly):
    list_display = ("participation", "reason", "by", "rule", "at", "lifted_at", "lifted_by")
    list_select_related = ("participation__assessor", "participation__comparison")
    search_fields = ("participation__assessor__name", "participation__comparison__name", "reason", "by", "rule")


@admin.register(Assignment)
class AssignmentTable(ReadOnly):
    list_display = ("code", "pair", "participation", "state", "skip_reason", "version", "handed_at", "closed_at")
    list_filter = ("state",)
    list_select_related = ("pair__prompt", "participation__assessor", "participation__comparison")
    search_fields = ("code", "participation__assessor__name", "participation__comparison__name", "skip_reason")


@admin.register(Ballot)
class BallotTable(ReadOnly):
    list_display = ("id", "assignment", "version", "created_at")
    list_select_related = ("assignment",)
    search_fields = ("assignment__code", "key")


@admin.register(Vote)
class VoteTable(ReadOnly):
    list_display = ("id", "ballot", "aspect", "choice")
    list_filter = ("choice",)
    list_select_related = ("ballot", "aspect")
    search_fields = ("aspect__key", "ballot__assignment__code")


@admin.register(Measurement)
class MeasurementTable(ReadOnly):
    list_display = ("metric", "value", "reason", "version", "sha256", "created_at")
    list_filter = ("metric",)
    search_fields = ("sha256",)


@admin.register(Features)
class FeaturesTable(ReadOnly):
    list_display = ("sha256", "extractor", "width", "reason", "created_at")
    search_fields = ("sha256",)
    exclude = ("data",)


@admin.register(SetMeasurement)
class SetMeasurementTable(ReadOnly):
    list_display = ("metric", "comparison", "contender", "reference", "tag", "created_at")
    list_select_related = ("comparison", "contender")
    search_fields = ("metric", "comparison__name", "contender__name", "reference", "tag")
    list_filter = ("metric",)


@admin.register(JudgeVersion)
class JudgeVersionTable(ReadOnly):
    list_display = ("name", "version", "version_hash", "fingerprint", "created_at")
    search_fields = ("name", "version_hash")


@admin.register(JudgeRun)
class JudgeRunTable(ReadOnly):
    list_display = ("comparison", "name", "state", "asked", "total", "calls", "cost")
    list_select_related = ("comparison",)
    list_filter = ("state",)
    search_fields = ("comparison__name", "name")


@admin.register(Verdict)
class VerdictTable(ReadOnly):
    list_display = ("judge", "sha256", "status", "reason", "cost", "created_at")
    list_select_related = ("judge",)
    list_filter = ("status",)
    search_fields = ("sha256", "judge__name")


@admin.register(Report)
class ReportTable(ReadOnly):
    list_display = ("comparison", "inputs", "created_at")
    list_select_related = ("comparison",)
    search_fields = ("comparison__name", "inputs")

    def get_queryset(self, request: HttpRequest) -> Any:
        """Without the snapshots, which are large, until one is looked at."""
        return super().get_queryset(request).defer("snapshot")
