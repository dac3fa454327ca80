"""Measurement: what one metric says of one master file. Features and SetMeasurement: the same for sets of files.
MeasuringRun: having a worker measure."""

from typing import Any

from django.db import models
from django.db.models import Q

from evalapp.catalog.models import Contender
from evalapp.comparisons.models import Comparison
from evalapp.measuring.claimed import CountedRun

HALF = "; kept as float16"


class Measurement(models.Model):
    """Reckoned once per file, metric and version, whichever clips and comparisons show the file.

    What two files say together stands under a checksum of both (`evalapp.measuring.pairs`)."""

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


class Features(models.Model):
    """What an extractor reads of one media file, once: the rows, or why there are none."""

    sha256 = models.CharField(max_length=64, help_text="Of the master file, or of a file in a reference folder.")
    extractor = models.CharField(
        max_length=300, help_text="Network, checksum of its weights, frames and preprocessing."
    )
    width = models.PositiveIntegerField(default=0)
    data = models.BinaryField(blank=True, help_text="float32, little-endian, row after row.")
    # In float16 where the extractor's identity ends in HALF: rows of the two kinds are never mixed.
    reason = models.CharField(max_length=200, blank=True, help_text="Why this clip has no features.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "features"
        constraints = [models.UniqueConstraint("sha256", "extractor", name="features_once_per_file")]

    def __str__(self) -> str:
        return f"{self.extractor[:40]} of {self.sha256[:12]}"

    def keep(self, rows: Any) -> None:
        """Take rows (n, width). Raises ValueError where they do not fit into float16."""
        import numpy as np

        with np.errstate(over="ignore"):
            kept = np.ascontiguousarray(rows, dtype=self._dtype)
        if not np.isfinite(kept).all():
            raise ValueError("its features are beyond float16: set FEATURES_DTYPE=float32")
        self.width, self.data = rows.shape[1], kept.tobytes()

    def rows(self) -> Any:
        """Rows (n, width), float32."""
        import numpy as np

        return np.frombuffer(bytes(self.data), dtype=self._dtype).reshape(-1, self.width).astype(np.float32)

    @property
    def _dtype(self) -> str:
        return "<f2" if self.extractor.endswith(HALF) else "<f4"


class SetMeasurement(models.Model):
    """What a set of clips measures: a contender's in a comparison, all of them or those of one prompt tag."""

    comparison = models.ForeignKey(Comparison, on_delete=models.CASCADE)
    contender = models.ForeignKey(Contender, on_delete=models.CASCADE)
    metric = models.CharField(max_length=50)
    reference = models.CharField(max_length=200, blank=True, help_text="Name of the set it is compared with.")
    tag = models.CharField(max_length=200, blank=True, help_text="Empty: all prompts.")
    protocol = models.TextField(help_text="Extractor and estimator: values of different protocols are never mixed.")
    inputs = models.CharField(max_length=64, help_text="Of the protocol and the checksums of all clips on both sides.")
    result = models.JSONField(help_text="value, low, high, plain, floor, spread, rows, reference_rows, clips, reason.")
    created_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("metric", "reference", "tag", "contender_id")
        constraints = [
            models.UniqueConstraint(
                "comparison", "contender", "metric", "reference", "tag", name="one_set_measurement_per_set"
            )
        ]

    def __str__(self) -> str:
        return f"{self.metric} of {self.contender} in {self.comparison}"


class MeasuringRun(CountedRun):
    """Measures asked for a comparison: queued → running → done | failed | cancelled. `reason`, of one that is done,
    names the files that could not be measured."""

    comparison = models.ForeignKey(Comparison, on_delete=models.CASCADE, related_name="measuring_runs")
    metrics = models.JSONField(help_text="Names of measures, of clips and of sets.")
    reference = models.ForeignKey(
        Contender, null=True, blank=True, on_delete=models.PROTECT, related_name="+", help_text="Of measures of sets."
    )

    class Meta(CountedRun.Meta):
        indexes = [models.Index("state", "lease_until", name="measuring_run_claimable")]

    def __str__(self) -> str:
        return f"measures of {self.comparison}"
