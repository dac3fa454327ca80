"""Real worker processes, killed and frozen at the worst moment: nothing is lost and nothing is accepted twice."""

import time
import uuid

import psycopg
import pytest

from tests.generation.house import LEASE, UNFENCED, House, until
from tests.services import postgres_url, rabbitmq_url, redis_url

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(params=["embedded", "grown"])
def house(request, tmp_path):
    engines = {}
    if request.param == "grown":
        broker = rabbitmq_url() or redis_url()
        if not (postgres_url() and broker):
            pytest.skip("PostgreSQL, or a broker, is not running: `make test` starts them")
        name = f"worker_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(postgres_url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        engines = {"DATABASE_URL": postgres_url().rsplit("/", 1)[0] + f"/{name}", "BROKER_URL": broker}
    house = House(tmp_path, **engines)
    house.watch()
    yield house
    house.end()


@pytest.fixture
def embedded(tmp_path):
    house = House(tmp_path)
    house.watch()
    yield house
    house.end()


def test_a_worker_killed_in_the_middle_of_a_clip_costs_nothing(house):
    house.launch()
    first = house.start_worker()
    until(house.rendering)
    house.kill(first)
    interrupted, killed = house.rendering(), time.time()
    assert interrupted, "the worker was to be killed while it rendered"
    house.start_worker()
    until(lambda: not house.unfinished())
    clips = house.clips()
    assert len(clips) == 12
    assert all(clip["whole"] for clip in clips)
    assert max(clip["attempt"] for clip in clips) == 2
    assert house.accepted_twice() == 0
    # The second worker needs some seconds to start here.
    assert all(house.restart_of(*clip) - killed < LEASE + 10 + 10 for clip in interrupted)


def frozen_beyond_its_lease(house, before):
    """One worker stands still while another takes its clip over, and then delivers."""
    house.launch(prompts=2)
    slow = house.start_worker(before, beat=False)
    until(house.rendering)
    house.freeze(slow)
    held = house.rendering()
    time.sleep(1.5 * LEASE)
    house.start_worker()
    until(lambda: not house.unfinished(), seconds=90)
    assert all(house.restart_of(*clip) for clip in held)
    house.thaw(slow)
    until(lambda: b"thrown away" in (house.folder / "worker.log").read_bytes() or house.accepted_twice(), seconds=30)
    return held


def test_a_result_that_comes_from_a_lost_lease_is_not_accepted(embedded):
    assert frozen_beyond_its_lease(embedded, "")
    assert embedded.accepted_twice() == 0
    assert all(clip["whole"] for clip in embedded.clips())


def test_without_the_fence_it_would_be(embedded):
    """The negative control: the same fault, by a worker that does not look whether it still holds the clip."""
    assert frozen_beyond_its_lease(embedded, UNFENCED)
    assert embedded.accepted_twice() > 0


def test_a_broker_that_lost_every_message_costs_nothing(embedded):
    embedded.launch(prompts=3)
    embedded.wipe_broker()
    embedded.start_worker()
    until(lambda: not embedded.unfinished())
    assert embedded.accepted_twice() == 0
