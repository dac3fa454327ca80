"""Doorbells of assessing."""

from celery import shared_task

from evalapp.assessing.looks import due_looks, take_looks
from evalapp.assessing.models import Assignment


@shared_task(ignore_result=True)
def sweep() -> None:
    """Give back the places of pairs whose assessor left."""
    while Assignment.objects.expire():
        pass


@shared_task(ignore_result=True)
def look() -> None:
    """Take the planned looks that votes have made due, so that settled pairings are not handed out any more."""
    for comparison in due_looks():
        take_looks(comparison)
