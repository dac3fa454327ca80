"""Doorbell of reporting."""

from celery import shared_task
from django.core.cache import cache
from django.db import transaction

from evalapp.comparisons.models import Comparison
from evalapp.people.projects import Project

PATIENCE_SECONDS = 10


@shared_task(ignore_result=True)
def build_report(comparison: int) -> None:
    from evalapp.reporting.build import build

    if found := Comparison.objects.filter(pk=comparison).first():
        build(found)


@shared_task(ignore_result=True)
def build_exploration(comparison: int, given: dict[str, list[str]]) -> None:
    from evalapp.reporting.explore import explore
    from evalapp.reporting.filters import Filters

    if found := Comparison.objects.filter(pk=comparison).first():
        explore(found, Filters.read(found, given))


def ring_exploration(comparison: Comparison, inputs: str, given: dict[str, list[str]]) -> None:
    """Have votes explored, unless that was asked for a moment ago."""
    if cache.add(f"exploration-rung-{inputs}", True, PATIENCE_SECONDS):
        transaction.on_commit(lambda: build_exploration.delay(comparison.pk, given), robust=True)


@shared_task(ignore_result=True)
def build_league(project: int) -> None:
    from evalapp.reporting import league

    league.build_league(project)


def ring_league(project: int) -> None:
    if cache.add(f"league-rung-{project}", True, PATIENCE_SECONDS):
        transaction.on_commit(lambda: build_league.delay(project), robust=True)


def ring(comparison: Comparison) -> None:
    """Have a report built, unless that was asked for a moment ago: votes come in faster than anyone reads."""
    if cache.add(f"report-rung-{comparison.pk}", True, PATIENCE_SECONDS):
        transaction.on_commit(lambda: build_report.delay(comparison.pk), robust=True)


@shared_task(ignore_result=True)
def build_judges(comparison: int | None, project: int | None = None) -> None:
    """Judges against people: of one comparison, or of all of a project."""
    from evalapp.reporting.trust import build_trust

    asked = Comparison.objects.filter(pk=comparison) if comparison else Project.objects.filter(pk=project or 0)
    if found := asked.first():
        build_trust(found)


def ring_judges(of: Comparison | Project) -> None:
    keys = (of.pk, None) if isinstance(of, Comparison) else (None, of.pk)
    if cache.add(f"judges-rung-{of._meta.model_name}-{of.pk}", True, PATIENCE_SECONDS):
        transaction.on_commit(lambda: build_judges.delay(*keys), robust=True)


@shared_task(ignore_result=True)
def build_review(comparison: int) -> None:
    from evalapp.reporting import review

    if found := Comparison.objects.filter(pk=comparison).first():
        review.build_review(found)


def ring_review(comparison: Comparison) -> None:
    if cache.add(f"review-rung-{comparison.pk}", True, PATIENCE_SECONDS):
        transaction.on_commit(lambda: build_review.delay(comparison.pk), robust=True)


@shared_task(ignore_result=True)
def verify() -> None:
    """Once a night, by whichever worker hears the bell first; a night that the house slept is made up for by day."""
    from evalapp.reporting.leftovers import forget_unused
    from evalapp.reporting.promises import Verification

    if night := Verification.objects.begin():
        night.look()
        forget_unused()
