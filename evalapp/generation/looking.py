"""A worker's own look at what waits, for when no bell comes: the broker is down, or the sweep's clock died.

An idle worker so takes up what another left behind, or what nobody rang for, within RENDER_LOOK_SECONDS. Shifts run in
the worker's own pool, beside its bells: never more at once than it has threads.
"""

import logging
import threading
from concurrent.futures import Future
from typing import Any

from celery import bootsteps
from celery.concurrency.thread import TaskPool
from celery.worker import state
from django.conf import settings
from django.db import close_old_connections

from evalapp.lasting import Lasting

log = logging.getLogger(__name__)


class Looking(bootsteps.StartStopStep):
    """A part of each Celery worker with a pool of threads (evalapp/celery.py)."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        self.shifts: list[Future[None]] = []
        self.trouble = Lasting()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._keep, args=(worker,), daemon=True)

    def include_if(self, worker: Any) -> bool:
        return bool(settings.RENDER_LOOK_SECONDS) and issubclass(worker.pool_cls, TaskPool)

    def start(self, worker: Any) -> None:
        self.thread.start()

    def stop(self, worker: Any) -> None:
        self.ended.set()

    def terminate(self, worker: Any) -> None:
        self.stop(worker)

    def _keep(self, worker: Any) -> None:
        while True:
            try:
                close_old_connections()
                self.look(worker)
                self.trouble.over()
            except Exception as error:
                if not self.ended.is_set() and self.trouble.is_news(type(error).__name__):
                    log.exception("could not look for waiting clips; trying again")
            if self.ended.wait(settings.RENDER_LOOK_SECONDS):
                return

    def look(self, worker: Any) -> None:
        """Begin as many shifts as there are idle threads and work for them."""
        from evalapp.generation.fitting import fits
        from evalapp.generation.tasks import wanted

        if not fits():
            return
        self.shifts = [shift for shift in self.shifts if not shift.done()]
        idle = worker.concurrency - len(self.shifts) - len(state.reserved_requests)
        if idle <= 0:
            return
        for hardware, shifts in wanted(worker.app.amqp.queues.consume_from, idle).items():
            for _ in range(min(shifts, idle)):
                self.shifts.append(worker.pool.apply_async(_shift, (hardware,), callback=_done).f)
                idle -= 1


def _done(result: None) -> None:
    """What the pool calls after a shift, and cannot do without."""


def _shift(hardware: str) -> None:
    from evalapp.generation.tasks import render_waiting

    close_old_connections()
    try:
        render_waiting(hardware)
    except Exception:
        log.exception("a shift on %s broke off; what it had in hand is taken up again", hardware)
    finally:
        close_old_connections()
