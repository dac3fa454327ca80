"""Doorbell of reporting."""

from celery import shared_task
from django.core.cache import cache
from django.db import transaction

from evalapp.comparisons.models import Comparison

PATIENCE_SECONDS = 10


@shared_task(ignore_result=True)
def build_report(comparison: int) -> None:
    from evalapp.reporting.build import build

    if found := Comparison.objects.filter(pk=comparison).first():
        build(found)


def ring(comparison: Comparison) -> None:
    """Have a report built, unless that was asked for a moment ago: votes come in faster than anyone reads."""
    if cache.add(f"report-rung-{comparison.pk}", True, PATIENCE_SECONDS):
        transaction.on_commit(lambda: build_report.delay(comparison.pk))
