"""Doorbells of assessing."""

from celery import shared_task

from evalapp.assessing.models import Assignment


@shared_task(ignore_result=True)
def sweep() -> None:
    """Give back the places of pairs whose assessor left."""
    while Assignment.objects.expire():
        pass
