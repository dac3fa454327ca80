"""What an organizer watches: the project at a glance, one comparison with its alerts and what is in the way."""

from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from evalapp.api.authentication import MayOversee
from evalapp.api.base import Problems, told
from evalapp.comparisons.models import Comparison, Entry
from evalapp.people.access import project_of
from evalapp.reporting.alerts import hours_left
from evalapp.reporting.progress import (
    COMPARISONS_PER_PAGE,
    Rendering,
    alerts_of,
    answers_of,
    answers_per_hour,
    by_urgency,
    failures_of,
    glance,
    rendering_of,
    skips_of,
)

TOTALS = ("per_hour", "at_work", "waiting", "rendering", "last_answer")


class AlertSerializer(serializers.Serializer):
    comparison = serializers.UUIDField(allow_null=True, help_text="null: of the project.")
    said = serializers.CharField()
    page = serializers.CharField(help_text="Path of the page where it is dealt with.")


class RowSerializer(serializers.Serializer):
    code = serializers.UUIDField()
    name = serializers.CharField()
    state = serializers.CharField()
    places = serializers.IntegerField(help_text="Pairs × overlap.")
    answers = serializers.IntegerField()
    simulated_answers = serializers.IntegerField()
    at_work = serializers.IntegerField(help_text="Assessors with a pair in their hands.")
    clips = serializers.DictField(child=serializers.IntegerField(), help_text="How many in each state.")
    per_hour = serializers.FloatField(allow_null=True, help_text="Answers, of late.")
    hours_left = serializers.FloatField(allow_null=True, help_text="At this pace; null where nothing can be said.")


class DashboardSerializer(serializers.Serializer):
    per_hour = serializers.FloatField()
    at_work = serializers.IntegerField()
    waiting = serializers.IntegerField(help_text="Clips.")
    rendering = serializers.IntegerField(help_text="Clips.")
    last_answer = serializers.DateTimeField(allow_null=True)
    alerts = AlertSerializer(many=True)
    comparisons = RowSerializer(many=True, help_text=f"The first {COMPARISONS_PER_PAGE}, what runs before the rest.")


class FailureSerializer(serializers.Serializer):
    reason = serializers.CharField(help_text="As retry/ takes it.")
    clips = serializers.IntegerField()
    contenders = serializers.IntegerField()
    one_of_them = serializers.CharField(help_text="Name of one of these contenders.")
    renderable = serializers.IntegerField(help_text="Of the clips; imported ones are not rendered.")


class SkipSerializer(serializers.Serializer):
    skips = serializers.IntegerField()
    reason = serializers.CharField()


class HourSerializer(serializers.Serializer):
    hour = serializers.DateTimeField()
    answers = serializers.IntegerField()
    simulated = serializers.IntegerField(help_text="Of them.")


class ProgressSerializer(serializers.Serializer):
    alerts = serializers.ListField(child=serializers.CharField())
    at_work = serializers.IntegerField()
    hours_left = serializers.FloatField(allow_null=True)
    failures = FailureSerializer(many=True)
    skips = SkipSerializer(many=True)
    hours = HourSerializer(many=True, help_text="The last 24 in which something may have happened.")


class Watched(Problems):
    """The project at a glance: pace, rendering, who is at work, what needs a look."""

    permission_classes = [MayOversee]
    of = "project"

    @told(DashboardSerializer, 404)
    def get(self, request: Request, code: UUID) -> Response:
        project = project_of(request).pk
        rows, pace, seen = glance(project, list(by_urgency(project)[:COMPARISONS_PER_PAGE]))
        assert seen is not None
        return Response(
            {
                **{
                    name: getattr(seen, name) for name in ("per_hour", "at_work", "waiting", "rendering", "last_answer")
                },
                "alerts": [
                    {"comparison": each.code if each else None, "said": alert.said, "page": alert.page}
                    for each, alert in seen.alerts
                ],
                "comparisons": [_row(*row, pace.get(row[0].pk)) for row in rows],
            }
        )


def _row(comparison: Comparison, answers: Any, clips: Rendering, pace: Any) -> dict[str, Any]:
    return {
        **{name: getattr(comparison, name) for name in ("code", "name", "state")},
        "places": answers.places,
        "answers": answers.answered,
        "simulated_answers": answers.simulated,
        "at_work": answers.at_work,
        "clips": clips.states,
        "per_hour": pace.per_hour if pace else None,
        "hours_left": pace.hours if pace else None,
    }


class Progress(Problems):
    """What a comparison's page shows of it while it runs, beyond its counts."""

    permission_classes = [MayOversee]

    @told(ProgressSerializer, 404)
    def get(self, request: Request, code: UUID) -> Response:
        comparison = get_object_or_404(Comparison, code=code)
        counted = rendering_of([comparison.pk])
        clips = []
        for entry in Entry.objects.filter(comparison=comparison).select_related("contender"):
            rendered = counted.get((comparison.pk, entry.contender_id), Rendering())
            clips.append((entry.contender.name, rendered.ready, rendered.failed))
        answers = answers_of([comparison.pk])[comparison.pk]
        bars = answers_per_hour(comparison)
        return Response(
            {
                "alerts": [each.said for each in alerts_of(comparison, clips)],
                "at_work": answers.at_work,
                "hours_left": hours_left(comparison, answers.places - answers.answered),
                "failures": failures_of(comparison),
                "skips": [{"skips": skips, "reason": reason} for skips, reason in skips_of(comparison)],
                "hours": [{"hour": b.hour, "answers": b.answers, "simulated": b.simulated} for b in bars],
            }
        )
