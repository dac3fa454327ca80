"""Celery is the doorbell: tasks carry ids and wake the code; the database stays the truth about work."""

import os
from typing import Any

from celery import Celery, Task
from celery.signals import before_task_publish, task_postrun, task_prerun

from evalapp.running.logs import request_id

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "evalapp.settings")
MOST_UNHEARD = 100


class Bell(Task):  # type: ignore[type-arg]
    """A bell that ends is rung again while there is work. Only RabbitMQ takes away by itself those that ended: where
    so many lie unheard, nobody listens, and no more are laid down."""

    def apply_async(self, *args: Any, **options: Any) -> Any:
        if options.get("expires") and unheard(options.get("queue") or app.conf.task_default_queue) >= MOST_UNHEARD:
            return None
        return super().apply_async(*args, **options)


def unheard(queue: str) -> int:
    """How many bells lie in a queue."""
    pool: Any = app.pool
    with pool.acquire(block=True) as connection:
        connection.ensure_connection(max_retries=1, interval_start=0)  # or it waits 2 s where there is no broker
        try:
            with connection.channel() as channel:
                return int(channel.queue_declare(queue, passive=True).message_count)
        except connection.channel_errors:  # there is no such queue yet
            return 0


app = Celery("evalapp", task_cls=Bell)
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
