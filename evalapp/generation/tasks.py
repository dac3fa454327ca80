"""Doorbells of rendering. A bell may ring twice or be lost; the sweep rings again while work waits."""

import os
import socket
import time

from celery import shared_task
from django.db import transaction

from evalapp.generation.models import Clip

SHIFT_SECONDS = 30
BELLS_AT_ONCE = 8


@shared_task(ignore_result=True)
def render_waiting() -> None:
    """Render waiting clips for a shift, then make room for other bells and ring again."""
    from evalapp.generation.rendering import render

    worker = f"{socket.gethostname()}:{os.getpid()}"
    until = time.monotonic() + SHIFT_SECONDS
    while clip := Clip.objects.claim_next(worker):
        render(clip)
        if time.monotonic() > until:
            # One bell for this worker and one for an idle neighbour, so that lost bells cannot leave it idle.
            ring(2)
            return


@shared_task(ignore_result=True)
def sweep() -> None:
    """Wake the workers when clips wait and none is at work: bells were lost, or the worker died.

    A worker at work goes on by itself, so ringing then would only fill the queue.
    """
    if not Clip.objects.at_work().exists():
        ring(Clip.objects.claimable().count())


def ring(clips: int) -> None:
    """Wake as many workers as `clips` can keep busy, once the current transaction is stored."""
    for _ in range(min(clips, BELLS_AT_ONCE)):
        transaction.on_commit(render_waiting.delay)
