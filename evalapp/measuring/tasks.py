"""Doorbell of measuring."""

from celery import shared_task
from django.db import transaction

from evalapp.comparisons.models import Comparison


@shared_task(ignore_result=True)
def measure_clips(comparison: int) -> None:
    from evalapp.measuring.runs import measure

    if found := Comparison.objects.filter(pk=comparison).first():
        measure(found)


def ring(comparison: Comparison) -> None:
    transaction.on_commit(lambda: measure_clips.delay(comparison.pk))
