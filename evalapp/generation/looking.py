"""A worker's own look at what waits, for when no bell comes: the broker is down, or the sweep's clock died.

An idle worker so takes up what another left behind, or what nobody rang for, within RENDER_LOOK_SECONDS. Shifts run in
the worker's own pool, beside its bells: never more at once than it has threads. It serves the classes whose bells it
hears and smaller ones of GPUs (classes.py), and tells of itself (workers.py).
"""

import logging
import threading
import time
from concurrent.futures import Future
from typing import Any

from celery import bootsteps
from celery.concurrency.thread import TaskPool
from celery.worker import state
from django.conf import settings
from django.db import DatabaseError, close_old_connections

from evalapp.generation.classes import gigabytes, served
from evalapp.lasting import Lasting

log = logging.getLogger(__name__)
TELLS_SECONDS = 10
"""How often a worker tells of itself."""


class Looking(bootsteps.StartStopStep):
    """A part of each Celery worker with a pool of threads (evalapp/celery.py)."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        self.shifts: list[Future[None]] = []
        self.trouble = Lasting()
        self.ended, self.wake = threading.Event(), threading.Event()
        self.told_at = -float(TELLS_SECONDS)
        self.thread = threading.Thread(target=self._keep, args=(worker,), daemon=True)

    def include_if(self, worker: Any) -> bool:
        return bool(settings.RENDER_LOOK_SECONDS) and issubclass(worker.pool_cls, TaskPool)

    def start(self, worker: Any) -> None:
        self.thread.start()

    def stop(self, worker: Any) -> None:
        self.ended.set()
        self.wake.set()
        from evalapp.generation.workers import leave

        if self.thread.is_alive():
            self.thread.join(TELLS_SECONDS)
        try:
            leave()
        except DatabaseError as error:
            log.warning("this worker stays on the page of queues for a day: %s", error)

    def terminate(self, worker: Any) -> None:
        self.stop(worker)

    def _keep(self, worker: Any) -> None:
        from evalapp.generation.workers import tell

        while True:
            try:
                close_old_connections()
                if time.monotonic() - self.told_at >= TELLS_SECONDS:
                    tell(worker.app.amqp.queues.consume_from)
                    self.told_at = time.monotonic()
                self.look(worker)
                self.trouble.over()
            except Exception as error:
                if not self.ended.is_set() and self.trouble.is_news(type(error).__name__):
                    log.exception("could not look for waiting clips; trying again")
            self.wake.wait(settings.RENDER_LOOK_SECONDS)
            self.wake.clear()
            if self.ended.is_set():
                return

    def look(self, worker: Any) -> None:
        """Begin as many shifts as there are idle threads and work for them."""
        from evalapp.generation.fitting import fits
        from evalapp.generation.tasks import asked, wanted

        if not fits():
            return
        self.shifts = [shift for shift in self.shifts if not shift.done()]
        idle = worker.concurrency - len(self.shifts) - len(state.reserved_requests)
        if idle <= 0:
            return
        mine = worker.app.amqp.queues.consume_from
        classes = served(mine, asked() if any(map(gigabytes, mine)) else ())
        for hardware, shifts in wanted(classes, idle).items():
            for _ in range(min(shifts, idle)):
                self.shifts.append(worker.pool.apply_async(_shift, (hardware,), callback=self._done).f)
                idle -= 1

    def _done(self, seconds: float) -> None:
        """After a shift that found work, look again at once: nobody may have heard its bell for the next one."""
        if seconds > settings.RENDER_LOOK_SECONDS:
            self.wake.set()


def _shift(hardware: str) -> float:
    """Returns how many seconds it took."""
    from evalapp.generation.tasks import render_waiting

    began = time.monotonic()
    close_old_connections()
    try:
        render_waiting(hardware)
    except Exception:
        log.exception("a shift on %s broke off; what it had in hand is taken up again", hardware)
    finally:
        close_old_connections()
    return time.monotonic() - began
