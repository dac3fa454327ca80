"""Checkpoints, prompts, clips, comparisons and their pairs."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from evalapp.admin.tables import Big, ReadOnly, Table
from evalapp.catalog.models import Checkpoint, Contender, Prompt, PromptSet, Recipe
from evalapp.catalog.pictures import Picture
from evalapp.comparisons.models import Aspect, Comparison, Entry, Pair
from evalapp.comparisons.plans import Template
from evalapp.generation.models import Clip, Queue, Window
from evalapp.generation.uploads import Upload
from evalapp.generation.workers import Worker


@admin.register(Queue)
class QueueTable(Table):
    list_display = ("hardware", "paused", "quiet_from", "quiet_until")
    search_fields = ("hardware",)


@admin.register(Window)
class WindowTable(Table):
    list_display = ("queue", "starts_at", "ends_at", "grams_per_kwh")
    list_select_related = ("queue",)
    search_fields = ("queue__hardware",)


@admin.register(Worker)
class WorkerTable(ReadOnly):
    list_display = ("name", "queues", "version", "device", "seen_at")
    search_fields = ("name", "version", "device")


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
class ClipTable(Big):
    list_display = ("id", "contender", "prompt", "seed", "state", "attempt", "worker", "seconds", "reason")
    list_filter = ("state",)
    list_select_related = ("contender", "prompt")
    keys = ("pk", "folder")
    belonging = {"contender": ("Contender", ("name",)), "prompt": ("Prompt", ("key__exact",))}


@admin.register(Upload)
class Uploads(ReadOnly):
    list_display = ("code", "contender", "prompt", "seed", "state", "tries", "created_by", "created_at")
    list_select_related = ("prompt",)
    list_filter = ("state",)
    search_fields = ("contender", "sha256")


@admin.register(Picture)
class Pictures(ReadOnly):
    list_display = ("code", "project", "sha256", "size", "state", "tries", "created_by", "created_at")
    list_select_related = ("project",)
    list_filter = ("state",)
    search_fields = ("sha256", "created_by")


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
class PairTable(Big):
    list_display = ("id", "comparison", "prompt", "seed", "overlap", "taken", "left_out")
    list_select_related = ("comparison", "prompt")
    belonging = {"comparison": ("Comparison", ("name", "code__exact")), "prompt": ("Prompt", ("key__exact",))}
