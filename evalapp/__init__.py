"""The one Django app: people → catalog → generation → comparisons → assessing → measuring → reporting."""

from evalapp.celery import app as celery_app

__all__ = ["celery_app"]
