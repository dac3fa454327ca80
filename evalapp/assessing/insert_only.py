"""Rows that are evidence: written, never altered."""

from typing import Any

from django.db import models


class InsertOnly(models.QuerySet[Any]):
    """Rows that are written once. The database refuses changes too, by triggers (see the migrations)."""

    def update(self, **kwargs: Any) -> int:
        raise TypeError(f"{self.model.__name__} rows are never altered; a correction is a new version")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise TypeError(f"{self.model.__name__} rows are never deleted; exclusion is a filter in the report")


InsertOnlyManager = models.Manager.from_queryset(InsertOnly)
