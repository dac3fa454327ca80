"""Idle workers look for work by themselves; whoever asks for work needs no broker."""

from types import SimpleNamespace

import pytest
from celery.app.task import Task
from celery.concurrency.thread import TaskPool
from celery.worker import state
from django.db import connection

from evalapp import lasting
from evalapp.assessing.tasks import ring_watch
from evalapp.generation import looking, tasks
from evalapp.generation.models import Clip, Queue
from evalapp.generation.tasks import ring
from evalapp.lasting import Lasting
from tests.factories import make_clip, make_comparison


@pytest.fixture
def began(monkeypatch):
    """Hardware classes of the shifts that were begun."""
    begun = []
    monkeypatch.setattr(looking, "_shift", lambda hardware: begun.append(hardware) or 0.0)
    return begun


@pytest.fixture
def worker():
    queues = SimpleNamespace(consume_from={"default": None, "cpu": None})
    pool = TaskPool(2)
    yield SimpleNamespace(concurrency=2, pool=pool, app=SimpleNamespace(amqp=SimpleNamespace(queues=queues)))
    pool.executor.shutdown()


def look(worker):
    looks = looking.Looking(worker)
    looks.look(worker)
    for shift in looks.shifts:
        shift.result()


def test_it_begins_as_many_shifts_as_it_has_idle_threads_and_work(db, worker, began, monkeypatch):
    look(worker)
    assert began == []
    make_clip("queued")
    look(worker)
    assert began == ["cpu"]
    for seed in range(1, 4):
        make_clip("queued", seed=seed)
    look(worker)
    assert began == ["cpu"] * 3
    monkeypatch.setattr(state, "reserved_requests", {"a bell in hand"})
    look(worker)
    assert began == ["cpu"] * 4
    monkeypatch.setattr(state, "reserved_requests", {"a bell in hand", "another"})
    look(worker)
    assert began == ["cpu"] * 4


def test_it_leaves_resting_queues_and_other_hardware_alone(db, worker, began):
    make_clip("queued")
    Queue.objects.create(hardware="cpu", paused=True)
    look(worker)
    Queue.objects.update(paused=False)
    Clip.objects.update(hardware="gpu.80gb")
    look(worker)
    assert began == []


def test_what_a_dead_worker_left_behind_is_taken_up_by_a_look(db, worker, began):
    make_clip("queued")
    clip = Clip.objects.claim_next("one")
    look(worker)
    assert began == []
    with connection.cursor() as cursor:
        cursor.execute("UPDATE evalapp_clip SET lease_until = %s WHERE id = %s", ["2001-01-01 00:00:00+00:00", clip.pk])
    look(worker)
    assert began == ["cpu"]


def test_a_full_disk_is_told_once_while_it_lasts_and_anew_when_it_returns(db, settings, caplog, monkeypatch):
    monkeypatch.setattr(tasks, "_full", Lasting())
    make_clip("queued")
    told = []
    for least in (2**40, 2**40, 0, 2**40):
        settings.MEDIA_LEAST_FREE_MIB = least
        if not least:
            Clip.objects.update(state=Clip.State.CANCELLED)
        tasks.render_waiting()
        told.append(caplog.text.count("no clip is started below"))
    assert told == [1, 1, 1, 2]


def test_trouble_that_lasts_is_told_once_an_hour_by_its_cause(monkeypatch):
    trouble, clock = Lasting(), [0.0]
    monkeypatch.setattr(lasting.time, "monotonic", lambda: clock[0])
    assert [trouble.is_news(cause) for cause in ("disk", "disk", "database")] == [True, False, True]
    clock[0] = 3601
    assert trouble.is_news("disk")


@pytest.mark.django_db(transaction=True)
def test_who_asks_for_work_is_not_refused_because_the_broker_is_down(monkeypatch):
    def refuse(*given, **named):
        raise ConnectionError("no broker")

    comparison, clip = make_comparison(), make_clip("queued")
    monkeypatch.setattr(Task, "apply_async", refuse)
    ring()
    ring_watch(comparison)
    assert Clip.objects.claim_next("one") == clip
