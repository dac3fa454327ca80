"""Doorbells of measuring and judging."""

from celery import shared_task
from django.db import transaction

from evalapp.measuring.judges import JudgeRun, TrainingRun
from evalapp.measuring.models import MeasuringRun


@shared_task(ignore_result=True)
def measure(run: int) -> None:
    """Work on a measuring run, if no other worker does."""
    from evalapp.measuring.asked import work

    if found := MeasuringRun.objects.filter(pk=run).first():
        work(found)


@shared_task(ignore_result=True)
def sweep_measuring() -> None:
    """Wake workers for runs that wait or whose worker died: bells may be lost."""
    for run in MeasuringRun.objects.claimable():
        ring_measuring(run)


def ring_measuring(run: MeasuringRun) -> None:
    # A bell that nobody hears in a minute is old: the sweep has rung since.
    transaction.on_commit(lambda: measure.apply_async(args=(run.pk,), expires=60), robust=True)


@shared_task(ignore_result=True)
def judge(run: int) -> None:
    """Work on a judge run, if no other worker does."""
    from evalapp.measuring.judging import work

    if found := JudgeRun.objects.filter(pk=run).first():
        work(found)


@shared_task(ignore_result=True)
def sweep_judging() -> None:
    """Wake workers for runs that wait or whose worker died: bells may be lost."""
    for run in JudgeRun.objects.claimable():
        ring_judge(run)
    for training in TrainingRun.objects.claimable():
        ring_training(training)


def ring_judge(run: JudgeRun) -> None:
    transaction.on_commit(lambda: judge.apply_async(args=(run.pk,), queue=run.queue, expires=60), robust=True)


@shared_task(ignore_result=True)
def train_judge(run: int) -> None:
    """Work on a training run, if no other worker does."""
    from evalapp.measuring.training import work

    if found := TrainingRun.objects.filter(pk=run).first():
        work(found)


def ring_training(run: TrainingRun) -> None:
    transaction.on_commit(lambda: train_judge.apply_async(args=(run.pk,), expires=60), robust=True)
