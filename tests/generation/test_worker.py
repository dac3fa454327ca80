"""Real worker processes, killed and frozen at the worst moment: nothing is lost and nothing is accepted twice."""

import time

import pytest

from tests.generation.house import (
    ENDLESS,
    UNFENCED,
    House,
    accepted_from_a_lost_lease,
    left_behind_by_a_killed_worker,
    left_behind_by_lost_bells,
    until,
)
from tests.services import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_a_worker_killed_in_the_middle_of_a_clip_costs_nothing(house):
    house.launch()
    first = house.start_worker()
    interrupted = house.freeze_at_work(first)
    house.kill(first)
    killed = time.time()
    house.start_worker()
    until(lambda: not house.unfinished())
    clips = house.clips()
    assert len(clips) == 12
    assert all(clip["whole"] for clip in clips)
    assert max(clip["attempt"] for clip in clips) == 2
    assert house.accepted_twice() == 0
    # How soon it was taken up, benchmarks/faults.py tells; not while a worker that lives might hold it.
    assert all(house.restart_of(clip, attempt) > killed for clip, attempt, _ in interrupted)


def test_a_result_that_comes_from_a_lost_lease_is_not_accepted(house):
    assert accepted_from_a_lost_lease(house) == 0
    assert all(clip["whole"] for clip in house.clips())


def test_without_the_fence_it_would_be(house):
    """The negative control: the same fault, by a worker that does not look whether it still holds the clip."""
    assert accepted_from_a_lost_lease(house, UNFENCED) > 0


def test_a_broker_that_lost_every_message_costs_nothing(house):
    assert left_behind_by_lost_bells(house, house.wipe_broker) == 0
    assert house.accepted_twice() == 0


def test_without_a_broker_comparisons_are_launched_and_workers_look_by_themselves(tmp_path, engines):
    transport = engines.get("BROKER_URL", "redis:").partition(":")[0]
    house = House(tmp_path, **engines | {"BROKER_URL": f"{transport}://127.0.0.1:{free_port()}/0"})
    try:
        assert left_behind_by_lost_bells(house, lambda: None, before="", sweep=False) == 0
    finally:
        house.end()


def test_with_neither_sweep_nor_look_its_clips_would_wait_for_ever(house):
    assert left_behind_by_lost_bells(house, house.wipe_broker, sweep=False) == 4


MANY = """
from evalapp.generation.models import Clip
like = Clip.objects.first()
Clip.objects.bulk_create(
    Clip(contender=like.contender, prompt=like.prompt, seed=seed, turn=1) for seed in range(1000, 11_000)
)
"""
CANCEL = "from evalapp.generation.models import Clip; print(Clip.objects.cancel())"
STARTED = "SELECT COUNT(*) FROM event JOIN evalapp_clip c ON c.id = clip WHERE event.kind = 'claimed' AND seed >= 1000"
LEFT = "SELECT COUNT(*) FROM evalapp_clip WHERE seed < 1000 AND state NOT IN ('ready', 'cancelled')"


@pytest.mark.parametrize("in_the_database", [True, False], ids=["rows", "messages alone"])
def test_of_10000_cancelled_clips_none_starts_though_their_worker_goes_on(house, in_the_database):
    """The negative control takes back the messages alone: the sweep rings again, and clips go on."""
    house.launch(prompts=1)
    house.run("shell", "-v0", "-c", MANY)
    house.start_worker()
    until(lambda: house.sql(STARTED)[0][0])
    if in_the_database:
        assert int(house.run("shell", "-v0", "-c", CANCEL).splitlines()[-1]) > 9_000
    else:
        house.wipe_broker()
    (started,) = house.sql(STARTED)[0]
    if not in_the_database:
        until(lambda: house.sql(STARTED)[0][0] > started + 4)
        return
    house.launch(prompts=2, name="after")
    until(lambda: not house.sql(LEFT)[0][0])
    assert house.sql(STARTED)[0][0] == started


def test_without_an_end_of_its_lease_the_clip_of_a_killed_worker_would_wait_for_ever(house):
    assert left_behind_by_a_killed_worker(house, ENDLESS) > 0
