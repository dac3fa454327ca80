"""Report: a frozen snapshot of every number, count, seed, filter and version."""

from django.db import models

from evalapp.comparisons.models import Comparison


class Report(models.Model):
    """Immutable; the same inputs and seed give the same bytes, so equal inputs share one row."""

    comparison = models.ForeignKey(Comparison, on_delete=models.CASCADE, related_name="reports")
    inputs = models.CharField(max_length=64, help_text="sha256 of the ballots, filters and method version behind it.")
    snapshot = models.TextField(help_text="Canonical JSON.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("comparison", "-created_at", "-pk")
        constraints = [models.UniqueConstraint("comparison", "inputs", name="one_report_per_inputs")]

    def __str__(self) -> str:
        return f"report of {self.comparison}, {self.created_at:%Y-%m-%d %H:%M}"
