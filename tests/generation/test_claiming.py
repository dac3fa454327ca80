"""Clips in the hands of workers: claims, leases, attempts, late results."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now

from evalapp.generation import tasks
from evalapp.generation.models import Clip
from tests.factories import make_clip

State = Clip.State


def run_out(clip):
    Clip.objects.filter(pk=clip.pk).update(lease_until=Now() - timedelta(seconds=1))


def test_a_claimed_clip_is_nobody_elses_while_its_lease_lives(db):
    clip = make_clip(state="queued")
    assert Clip.objects.claim_next("one") == clip
    assert Clip.objects.claim_next("two") is None


def test_a_clip_whose_worker_died_is_claimed_again(db):
    make_clip(state="queued")
    first = Clip.objects.claim_next("one")
    run_out(first)
    second = Clip.objects.claim_next("two")
    assert (second.pk, second.attempt, second.worker) == (first.pk, 2, "two")


def test_a_late_result_of_a_lost_lease_changes_nothing(db):
    make_clip(state="queued")
    late = Clip.objects.claim_next("one")
    run_out(late)
    taken_over = Clip.objects.claim_next("two")
    assert not late.renew_lease()
    assert not late.finish(sha256="of the late one")
    assert taken_over.finish(sha256="of the second")
    late.fail("too late")
    stored = Clip.objects.get()
    assert (stored.state, stored.sha256) == (State.READY, "of the second")


def test_a_clip_that_kills_its_worker_again_and_again_fails_in_words(db, settings):
    make_clip(state="queued")
    for _ in range(settings.RENDER_ATTEMPTS):
        run_out(Clip.objects.claim_next("one"))
    assert Clip.objects.claim_next("one") is None
    clip = Clip.objects.get()
    assert clip.state == State.FAILED
    assert f"died {settings.RENDER_ATTEMPTS} times" in clip.reason


def test_a_retried_clip_gets_as_many_attempts_as_a_new_one(db, settings):
    make_clip(state="queued")
    for _ in range(settings.RENDER_ATTEMPTS):
        run_out(Clip.objects.claim_next("one"))
    Clip.objects.claim_next("one")
    assert Clip.objects.retry() == 1
    claims = 0
    while clip := Clip.objects.claim_next("one"):
        claims += 1
        run_out(clip)
    assert claims == settings.RENDER_ATTEMPTS


def test_a_cancelled_clip_stops_its_worker_and_keeps_no_result(db):
    make_clip(state="queued")
    clip = Clip.objects.claim_next("one")
    Clip.objects.update(state=State.CANCELLED)
    assert not clip.renew_lease()
    assert not clip.finish(sha256="x")
    assert Clip.objects.get().state == State.CANCELLED


def test_the_sweep_rings_when_clips_wait_and_nobody_is_at_work(db, monkeypatch):
    rung = []
    monkeypatch.setattr(tasks, "ring", rung.append)
    clip = make_clip(state="queued")
    tasks.sweep()
    assert rung == [1]
    Clip.objects.claim_next("one")
    tasks.sweep()
    assert rung == [1]
    run_out(clip)
    tasks.sweep()
    assert rung == [1, 1]


@pytest.mark.django_db(transaction=True)
def test_one_worker_wins_each_clip_while_eight_race():
    for seed in range(12):
        make_clip(state="queued", seed=seed)
    start = threading.Barrier(8)

    def work(worker):
        start.wait()
        try:
            claimed = []
            while clip := Clip.objects.claim_next(worker):
                claimed.append(clip.pk)
            return claimed
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        claimed = [pk for mine in pool.map(work, map(str, range(8))) for pk in mine]
    assert sorted(claimed) == sorted(Clip.objects.values_list("pk", flat=True))
    assert set(Clip.objects.values_list("attempt", flat=True)) == {1}
