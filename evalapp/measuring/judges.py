"""Judges' answers: JudgeVersion (a declaration as it was), Verdict (one answer), JudgeRun (asking for a comparison).
TrainingRun: having a worker train the team's own judge.

Verdicts stand apart from votes: nothing that counts votes reads them, and no page of an assessor shows them.
"""

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_noop as _

from evalapp.comparisons.models import Comparison
from evalapp.measuring.claimed import CountedRun, Run
from metrics.judges.interface import STATUSES, Declaration, Outcome, Usage

SAID = (_("ok"), _("unavailable"), _("skipped"), _("refused"), _("unparsed"), _("error"), _("timeout"))
"""Statuses of answers, for pages to translate."""


class JudgeVersion(models.Model):
    """One declaration of a judge. Verdicts of different ones are never mixed; a row never changes."""

    name = models.CharField(max_length=100)
    version = models.CharField(max_length=50)
    version_hash = models.CharField(max_length=64)
    fingerprint = models.CharField(max_length=64, help_text="Of the preprocessing.")
    declared = models.JSONField(help_text="The declaration, whole.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name", "pk")
        constraints = [models.UniqueConstraint("version_hash", "fingerprint", name="one_judge_version_per_declaration")]

    def __str__(self) -> str:
        return f"{self.name} {self.version} ({self.version_hash[:8]}-{self.fingerprint[:4]})"

    @property
    def declaration(self) -> Declaration:
        return Declaration.model_validate(self.declared)

    @classmethod
    def of(cls, declaration: Declaration) -> "JudgeVersion":
        version, _ = cls.objects.get_or_create(
            version_hash=declaration.version_hash,
            fingerprint=declaration.fingerprint,
            defaults={
                "name": declaration.name,
                "version": declaration.version,
                "declared": declaration.model_dump(mode="json"),
            },
        )
        return version


class Verdict(models.Model):
    """What one judge version said of one clip, or of two in the order shown; once, whichever comparisons show them."""

    judge = models.ForeignKey(JudgeVersion, on_delete=models.CASCADE, related_name="verdicts")
    sha256 = models.CharField(max_length=64, help_text="Of the master file; of the clip shown first.")
    other_sha256 = models.CharField(max_length=64, blank=True, help_text="Of the clip shown second; empty: pointwise.")
    prompt_sha256 = models.CharField(max_length=64, blank=True, help_text="Of its text; empty: the judge needs none.")
    status = models.CharField(max_length=11)
    natives = models.JSONField(default=dict, help_text="By native output; for a pair the first shown − the second.")
    raw = models.TextField(blank=True, help_text="The answer, word for word.")
    reason = models.TextField(blank=True, help_text="Why there are no values.")
    calls = models.PositiveIntegerField(default=0)
    input_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    cost = models.FloatField(default=0)
    seconds = models.FloatField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "judge", "sha256", "other_sha256", "prompt_sha256", name="one_verdict_per_judge_and_media"
            ),
            models.CheckConstraint(condition=Q(status__in=STATUSES), name="verdict_status_known"),
            models.CheckConstraint(condition=Q(status="ok") | Q(natives={}), name="verdict_has_values_only_if_ok"),
        ]

    def __str__(self) -> str:
        return f"{self.judge.name} of {self.sha256[:12]}{' and ' if self.other_sha256 else ''}{self.other_sha256[:12]}"

    @classmethod
    def from_outcome(cls, judge: JudgeVersion, key: tuple[str, str, str], outcome: Outcome) -> "Verdict":
        """key: sha256, other_sha256, prompt_sha256."""
        return cls(
            judge=judge,
            sha256=key[0],
            other_sha256=key[1],
            prompt_sha256=key[2],
            status=outcome.status,
            natives=dict(outcome.values),
            raw=outcome.raw,
            reason=outcome.reason,
            **usage_fields(outcome.usage),
        )


def usage_fields(usage: Usage) -> dict[str, Any]:
    return {name: getattr(usage, name) for name in ("calls", "input_tokens", "output_tokens", "cost", "seconds")}


class JudgeRun(Run):
    """A judge asked about a comparison: queued → running → done | stopped (budget) | failed | cancelled."""

    comparison = models.ForeignKey(Comparison, on_delete=models.CASCADE, related_name="judge_runs")
    name = models.CharField(max_length=100, help_text="In the registry of judges.")
    options = models.JSONField(default=dict, help_text="As the judge's Options take them; never a key or password.")
    judge = models.ForeignKey(JudgeVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="runs")
    queue = models.CharField(max_length=30)
    most_cost = models.FloatField(null=True, blank=True, help_text="Asks no more when the next answer might pass it.")
    most_calls = models.PositiveIntegerField(null=True, blank=True)
    total = models.PositiveIntegerField(default=0, help_text="Answers that the comparison needs of the judge.")
    cached = models.PositiveIntegerField(default=0, help_text="Of them, known before.")
    asked = models.PositiveIntegerField(default=0, help_text="Answers that came in this run.")
    counts = models.JSONField(default=dict, help_text="Answers of this run by status.")
    calls = models.PositiveIntegerField(default=0)
    input_tokens = models.PositiveBigIntegerField(default=0)
    output_tokens = models.PositiveBigIntegerField(default=0)
    cost = models.FloatField(default=0)
    seconds = models.FloatField(default=0)

    class Meta(Run.Meta):
        indexes = [models.Index("state", "queue", "lease_until", name="judge_run_claimable")]

    def __str__(self) -> str:
        return f"{self.name} on {self.comparison}"

    @property
    def left(self) -> int:
        return max(0, self.total - self.cached - self.asked)

    @property
    def known(self) -> int:
        """Answers there are, with those known before."""
        return self.cached + self.asked


class TrainingRun(CountedRun):
    """The team's own judge trained on votes: queued → running → done | failed | cancelled. Nothing of it is kept under
    the judge's name but by a run that is done."""

    comparison = models.ForeignKey(Comparison, on_delete=models.CASCADE, related_name="training_runs")
    name = models.CharField(max_length=50, help_text="Of the judge.")
    comparisons = models.JSONField(help_text="Codes of all whose votes it learns from, of one project.")
    features = models.JSONField(default=list, help_text="Beside the signal measures and the built-in features.")
    hidden = models.PositiveIntegerField(default=0, help_text="Width of a hidden layer; 0: none.")
    mesa = models.FloatField(default=0, help_text="Weight of that regularisation; 0: none.")
    card = models.JSONField(null=True, blank=True, help_text="The judge's, once it is trained.")

    class Meta(CountedRun.Meta):
        indexes = [models.Index("state", "lease_until", name="training_run_claimable")]
        constraints = [
            models.UniqueConstraint(
                fields=["name"], condition=Q(state__in=("queued", "running")), name="one_training_at_a_time_per_judge"
            )
        ]

    def __str__(self) -> str:
        return f"own judge {self.name} on {self.comparison}"
