"""Celery is the doorbell: tasks carry ids and wake the code; the database stays the truth about work."""

import os
from typing import Any

from celery import Celery
from celery.signals import before_task_publish, task_postrun, task_prerun

from evalapp.running.logs import request_id

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "evalapp.settings")

app = Celery("evalapp")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(
    [
        "evalapp.people",
        "evalapp.catalog",
        "evalapp.generation",
        "evalapp.assessing",
        "evalapp.measuring",
        "evalapp.reporting",
    ]
)
app.steps["worker"].add("evalapp.generation.looking:Looking")


@before_task_publish.connect
def carry_the_id(headers: dict[str, Any], **_: Any) -> None:
    """What a request sets off is written of with its id, in the worker too."""
    if (number := request_id.get()) != "-":
        headers["request_id"] = number


@task_prerun.connect
def take_the_id(task: Any, task_id: str, **_: Any) -> None:
    request_id.set(task.request.get("request_id") or task_id)


@task_postrun.connect
def lay_it_down(**_: Any) -> None:
    request_id.set("-")
