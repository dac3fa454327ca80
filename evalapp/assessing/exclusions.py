"""Exclusion: an assessor's votes in one comparison are left out of the report, by name, date and reason; reversible.

Votes are never deleted: an exclusion is a filter that the report applies and shows. Pay is another decision and does
not look here.
"""

from typing import ClassVar

from django.db import IntegrityError, models, transaction
from django.db.models import Q
from django.db.models.functions import Now

from evalapp.assessing.models import Participation
from evalapp.comparisons.models import Comparison
from evalapp.people import audit

BY_RULE = "rule"


def _record(verb: str, participation: Participation, **detail: str) -> None:
    """On the audit trail of the comparison's project, also where a rule acts in a worker."""
    comparison = participation.comparison
    subject = f"assessor {participation.assessor.code}"
    audit.record(verb, subject, project=comparison.project_id, comparison=comparison.name, **detail)


@transaction.atomic
def pause(participation: Participation, by: str) -> None:
    """No new pair for this assessor; what they hold can still be answered."""
    mine = Participation.objects.filter(pk=participation.pk, paused_at=None)
    if mine.update(paused_at=Now(), paused_by=by):
        _record("paused", participation, by=by)
    participation.refresh_from_db()


@transaction.atomic
def resume(participation: Participation) -> None:
    mine = Participation.objects.filter(pk=participation.pk).exclude(paused_at=None)
    if mine.update(paused_at=None, paused_by=""):
        _record("resumed", participation)
    participation.refresh_from_db()


class AlreadyExcluded(Exception):
    """The assessor is excluded now; lift that exclusion first."""


class ExclusionQuerySet(models.QuerySet["Exclusion"]):
    def of(self, comparison: Comparison) -> "ExclusionQuerySet":
        return self.filter(participation__comparison=comparison)

    def active(self, comparison: Comparison) -> "ExclusionQuerySet":
        """Those that hold now."""
        return self.of(comparison).filter(lifted_at=None)

    def exclude_assessor(self, participation: Participation, reason: str, by: str, rule: str = "") -> "Exclusion":
        """Leave the assessor's votes out from now on; raises AlreadyExcluded, or ValueError without a reason."""
        if not reason.strip():
            raise ValueError("an exclusion needs a reason")
        try:
            with transaction.atomic():
                made = self.create(participation=participation, reason=reason.strip(), by=by, rule=rule)
                _record("excluded", participation, reason=made.reason, rule=rule)
                return made
        except IntegrityError as error:
            raise AlreadyExcluded(f"{participation.assessor} is excluded already: lift that exclusion first") from error


class Exclusion(models.Model):
    """One exclusion of an assessor from one comparison; an assessor may have had several, one of them at a time."""

    participation = models.ForeignKey(Participation, on_delete=models.PROTECT, related_name="exclusions")
    reason = models.CharField(max_length=500, help_text="Read in the report.")
    by = models.CharField(max_length=150, help_text="The organizer's user name, or “rule”.")
    rule = models.CharField(max_length=40, blank=True, help_text="Which rule of the comparison excluded them.")
    at = models.DateTimeField(auto_now_add=True)
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_by = models.CharField(max_length=150, blank=True)
    lifted_why = models.CharField(max_length=500, blank=True)

    objects: ClassVar[ExclusionQuerySet] = ExclusionQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ("-at", "-pk")
        constraints = [
            models.UniqueConstraint("participation", name="one_active_exclusion", condition=Q(lifted_at=None)),
            models.CheckConstraint(condition=~Q(reason=""), name="exclusion_has_a_reason"),
            models.CheckConstraint(
                condition=Q(lifted_at=None, lifted_by="") | (Q(lifted_at__isnull=False) & ~Q(lifted_by="")),
                name="exclusion_is_lifted_by_someone",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.participation.assessor}: {self.reason}"

    @transaction.atomic
    def lift(self, by: str, why: str = "") -> bool:
        """The votes count again; False when it was lifted before. The row stays."""
        mine = type(self).objects.filter(pk=self.pk, lifted_at=None)
        lifted = mine.update(lifted_at=Now(), lifted_by=by, lifted_why=why.strip()[:500])
        self.refresh_from_db()
        if lifted:
            _record("took back in", self.participation, why=self.lifted_why)
        return bool(lifted)
