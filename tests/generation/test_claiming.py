"""Clips in the hands of workers: claims, leases, attempts, late results."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, time, timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from evalapp.generation import tasks
from evalapp.generation.models import Clip, Queue
from tests.factories import make_clip, make_comparison, make_contender

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
    assert "its worker died at every attempt" in clip.reason


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
    monkeypatch.setattr(tasks, "_ring", lambda hardware, bells: bells and rung.append((hardware, bells)))
    clip = make_clip(state="queued")
    tasks.sweep()
    assert rung == [("cpu", 1)]
    Clip.objects.claim_next("one")
    tasks.sweep()
    assert rung == [("cpu", 1)]
    run_out(clip)
    tasks.sweep()
    assert rung == [("cpu", 1)] * 2


def test_a_busy_class_of_workers_leaves_the_bells_of_another_alone(db, monkeypatch):
    rung = []
    monkeypatch.setattr(tasks, "_ring", lambda hardware, bells: bells and rung.append((hardware, bells)))
    make_clip(state="queued")
    Clip.objects.claim_next("one")
    large = make_contender("large", hardware="gpu.80gb")
    make_clip(state="queued", contender=large, hardware="gpu.80gb")
    tasks.sweep()
    assert rung == [("gpu.80gb", 1)]


def test_a_clip_whose_worker_died_rings_even_beside_a_busy_worker(db, monkeypatch):
    rung = []
    monkeypatch.setattr(tasks, "_ring", lambda hardware, bells: bells and rung.append((hardware, bells)))
    for seed in range(2):
        make_clip(state="queued", seed=seed)
    run_out(Clip.objects.claim_next("dead"))
    Clip.objects.exclude(state=State.RENDERING).update(
        state=State.RENDERING, lease_until=Now() + timedelta(seconds=60), worker="busy"
    )
    tasks.sweep()
    assert rung == [("cpu", 1)]


def test_a_bell_rings_in_the_queue_of_the_hardware_that_the_clip_needs(
    db, monkeypatch, django_capture_on_commit_callbacks
):
    rung = []
    monkeypatch.setattr(tasks.render_waiting, "apply_async", lambda **call: rung.append((call["queue"], call["args"])))
    make_clip(state="queued", contender=make_contender("large", hardware="gpu.80gb"), hardware="gpu.80gb")
    with django_capture_on_commit_callbacks(execute=True):
        tasks.ring()
    assert rung == [("gpu.80gb", ("gpu.80gb",))]


def queue_up(contenders, scenes, **columns):
    """Clips as launch queues them: the clips of one prompt and seed share a turn."""
    for name in contenders:
        contender = make_contender(name)
        for turn in range(scenes):
            make_clip("queued", seed=turn, turn=turn, contender=contender, weights=contender.weights, **columns)


def worked_off(worker="one", keep=1):
    """Names of the contenders whose clips one worker gets, one after the other; it keeps so many of them loaded."""
    names, loaded = [], []
    while clip := Clip.objects.claim_next(worker, ["cpu"], loaded):
        names.append(clip.contender.name)
        loaded = [clip.weights, *(key for key in loaded if key != clip.weights)][:keep]
        clip.finish()
    return names


def loads(names):
    return sum(name != before for name, before in zip(names, ["", *names], strict=False))


def test_a_cold_worker_takes_complete_pairs_one_after_the_other(db):
    queue_up("ab", 3)
    assert worked_off(keep=0) == ["a", "b", "a", "b", "a", "b"]


def test_a_worker_stays_with_the_loaded_checkpoint_but_contenders_advance_together(db, settings):
    settings.RENDER_AHEAD = 4
    queue_up("ab", 12)
    names = worked_off()
    # a gets turns 0-1, b 0-5 (three past a's next, turn 2), a 2-10 (four past b's next, turn 6), b 6-11, a the last
    assert names == ["a"] * 2 + ["b"] * 6 + ["a"] * 9 + ["b"] * 6 + ["a"]
    assert loads(names) == 5


def test_of_few_prompts_pairs_are_complete_early_too_and_loads_stay_few(db):
    queue_up("ab", 16)
    names = worked_off()
    # a 0-1, b 0-5 (2 + 3), a 2-13 (6 + 7), b 6-15, a the rest: one load more whenever twice as much is done
    assert names == ["a"] * 2 + ["b"] * 6 + ["a"] * 12 + ["b"] * 10 + ["a"] * 2
    assert loads(names) == 5


def test_a_worker_that_keeps_every_contender_loaded_makes_pair_after_pair_and_loads_each_once(db):
    queue_up("abc", 4)
    assert worked_off(keep=3) == [*"aabbcc", *"abc" * 2]


def test_two_contenders_are_never_further_apart_than_ahead_allows(db, settings):
    settings.RENDER_AHEAD = 3
    queue_up("ab", 20)
    names = worked_off()
    apart = [abs(2 * names[:made].count("a") - made) for made in range(len(names))]
    assert max(apart) == 4  # turns 0-3 past the other's next one


def test_two_workers_stay_with_a_contender_each_and_load_once(db):
    queue_up("ab", 6)
    taken, loaded = {"one": [], "two": []}, {"one": [], "two": []}
    for _ in range(6):
        for worker in taken:
            clip = Clip.objects.claim_next(worker, ["cpu"], loaded[worker])
            loaded[worker] = [clip.weights]
            taken[worker].append(clip.contender.name)
    assert taken == {"one": ["a"] * 6, "two": ["b"] * 6}


def test_priority_goes_before_turn_and_before_what_is_loaded(db):
    queue_up("ab", 2)
    Clip.objects.filter(contender__name="b", turn=1).update(priority=5)
    loaded = [Clip.objects.filter(contender__name="a").first().weights]
    clip = Clip.objects.claim_next("one", ["cpu"], loaded)
    assert (clip.contender.name, clip.turn) == ("b", 1)


def test_a_worker_gets_no_clip_that_needs_other_hardware(db):
    make_clip("queued", hardware="gpu.80gb")
    assert Clip.objects.claim_next("small", ["cpu", "gpu.24gb"]) is None
    assert Clip.objects.claim_next("large", ["gpu.24gb", "gpu.80gb"]) is not None


def test_nothing_starts_while_its_queue_is_paused_or_its_clips_are_held(db):
    Queue.objects.create(hardware="cpu", paused=True)
    make_clip("queued")
    assert Clip.objects.claim_next("one") is None
    Queue.objects.update(paused=False)
    assert Clip.objects.hold() == 1
    assert Clip.objects.claim_next("one") is None
    assert Clip.objects.release() == 1
    assert Clip.objects.claim_next("one") is not None


@pytest.mark.parametrize(
    ("start", "end", "quiet", "loud"),
    [("08:00", "18:00", ("08:00", "17:59"), ("07:59", "18:00")), ("22:00", "06:00", ("23:30", "05:59"), ("06:00",))],
)
def test_quiet_hours_may_span_midnight(start, end, quiet, loud):
    queue = Queue(hardware="cpu", quiet_from=time.fromisoformat(start), quiet_until=time.fromisoformat(end))

    def at(clock):
        return timezone.make_aware(datetime.combine(date(2026, 3, 1), time.fromisoformat(clock)))

    assert all(queue.rests(at(clock)) for clock in quiet)
    assert not any(queue.rests(at(clock)) for clock in loud)


def test_of_ten_thousand_cancelled_clips_none_starts(db):
    contender = make_contender("many")
    prompt = make_clip("ready", contender=contender).prompt
    Clip.objects.bulk_create(
        Clip(contender=contender, prompt=prompt, seed=seed, turn=seed) for seed in range(1, 10_001)
    )
    claimed = Clip.objects.claim_next("one")
    assert Clip.objects.cancel() == 10_000
    assert Clip.objects.claim_next("one") is None
    assert not claimed.finish()
    assert Clip.objects.filter(state=State.CANCELLED, reason="cancelled by an organizer").count() == 10_000


def test_cancelling_a_comparison_spares_clips_that_another_one_waits_for(db):
    one = make_comparison(state="rendering", prompts=2, name="one")
    two = make_comparison(state="rendering", prompts=2, names=("end-to-end", "third"), name="two")
    assert one.cancel_rendering() == 2
    states = one.clips().values_list("contender__name", "state")
    assert set(states) == {("end-to-end", State.QUEUED), ("frame-by-frame", State.CANCELLED)}
    assert set(two.clips().values_list("state", flat=True)) == {State.QUEUED}


def test_a_look_for_the_next_clip_reads_an_index_and_sorts_nothing(db):
    queue_up("ab", 40)
    if connection.vendor == "postgresql":
        pytest.skip("PostgreSQL reads a table of this size whole: benchmarks/claim_speed.py tells")
    waiting = Clip.objects.filter(state=State.QUEUED, hardware="cpu")
    for clips, index in ((waiting, "clip_waiting"), (waiting.filter(weights="w", turn__lte=9), "clip_waiting_warm")):
        plan = clips.order_by("-priority", "turn", "pk")[:1].explain()
        assert f"USING INDEX {index} " in plan
        assert "TEMP B-TREE" not in plan


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
