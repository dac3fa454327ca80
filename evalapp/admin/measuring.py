"""Measures, verdicts of judges and reports: only read."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from evalapp.admin.tables import Big, ReadOnly
from evalapp.measuring.judges import JudgeRun, JudgeVersion, TrainingRun, Verdict
from evalapp.measuring.models import Features, Measurement, MeasuringRun, SetMeasurement
from evalapp.reporting.models import Report
from evalapp.reporting.promises import Verification


@admin.register(Measurement)
class MeasurementTable(Big):
    list_display = ("metric", "value", "reason", "version", "sha256", "created_at")
    keys = ("pk", "sha256")


@admin.register(Features)
class FeaturesTable(Big):
    list_display = ("sha256", "extractor", "width", "reason", "created_at")
    keys = ("pk", "sha256")
    exclude = ("data",)


@admin.register(SetMeasurement)
class SetMeasurementTable(ReadOnly):
    list_display = ("metric", "comparison", "contender", "reference", "tag", "created_at")
    list_select_related = ("comparison", "contender")
    search_fields = ("metric", "comparison__name", "contender__name", "reference", "tag")
    list_filter = ("metric",)


@admin.register(MeasuringRun)
class MeasuringRunTable(ReadOnly):
    list_display = ("comparison", "state", "done", "total", "created_at")
    list_select_related = ("comparison",)
    list_filter = ("state",)
    search_fields = ("comparison__name",)


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


@admin.register(TrainingRun)
class TrainingRunTable(ReadOnly):
    list_display = ("comparison", "name", "state", "done", "total", "created_at")
    list_select_related = ("comparison",)
    list_filter = ("state",)
    search_fields = ("comparison__name", "name")


@admin.register(Verdict)
class VerdictTable(Big):
    list_display = ("judge", "sha256", "status", "reason", "cost", "created_at")
    list_select_related = ("judge",)
    keys = ("sha256",)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """By a clip's file: the index begins with the judge, of which there are few."""
        found, more = super().get_search_results(request, queryset, search_term)
        if search_term.strip():
            found = found.filter(judge__in=list(JudgeVersion.objects.values_list("pk", flat=True)))
        return found, more


@admin.register(Verification)
class VerificationTable(ReadOnly):
    list_display = ("night", "broken", "began_at", "finished_at")
    search_fields = ("sentences",)


@admin.register(Report)
class ReportTable(ReadOnly):
    list_display = ("comparison", "inputs", "created_at")
    list_select_related = ("comparison",)
    search_fields = ("comparison__name", "inputs")

    def get_queryset(self, request: HttpRequest) -> Any:
        """Without the snapshots, which are large, until one is looked at."""
        return super().get_queryset(request).defer("snapshot")
