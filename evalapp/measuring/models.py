"""Measurement: what one metric says of one master file."""

from django.db import models
from django.db.models import Q


class Measurement(models.Model):
    """Reckoned once per file, metric and version, whichever clips and comparisons show the file."""

    sha256 = models.CharField(max_length=64, help_text="Of the master file.")
    metric = models.CharField(max_length=50)
    version = models.CharField(max_length=100, help_text="Protocol: values of different versions are never mixed.")
    value = models.FloatField(null=True, blank=True)
    reason = models.CharField(max_length=200, blank=True, help_text="Why the metric has no value for this clip.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("metric", "pk")
        constraints = [
            models.UniqueConstraint("sha256", "metric", "version", name="one_measurement_per_file"),
            models.CheckConstraint(
                condition=Q(value__isnull=False, reason="") | (Q(value__isnull=True) & ~Q(reason="")),
                name="measurement_has_a_value_or_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.metric} of {self.sha256[:12]}"
